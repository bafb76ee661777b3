"""The parts of a session put together from what the user wrote and what the ledger says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from overnight.errors import GoalError
from overnight.fleet.local import linked_paths
from overnight.goal.document import Goal
from overnight.goal.settings import SUBMITTED, Settings
from overnight.ledger.history import History
from overnight.ledger.records import Judged, Proposed, Steered
from overnight.loop.state import State
from overnight.plugins import is_name, load, offered
from overnight.propose.agents import check_agent, named
from overnight.propose.agents.any_command import AnyCommand
from overnight.propose.brief import Brief
from overnight.propose.command import CommandProposer, check_program
from overnight.propose.model import ModelProposer, check_model, is_model
from overnight.propose.past import Past
from overnight.propose.proposer import Proposer
from overnight.propose.shares import Earned
from overnight.propose.team import Team
from overnight.repo.blocks import MarkersError, blocks
from overnight.repo.candidate import Scope, fingerprint
from overnight.repo.git import Repository
from overnight.repo.worktree import Worktree
from overnight.runs.sandbox import Sandbox

_EARNED = 300
"""Experiments from which it is judged who is asked next."""
_TOLD = 300
"""Experiments that a brief may tell of, the kept ones apart."""


@dataclass(frozen=True)
class Origin:
    """Where versions come from: a repository, the commit to start from, and the files in it that may change."""

    repository: Repository
    base: str
    scope: Scope

    def edit_files(self, commit: str) -> dict[str, bytes]:
        """The files that may change, as `commit` has them."""
        literal = self.scope.literal
        paths = literal if literal is not None else self.scope.of(self.repository.tracked(commit))
        contents = {path: self.repository.read(commit, path) for path in paths}
        return {path: content for path, content in contents.items() if content is not None}


@dataclass(frozen=True)
class Project(Origin):
    """The user's project as a session sees it."""

    goal: Goal

    @classmethod
    def of(cls, goal: Goal, base: str | None = None) -> Project:
        """The project around `goal`, at `base` or at the commit that is checked out.

        Raises RepositoryError when there is no repository or commit, GoalError when an `edit` file is not tracked,
        or its EVOLVE-BLOCK markers do not pair.
        """
        repository = Repository.find(goal.folder)
        commit = base or repository.head()
        scope = Scope(goal.settings.edit)
        missing = scope.untracked(repository.tracked(commit))
        if missing:
            raise GoalError(
                [
                    f"{goal.at('edit')}: `edit`: {name!r} is not in the commit that the session starts from "
                    f"({commit[:7]}), so it could not be undone; commit it (`git add {name} && git commit`)"
                    for name in missing
                ]
            )
        project = cls(repository, commit, scope, goal)
        if mistakes := list(project._unpaired_markers()):
            raise GoalError(mistakes)
        return project

    def _unpaired_markers(self) -> Iterator[str]:
        for path, content in self.edit_files(self.base).items():
            try:
                blocks(content)
            except MarkersError as error:
                yield f"{self.goal.at('edit')}: `edit`: {path}:{error.line}: {error}"

    def warnings(self) -> list[str]:
        """What a careful colleague would say before the session starts: edits that are not committed are not in it."""
        changed = [
            path
            for path, content in self.edit_files(self.base).items()
            if not (place := self.goal.folder / path).is_file() or place.read_bytes() != content
        ]
        if not changed:
            return []
        names = ", ".join(changed)
        return [
            f"{names} has changes that are not committed; the session starts from commit {self.base[:7]}, without them"
        ]


def make_proposer(
    project: Project,
    settings: Settings,
    history: History,
    *,
    seed: int,
    state: State,
    sandbox: Sandbox,
    should_stop: Callable[[], bool],
    thinker: int = 0,
) -> Proposer:
    """The proposer that `settings.agent` names, which `check_agents` has looked at; `thinker` tells equals apart."""
    where = f"thinker-{thinker}-agent" if thinker else "agent"

    def make(who: str, place: str) -> Proposer:
        if who == "search":
            return _search(project, history, seed)
        if is_model(who):
            return ModelProposer(who, settings, should_stop=should_stop)
        if is_brought(who):
            return _brought(who, settings, should_stop)
        agent, model = named(who) or (AnyCommand(who), None)
        return CommandProposer(
            agent,
            settings,
            Worktree(project.repository, state.work / place, linked_paths(settings.read, project.goal.folder)),
            project.scope,
            model=model,
            sandbox=sandbox,
            folder=state.logs(history.session),
            should_stop=should_stop,
        )

    first, *others = settings.agent
    members = [make(first, where), *(make(who, f"{where}-{n}") for n, who in enumerate(others, 2))]
    if not others:
        return members[0]
    stop = settings.stop
    return Team(
        members,
        seed=seed,
        earned=lambda: earned_in(history),
        hours_a_dollar=stop.hours / stop.cost if stop.hours and stop.cost else None,
    )


