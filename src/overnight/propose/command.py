"""Any program as the proposer: it gets the brief, edits files in its own copy of the project, and ends."""

from __future__ import annotations

import difflib
import errno
import os
import re
import shlex
import shutil
import stat
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath

from overnight.errors import OvernightError
from overnight.folders import remove
from overnight.goal.settings import Settings
from overnight.propose.agents import needs_of
from overnight.propose.brief import Brief
from overnight.propose.outage import is_outage, retry_after
from overnight.propose.proposer import Proposal
from overnight.propose.room import agent_room
from overnight.repo.candidate import Scope
from overnight.repo.worktree import Change, Worktree
from overnight.runs.environment import guest_environment
from overnight.runs.output import Output
from overnight.runs.process import Ended, run_process
from overnight.runs.sandbox import Sandbox

_HYPOTHESIS = re.compile(r"^\W{0,10}hypothesis\W{0,3}:\W{0,3}(?P<text>.+?)[\s*_`]*$", re.IGNORECASE | re.MULTILINE)
_LONGEST_HYPOTHESIS = 300
_LARGEST_FILE = 10 * 2**20


class CommandProposer:
    """Runs `command` once for each proposal, in a copy of the project that holds the incumbent."""

    def __init__(
        self,
        settings: Settings,
        worktree: Worktree,
        scope: Scope,
        *,
        sandbox: Sandbox,
        folder: Path,
        should_stop: Callable[[], bool],
    ) -> None:
        """`settings.agent` is the command; `folder` is where briefs and outputs are kept."""
        self.name = settings.agent
        self._settings = settings
        self._worktree = worktree
        self._scope = scope
        self._sandbox = sandbox
        self._folder = folder
        self._should_stop = should_stop

    def propose(self, brief: Brief) -> Proposal:
        """Run the command on the brief. Raises Interrupted when asked to stop meanwhile."""
        self._worktree.checkout(brief.incumbent_commit)
        self._folder.mkdir(parents=True, exist_ok=True)
        brief_file = self._folder / "brief.md"
        remove(brief_file)  # A guest without a sandbox may have put a link there.
        brief_file.write_text(brief.text(), encoding="utf-8")
        tmp = self._worktree.folder.with_name("agent-tmp")
        room = agent_room(self._settings, self._worktree, self._scope, brief_file, tmp, self._sandbox)
        named = (*self._settings.agent_env, *needs_of(self.name).env)
        env = guest_environment(room, self._sandbox, named, OVERNIGHT_BRIEF=str(brief_file))
        try:
            with Output(self._folder / f"{brief.number}.agent.log") as output, brief_file.open("rb") as stdin:
                ended = run_process(
                    self.name,
                    room=room,
                    sandbox=self._sandbox,
                    env=env,
                    limit=self._settings.agent_timeout,
                    output=output,
                    should_stop=self._should_stop,
                    stdin=stdin,
                )
            printed = output.tail()
            return self._read_copy(brief, ended, printed)
        finally:
            self._worktree.clean()

    def close(self) -> None:
        """Remove the copy."""
        self._worktree.remove()

    def _read_copy(self, brief: Brief, ended: Ended, printed: str) -> Proposal:
        files: dict[str, bytes | None] = {}
        trespasses = []
        for change in self._worktree.changes():
            path = self._inside(change)
            if path is not None and self._scope.allows(path) and (content := self._content(change)) is not _NO_FILE:
                files[path] = content  # type: ignore[assignment]
            elif not _is_dropping(change):
                trespasses.append(_as_text(path or f"/{change.path}"))
        changed = {path: content for path, content in files.items() if content != brief.files.get(path)}
        came_to_nothing = not changed and not trespasses
        failure = self._failure(ended) if came_to_nothing else None
        hypothesis = _hypothesis(printed) or describe(brief.files, changed)
        denied = _denied(printed) if self._sandbox.confines else ""
        return Proposal(
            changed,
            hypothesis,
            trespasses=tuple(trespasses),
            denied=denied,
            failure=failure,
            # Who was kept from writing elsewhere has had their chance.
            unavailable=_unavailable(ended, printed, failure, came_to_nothing=came_to_nothing and not denied),
            retry_after=retry_after(printed) if came_to_nothing else None,
            cost=_cost(printed),
            output=printed,
        )

    def _inside(self, change: Change) -> str | None:
        """The path relative to goal.md's folder; None for one outside it."""
        prefix = self._worktree.repository.prefix
        if not prefix:
            return change.path
        return change.path.removeprefix(f"{prefix}/") if change.path.startswith(f"{prefix}/") else None

    def _content(self, change: Change) -> bytes | object | None:
        """What the file holds now; None if it was deleted; `_NO_FILE` if something else (a link, a folder) is there."""
        place = self._worktree.folder / change.path
        try:
            status = place.lstat()
        except FileNotFoundError:
            return None
        if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST_FILE:
            return _NO_FILE
        try:
            return place.read_bytes()
        except PermissionError:
            return _NO_FILE

    def _failure(self, ended: Ended) -> str | None:
        if ended.forced:
            limit = self._settings.agent_timeout
            return f"the agent was still at work after {limit:g} s and was ended before it changed anything"
        if ended.beyond is not None:
            return f"the agent {ended.beyond} and was ended before it changed anything"
        if ended.exit_code != 0:
            how = f"with exit code {ended.exit_code}" if ended.exit_code is not None else f"by signal {ended.signal}"
            return f"the agent ended {how} and changed nothing"
        return None


