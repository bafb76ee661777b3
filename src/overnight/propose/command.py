"""A program as the proposer: it gets the brief, edits files in its own copy of the project, and ends."""

from __future__ import annotations

import difflib
import errno
import os
import re
import shlex
import shutil
import stat
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

from overnight.errors import OvernightError
from overnight.folders import remove
from overnight.goal.settings import Settings
from overnight.morning.plain import printable
from overnight.propose.agents.agent import Agent, Asking
from overnight.propose.agents.conversation import Conversation
from overnight.propose.agents.said import Said
from overnight.propose.brief import Brief
from overnight.propose.complaints import retry_after
from overnight.propose.proposer import Proposal
from overnight.propose.room import agent_room
from overnight.propose.usage import estimate, priced
from overnight.repo.candidate import Scope
from overnight.repo.worktree import Change, Worktree
from overnight.runs.environment import guest_environment
from overnight.runs.logs import agent_log, review_log
from overnight.runs.output import Output
from overnight.runs.process import run_process
from overnight.runs.redact import redact
from overnight.runs.sandbox import Sandbox

_HYPOTHESIS = re.compile(r"^\W{0,10}hypothesis\W{0,3}:\W{0,3}(?P<text>.+?)[\s*_`]*$", re.IGNORECASE | re.MULTILINE)
LONGEST_HYPOTHESIS = 300
_SHOWN = 4000
_LARGEST_FILE = 10 * 2**20