def earned_in(history: History) -> list[Earned]:
    """What the last experiments have brought, whoever proposed them, and what they took."""
    costs = history.costs_last(_EARNED)
    return [
        Earned(
            judged.proposer,
            max(judged.gain or 0.0, 0.0) if judged.verdict == "keep" else 0.0,
            judged.seconds / 3600,
            costs.get(judged.number, 0.0),
        )
        for judged in history.judged_last(_EARNED)
    ]


def check_agents(settings: Settings, goal: Goal) -> None:
    """Raise OvernightError unless everybody whom `settings.agent` names can propose."""
    for who in settings.agent:
        if who in ("search", SUBMITTED):
            continue
        if is_model(who):
            check_model(who, settings.base_url)
        elif known := named(who):
            check_agent(known[0])
        elif is_brought(who):
            load("proposer", who)
        else:
            check_program(who, goal.folder)


def check_plugins(settings: Settings) -> None:
    """Raise OvernightError unless the judge and the fleet that `settings` name can be loaded."""
    for kind, name in settings.plugins:
        load(kind, name)


def _search(project: Project, history: History, seed: int) -> Proposer:
    from overnight.propose.search import SearchProposer  # noqa: PLC0415 - LibCST takes a while to load

    return SearchProposer(seed, history.judged_after, lambda files: history.tried(fingerprint(files)) is not None)


def is_brought(who: str) -> bool:
    """Whether an installed package brings a proposer of this name. What is built in comes first, any command last."""
    return who != "search" and is_name(who) and named(who) is None and who in offered("proposer")


def _brought(who: str, settings: Settings, should_stop: Callable[[], bool]) -> Proposer:
    from overnight.propose.custom import CustomProposer  # noqa: PLC0415 - hardly anybody has one

    return CustomProposer(load("proposer", who), limit=settings.agent_timeout, should_stop=should_stop)


def make_brief(
    project: Project,
    settings: Settings,
    history: History,
    number: int,
    incumbent: Judged,
    noise: float,
    under_way: Sequence[Proposed] = (),
    overtaken: Proposed | None = None,
) -> Brief:
    """All that is known when experiment `number` is to be proposed; `noise` is that of one run.

    `under_way` is what has no verdict yet; `overtaken` is what was proposed under this number for an incumbent that is
    none any more.
    """
    baseline = history.baseline()
    last = next(iter(history.judged_last(1)), None)
    assert baseline is not None
    return Brief(
        number=number,
        english=project.goal.english,
        edit=project.scope.patterns,
        metric=settings.metric,
        direction=settings.direction,
        budget_seconds=settings.budget,
        run=settings.command,
        score=settings.score or "",
        files=project.edit_files(incumbent.commit or project.base),
        incumbent_number=incumbent.number,
        incumbent_metric=incumbent.metric or 0.0,
        baseline_metric=baseline.metric or 0.0,
        noise=noise,
        past=lambda: past_of(history),
        last_rule_broken=last.reason if last is not None and last.verdict == "invalid" else None,
        incumbent_commit=incumbent.commit or project.base,
        tokens=settings.brief_tokens,
        window=settings.live.window if settings.live else None,
        wishes=tuple(_wish_words(history, wish) for wish in history.wishes()),
        under_way=tuple(other.hypothesis for other in under_way),
        overtaken=overtaken.hypothesis if overtaken is not None else None,
        overtaken_patch=_patch_of(project, overtaken) if overtaken is not None else "",
    )


def _patch_of(project: Project, proposed: Proposed) -> str:
    return project.repository.patch_if_whole(proposed.parent, proposed.commit or proposed.parent) or ""


def _wish_words(history: History, wish: Steered) -> str:
    """A hint, a pin or a forbid as the proposer is told of it."""
    how = {"hint": "Try this next", "pin": "Keep to this", "forbid": "Leave this alone"}[wish.act]
    judged = history.judged_number(wish.number) if wish.number is not None else None
    about = f"what experiment {judged.number} tried (“{' '.join(judged.hypothesis.split())}”). " if judged else ""
    return f"{how}: {about}{wish.text}"


def past_of(history: History) -> Past:
    """What was tried, as far as a brief may tell of it."""
    notes = history.review()
    return Past(
        tried=history.judged_last(_TOLD),
        kept=history.kept(),
        notes=notes.text if notes else "",
        notes_upto=notes.number if notes else 0,
    )
