"""Who proposes in a session, as goal.md names them; and whether all that it names is there before one begins."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import PurePosixPath

from overnight.errors import OvernightError
from overnight.fleet.local import linked_paths
from overnight.folders import files_named
from overnight.goal.settings import SUBMITTED, Settings
from overnight.ledger.history import History
from overnight.loop.project import Project
from overnight.loop.state import State
from overnight.plugins import is_name, load, offered
from overnight.propose.agents import AGENTS, check_agent, named
from overnight.propose.agents.any_command import AnyCommand
from overnight.propose.command import CommandProposer, check_program
from overnight.propose.model import ModelProposer, check_model, is_model
from overnight.propose.models.keys import PROVIDERS
from overnight.propose.proposer import Proposer
from overnight.propose.shares import Earned
from overnight.propose.team import Team
from overnight.repo.candidate import fingerprint
from overnight.repo.worktree import Worktree
from overnight.runs.sandbox import Sandbox

_EARNED = 300
"""Experiments from which it is judged who is asked next."""
_KNOWN = ("search", SUBMITTED, *AGENTS, *(f"{name}:MODEL" for name in PROVIDERS))


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
            return _search(history, seed)
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


def check_agents(settings: Settings, project: Project) -> None:
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
            check_program(who, project.goal.folder, _KNOWN)
            _check_files(who, settings, project)


def _check_files(command: str, settings: Settings, project: Project) -> None:
    """What the folder has and a copy of it lacks, an agent that was written a minute ago say, nobody could start."""
    # What follows the first file may be a log, or whatever else it writes.
    for name in files_named(shlex.split(command), project.goal.folder)[:1]:
        in_copy = project.repository.read(project.base, name) is not None
        if not in_copy and not any(PurePosixPath(name).is_relative_to(path) for path in settings.read):
            raise OvernightError(
                f"the agent's {name} is not committed, and its copy of the project has only what is; commit it "
                f"(`git add {name} && git commit`) before the session begins, or name it by its full path"
            )


def check_plugins(settings: Settings) -> None:
    """Raise OvernightError unless the judge and the fleet that `settings` name can be loaded."""
    for kind, name in settings.plugins:
        load(kind, name)


def _search(history: History, seed: int) -> Proposer:
    from overnight.propose.search import SearchProposer  # noqa: PLC0415 - LibCST takes a while to load

    return SearchProposer(seed, history.judged_after, lambda files: history.tried(fingerprint(files)) is not None)


def is_brought(who: str) -> bool:
    """Whether an installed package brings a proposer of this name. What is built in comes first, any command last."""
    return who != "search" and is_name(who) and named(who) is None and who in offered("proposer")


def _brought(who: str, settings: Settings, should_stop: Callable[[], bool]) -> Proposer:
    from overnight.propose.custom import CustomProposer  # noqa: PLC0415 - hardly anybody has one

    return CustomProposer(load("proposer", who), limit=settings.agent_timeout, should_stop=should_stop)
