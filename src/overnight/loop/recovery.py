"""Taking a session up: which one it is, whether it may go on, and git made to agree with the ledger."""

from __future__ import annotations

from datetime import date
from typing import Any

import overnight
from overnight.errors import SessionError
from overnight.goal.settings import Settings
from overnight.ledger.history import History, last_session, sessions
from overnight.ledger.records import SessionStarted
from overnight.ledger.store import Ledger, Recorder
from overnight.loop.confinement import wanted_sandbox
from overnight.loop.project import Project
from overnight.loop.stopping import Stopping
from overnight.repo.branch import SessionRefs
from overnight.runs.sandbox import Sandbox
from overnight.runs.world import World

_MEASURING = ("edit", "run", "compare", "live", "score", "metric", "direction", "budget", "kill_at", "overtime",
    "guards", "read", "hidden", "run_network", "score_network", "score_env", "limits", "prefer", "margin",
    "fleet", "setup", "resources", "judge",
)  # fmt: skip
"""Settings that must not change within a session: runs before and after could not be compared.

`slots` may: a machine has other work at times. docs/contracts.md says what that does to which metrics.
"""


class AlreadyFinished(Exception):  # noqa: N818 - it is good news
    """There is nothing to do: the last session is finished and nothing has changed since."""


def take_up(
    ledger: Ledger,
    project: Project,
    settings: Settings,
    *,
    seed: int | None,
    new: bool,
    sandboxed: bool,
    home: str = "",
) -> Recorder:
    """The history of the session to work on: the last one of this goal if it goes on, or a new one.

    `sandboxed` is whether a new one is to have a sandbox; the last one keeps what it began with.
    Raises AlreadyFinished, or SessionError when the last one can neither go on nor is finished.
    """
    last = None if new else _last_session(ledger, project.goal.path.name, home)

    def begin() -> Recorder:
        return _begin(ledger, project, settings, seed or 0, wanted_sandbox(sandboxed=sandboxed), home)

    if last is None:
        return begin()
    started = last.started()
    if started.rebuilt:
        raise SessionError(
            f"session {last.session} was rebuilt from what git remembers, after its ledger was lost: it can be read "
            "and applied, but not gone on with; start afresh with --new (apply first what you want to build on)"
        )
    changes = _changes(Settings.recorded(started.settings), settings)
    if last.baseline() is None and (changes or project.base != started.base):
        return begin()  # It never got off the ground, and was mended since.
    stopped = last.stopped()
    done = (
        Stopping(settings.stop, last, is_running=False).reason() if stopped is not None and stopped.finished else None
    )
    if done is not None:
        if changes or project.edit_files(project.base) != project.edit_files(started.base):
            return begin()
        raise AlreadyFinished(
            f"session {last.session} is finished: {done}. Ask for more with --experiments, or start afresh with --new"
        )
    problem = _why_not(f"session {last.session}", started, project, changes, seed, sandboxed=sandboxed)
    if problem is not None:
        raise SessionError(problem)
    return last


def _why_not(
    name: str, started: SessionStarted, project: Project, changes: list[str], seed: int | None, *, sandboxed: bool
) -> str | None:
    """Why a session that is not finished cannot go on as it is asked to now; None when it can."""
    if changes:
        return (
            f"{project.goal.path.name} is not what {name} began with: {'; '.join(changes)}. "
            "Its runs could not be compared with those to come: change it back, or start afresh with --new"
        )
    if seed is not None and seed != started.seed:
        return f"{name} began with --seed {started.seed}; start afresh with --new for another one"
    if sandboxed and not started.sandbox:
        return (
            f"{name} began before there was a sandbox; go on without one by `--no-sandbox`, or start afresh with --new"
        )
    if not sandboxed and started.sandbox not in ("none", ""):
        return (
            f"{name} began with a sandbox ({started.sandbox}), and what was measured in it is not what is measured "
            "without; start afresh with --new"
        )
    if not project.repository.has(started.base):
        return f"the commit that {name} began with is gone ({started.base[:7]}); start afresh with --new"
    return None


def _last_session(ledger: Ledger, goal_file: str, home: str) -> Recorder | None:
    """The newest session of the goal in `goal_file`."""
    name = last_session(ledger, goal_file, home)
    return Recorder(ledger, name) if name is not None else None


def agree(history: History, refs: SessionRefs) -> None:
    """Make the branch and the newest candidate's ref what the ledger says; a kill may have come between the two."""
    if refs.is_checked_out():
        raise SessionError(
            f"the branch {refs.branch} is checked out, and the session has to move it; "
            "switch back to your own (`git switch -`)"
        )
    incumbent = history.incumbent()
    refs.set_branch((incumbent.commit if incumbent else None) or history.started().base, history.made)
    for proposed in (history.last_proposed(), *history.undecided()):
        if proposed is not None and proposed.commit is not None:
            refs.remember(proposed.number, proposed.commit)


def _begin(ledger: Ledger, project: Project, settings: Settings, seed: int, sandbox: Sandbox, home: str) -> Recorder:
    goal = project.goal
    history = Recorder(ledger, _fresh_name(ledger, project))
    history.append(
        SessionStarted(
            goal=goal.text,
            goal_file=goal.path.name,
            settings=settings.model_dump(mode="json"),
            base=project.base,
            folder=project.repository.prefix,
            seed=seed,
            version=overnight.__version__,
            home=home,
            sandbox=sandbox.name,
            world=World(settings, goal.folder, project.repository.tracked(project.base)).look(),
        )
    )
    return history


def _fresh_name(ledger: Ledger, project: Project) -> str:
    """Today's date, with a number behind it when a session or a branch has that name already."""
    today = date.today().isoformat()
    taken = set(sessions(ledger))
    name, count = today, 1
    while name in taken or SessionRefs(project.repository, name).branch_tip() is not None:
        count += 1
        name = f"{today}-{count}"
    return name


def _changes(before: Settings, after: Settings) -> list[str]:
    # Who says yes to a live variant changes nothing about what is counted.
    old: dict[str, Any] = before.model_dump(mode="json", exclude={"live": {"approve"}})
    new: dict[str, Any] = after.model_dump(mode="json", exclude={"live": {"approve"}})
    return [f"`{key}` was {old[key]!r}, now {new[key]!r}" for key in _MEASURING if old[key] != new[key]]