class CommandProposer:
    """Runs an agent's command once for each proposal, in a copy of the project that holds the incumbent."""

    def __init__(
        self,
        agent: Agent,
        settings: Settings,
        worktree: Worktree,
        scope: Scope,
        *,
        model: str | None = None,
        sandbox: Sandbox,
        folder: Path,
        should_stop: Callable[[], bool],
    ) -> None:
        """`model` is the one that the agent shall use; `folder` is where briefs and outputs are kept."""
        self.name = f"{agent.name}:{model}" if model else agent.name
        self._agent = agent
        self._model = model
        self._conversation = Conversation() if settings.agent_memory == "session" else None
        self._settings = settings
        self._worktree = worktree
        self._scope = scope
        self._sandbox = sandbox
        self._folder = folder
        self._should_stop = should_stop

    def propose(self, brief: Brief) -> Proposal:
        """Run the agent on the brief. Raises Interrupted when asked to stop meanwhile."""
        try:
            told = brief.text()
            return self._read_copy(brief, told, self._run(brief, told, agent_log(brief.number)))
        finally:
            self._worktree.clean()

    @property
    def reviews(self) -> bool:
        """Only those that are known by name: any other program would take it for a brief."""
        return bool(self._agent.program)

    def review(self, brief: Brief) -> Proposal:
        """Ask the agent what it has learned; what it changes is thrown away."""
        try:
            told = brief.review_text()
            said = self._run(brief, told, review_log(brief.number))
            return replace(self._read_words(told, said), failure=said.failure(self._settings.agent_timeout))
        finally:
            self._worktree.clean()

    def _run(self, brief: Brief, told: str, log: str) -> Said:
        self._worktree.checkout(brief.incumbent_commit)
        self._folder.mkdir(parents=True, exist_ok=True)
        brief_file = self._folder / f"{self._worktree.folder.name}.brief.md"
        remove(brief_file)  # A guest without a sandbox may have put a link there.
        brief_file.write_text(told, encoding="utf-8")
        tmp = self._worktree.folder.with_name(f"{self._worktree.folder.name}-tmp")
        resume = self._conversation.name if self._conversation else None
        asking = Asking(brief_file, sorted(brief.files), self._model, self._sandbox.confines, resume)
        command, needs = self._agent.command(asking), self._agent.needs
        room = agent_room(
            command, needs, self._settings, self._worktree, self._scope, brief_file, tmp, self._sandbox,
            keeps_home=resume is not None,
        )  # fmt: skip
        named = (*self._settings.agent_env, *needs.env)
        env = guest_environment(room, self._sandbox, named, **needs.settings, OVERNIGHT_BRIEF=str(brief_file))
        with Output(self._folder / log) as output, brief_file.open("rb") as stdin:
            ended = run_process(
                command,
                room=room,
                sandbox=self._sandbox,
                env=env,
                limit=self._settings.agent_timeout,
                output=output,
                should_stop=self._should_stop,
                stdin=stdin,
            )
        answer = self._agent.read(output.standard_output())
        if self._conversation:
            answer = replace(answer, usage=self._conversation.went_on(answer))
        return Said(ended, output.tail(), output.printed_bytes, answer)

    def close(self) -> None:
        """Remove the copy."""
        self._worktree.remove()

    def _read_words(self, told: str, said: Said) -> Proposal:
        """What of an answer does not depend on what was changed."""
        usage = said.answer.usage
        usage = usage.model_copy(update={"model": usage.model or self._model or ""})
        if self._agent.program and usage.cost is None and not usage.tokens:
            usage = estimate(told, said.answer.text, model=usage.model)
        shown = said.answer.text.strip() if self._agent.program else ""
        return Proposal({}, usage=priced(usage), output=redact(shown)[-_SHOWN:] or said.tail)

    def _read_copy(self, brief: Brief, told: str, said: Said) -> Proposal:
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
        denied = _denied(said.tail) if self._sandbox.confines else ""
        unavailable = None
        if said.ended.was_killed:
            unavailable = "the agent was killed before it was done"
        elif came_to_nothing and not denied:  # Who was kept from writing elsewhere has had their chance.
            unavailable = said.outage(self._agent.login)
        words = self._read_words(told, said)
        return replace(
            words,
            files=changed,
            hypothesis=hypothesis_of(hypothesis_in(said.answer.text), brief.files, changed),
            trespasses=tuple(trespasses),
            denied=denied,
            failure=said.came_to_nothing(self._settings.agent_timeout) if came_to_nothing else None,
            unavailable=unavailable,
            retry_after=retry_after(said.answer.complaint or said.tail) if came_to_nothing else None,
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


_NO_FILE = object()


def _as_text(path: str) -> str:
    """A file's name, which may be no text, so that it can be written down."""
    return path.encode("utf-8", errors="surrogateescape").decode("utf-8", errors="replace")


def check_program(command: str, folder: Path, known: Collection[str] = ()) -> None:
    """Raise OvernightError unless the program that `command` begins with can be found from `folder`.

    `known` are the proposers that are no commands: one of them may be meant."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise OvernightError(f"the agent command {command!r} cannot be read: {str(error).lower()}") from None
    program = next((word for word in words if not re.fullmatch(r"\w+=.*", word)), "")
    found = (folder / program).exists() if "/" in program else shutil.which(program) or program in _SHELL_WORDS
    if program and not found:
        meant = difflib.get_close_matches(program, known, 1)
        hint = f"did you mean `{meant[0]}`? If not, " if meant else ""
        raise OvernightError(
            f"the agent command {program!r} was not found; {hint}install it, or set `agent:` to another command or to "
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
    return next((line[:LONGEST_HYPOTHESIS] for line in lines if any(words in line for words in _DENIALS)), "")


_DENIALS = (os.strerror(errno.EROFS), os.strerror(errno.EBUSY))


def hypothesis_in(printed: str) -> str:
    """What an answer says why it should help: the last line `hypothesis: …`; "" where there is none."""
    found = list(_HYPOTHESIS.finditer(printed))
    return " ".join(found[-1]["text"].split())[:LONGEST_HYPOTHESIS] if found else ""


def hypothesis_of(said: str, before: Mapping[str, bytes], changes: Mapping[str, bytes | None]) -> str:
    """What a proposer says why its change should help, in one line and without keys; else the change in words.

    It becomes the subject of a commit, and what would act on a terminal is nothing that git leaves out.
    """
    return printable(redact(" ".join(said.split()))[:LONGEST_HYPOTHESIS] or describe(before, changes))


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
    return "; ".join(parts)[:LONGEST_HYPOTHESIS]