def _unavailable(ended: Ended, printed: str, failure: str | None, *, came_to_nothing: bool) -> str | None:
    """Why there will be a proposal only later; None when there is one, or when the agent has had its chance."""
    if ended.forced or ended.beyond is not None:
        return None
    if ended.was_killed:
        return "the agent was killed before it was done"
    if not came_to_nothing or (ended.exit_code == 0 and not is_outage(printed)):
        return None
    last = next((line.strip() for line in reversed(printed.splitlines()) if line.strip()), "")
    return (failure or "the agent changed nothing") + (f": {last[:_LONGEST_HYPOTHESIS]}" if last else "")


_NO_FILE = object()


def _as_text(path: str) -> str:
    """A file's name, which may be no text, so that it can be written down."""
    return path.encode("utf-8", errors="surrogateescape").decode("utf-8", errors="replace")


def check_program(command: str, folder: Path) -> None:
    """Raise OvernightError unless the program that `command` begins with can be found from `folder`."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise OvernightError(f"the agent command {command!r} cannot be read: {str(error).lower()}") from None
    program = next((word for word in words if not re.fullmatch(r"\w+=.*", word)), "")
    found = (folder / program).exists() if "/" in program else shutil.which(program) or program in _SHELL_WORDS
    if program and not found:
        raise OvernightError(
            f"the agent command {program!r} was not found; install it, or set `agent:` to another command or to "
            "`search` (built in, needs no model)"
        )


_SHELL_WORDS = frozenset(
    {"if", "for", "while", "case", "{", "(", "!", "cd", ".", "exec", "eval", "set", "export", ":", "exit"}
)


def _is_dropping(change: Change) -> bool:
    """A new file that agents leave about and that cannot be part of an idea: caches, dot files, session notes."""
    parts = PurePosixPath(change.path).parts
    return change.is_new and any(part.startswith(".") or part == "__pycache__" for part in parts)


def _denied(printed: str) -> str:
    """The last line in which the system said that something may not be written."""
    lines = (line.strip() for line in reversed(printed.splitlines()))
    return next((line[:_LONGEST_HYPOTHESIS] for line in lines if any(words in line for words in _DENIALS)), "")


_DENIALS = (os.strerror(errno.EROFS), os.strerror(errno.EBUSY))


def _cost(printed: str) -> float | None:
    """US dollars in the last `cost: 0.12`, also as coding agents print it among JSON (`"total_cost_usd": 0.12`)."""
    found = list(_COST.finditer(printed))
    return float(found[-1]["dollars"]) if found else None


_COST = re.compile(
    r"^\W*(?:\{.*)?\b(?:total_)?cost(?:_usd)?\W{1,4}(?P<dollars>\d+(?:\.\d+)?)", re.IGNORECASE | re.MULTILINE
)


def _hypothesis(printed: str) -> str:
    found = list(_HYPOTHESIS.finditer(printed))
    return " ".join(found[-1]["text"].split())[:_LONGEST_HYPOTHESIS] if found else ""


def describe(before: Mapping[str, bytes], changes: Mapping[str, bytes | None]) -> str:
    """A change in words, for a proposer that gave no reason: "`LR = 0.1` → `LR = 0.2`", or the lines changed where."""
    parts = []
    for path, content in sorted(changes.items()):
        old = before.get(path, b"").decode("utf-8", errors="replace").splitlines()
        new = (content or b"").decode("utf-8", errors="replace").splitlines()
        lines = [
            line for line in difflib.unified_diff(old, new, lineterm="", n=0) if line[:3] not in ("---", "+++", "@@ ")
        ]
        gone = [line[1:].strip() for line in lines if line.startswith("-")]
        came = [line[1:].strip() for line in lines if line.startswith("+")]
        if content is None:
            parts.append(f"delete {path}")
        elif len(gone) == len(came) == 1 and max(len(gone[0]), len(came[0])) <= 80:
            parts.append(f"`{gone[0]}` → `{came[0]}`")
        else:
            parts.append(f"change {path} (+{len(came)} −{len(gone)} lines)")
    return "; ".join(parts)[:_LONGEST_HYPOTHESIS]
