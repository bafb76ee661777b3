"""A session looked at from outside: does the ledger agree with itself, the refs, the branch and the patches?

Whatever can be mended without losing anything is mended; the ledger is believed before git, and git where the ledger
knows nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from overnight.errors import OvernightError, SessionError
from overnight.goal.document import Goal
from overnight.goal.settings import Settings
from overnight.ledger.history import History, sessions
from overnight.ledger.problems import OtherVersionError
from overnight.ledger.reader import LedgerReader
from overnight.ledger.records import Proposed, Record, Stopped
from overnight.ledger.salvage import is_sound, problems_of, replace_ledger, salvage
from overnight.ledger.store import Ledger, Recorder
from overnight.loop.project import Origin
from overnight.loop.rebuild import Remembered
from overnight.loop.state import State
from overnight.repo.branch import SessionRefs, sessions_in_git
from overnight.repo.candidate import Scope, fingerprint
from overnight.repo.git import Repository


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    words: str
    state: Literal["ok", "mended", "could be mended", "wrong"]


class Doctor:
    """Examines one project, and mends it unless it is only to look."""

    def __init__(self, goal: Goal, *, mends: bool) -> None:
        self._goal = goal
        self._mends = mends
        self._state = State.of(goal.folder)
        self._repository = Repository.find(goal.folder)

    def examine(self) -> Iterator[Finding]:
        """All that there is to say. Raises OvernightError where nothing can be looked at."""
        if not self._mends:
            yield from self._examine()
            return
        if holder := self._state.holder():
            raise SessionError(
                f"a session is running here ({holder}); end it with `overnight stop`, or only look with --look"
            )
        had_copies = self._state.work.exists()
        with self._state.locked():
            if had_copies:
                yield Finding("a killed process had left its private copies; they are removed", "mended")
            yield from self._examine()

    def _examine(self) -> Iterator[Finding]:
        place = self._state.ledger_place
        remembered = sessions_in_git(self._repository)
        if isinstance(place, Path) and not place.exists() and not remembered:
            raise SessionError("nothing was run here yet; `overnight run` starts a session")
        was_damaged = False
        if isinstance(place, Path):
            was_damaged = yield from self._ledger_file(place)
            if was_damaged and not self._mends:
                return
        if isinstance(place, Path) and not self._mends:
            with contextlib.closing(LedgerReader(place)) as reader:
                for name in sessions(reader, self._state.home):
                    yield from self._session(History(reader, name))
            return
        with contextlib.closing(Ledger.open(place)) as ledger:
            if not isinstance(place, Path):
                wrong = problems_of(ledger)
                yield from (Finding(f"{problem}: restore the database from its backup", "wrong") for problem in wrong)
                if not wrong:
                    yield Finding(f"every event in {ledger.name} is what was written", "ok")
            known = sessions(ledger, self._state.home)
            if was_damaged or not known:
                for name in dict.fromkeys([*known, *remembered]):
                    yield from self._rebuild(Recorder(ledger, name))
            for name in sessions(ledger, self._state.home):
                yield from self._session(Recorder(ledger, name))

    def _ledger_file(self, path: Path) -> Generator[Finding, None, bool]:
        """Look at the ledger's file; make it anew where it is damaged. Returns whether it was."""
        if path.exists() and is_sound(path):
            try:
                with contextlib.closing(Ledger.open(path) if self._mends else LedgerReader(path)) as source:
                    problems = problems_of(source)
            except (OtherVersionError, SessionError):
                raise
            except OvernightError as error:
                problems = [str(error)]
        else:
            problems = [f"{path.name} is {'damaged' if path.exists() else 'gone'}"]
        if not problems:
            yield Finding(f"every event in {path.name} is what was written, and none is missing", "ok")
            return False
        yield from (self._mended(problem) for problem in problems[:5])
        if not self._mends:
            yield Finding("it can be recovered to what is true in it: `overnight doctor`", "could be mended")
            return True
        found = salvage(path) if path.exists() else None
        mark = f"damaged-{datetime.now():%Y%m%d-%H%M%S}"
        beside = replace_ledger(path, found.rows if found else [], mark)
        true = len(found.rows) if found else 0
        kept = f"{true} true events were recovered" if true else "no event could be recovered"
        where = f"; the damaged file is kept as {beside.name}" if beside.exists() else ""
        yield Finding(f"{kept}{where}", "mended")
        return True

    def _rebuild(self, history: Recorder) -> Iterator[Finding]:
        """Add what git remembers of a session and the recovered ledger does not."""
        remembered = Remembered.of(self._repository, history.session)
        added: list[Record] = []
        if history.count("session_started") == 0:
            started = remembered.start(self._goal)
            if started is None:
                yield Finding(f"session {history.session} has left nothing that could be read", "wrong")
                return
            history.append(started)
            added.append(Stopped(finished=False, reason="rebuilt from git: its ledger was lost"))
        settings = Settings.recorded(history.started().settings)
        proposed = {proposal.number: proposal for proposal in history.proposed_after(0)}
        lost = [number for number in remembered.refs.numbers() if number not in proposed]
        for number in lost:
            if (proposal := remembered.proposal(number, Scope(settings.edit))) is not None:
                proposed[number] = proposal
                added.insert(0, proposal)
        verdicts = list(remembered.verdicts(history, proposed, settings.direction))
        if not lost and history.judged_number(0) is None:
            verdicts = []  # It was killed before the baseline was known: that is not lost, but to be done yet.
        records = [*sorted((r for r in added if isinstance(r, Proposed)), key=lambda r: r.number), *verdicts]
        records += [record for record in added if isinstance(record, Stopped)]
        if records:
            history.append(*records)
            yield Finding(
                f"session {history.session}: {len(lost)} proposals and {len(verdicts)} verdicts come from what git "
                "remembers",
                "mended",
            )

    def _session(self, history: History) -> Iterator[Finding]:
        refs = SessionRefs(self._repository, history.session)
        settings = Settings.recorded(history.started().settings)
        origin = Origin(self._repository, history.started().base, Scope(settings.edit))
        in_git = [*self._candidates(history, refs, origin), *self._keeps(history, refs, origin)]
        before = [*in_git, *verdicts_missing(history)]
        yield from before
        if not before:
            counts = history.counts()
            yield Finding(
                f"session {history.session}: {counts.experiments} experiments and {counts.kept} keeps, and git says "
                "the same",
                "ok",
            )

    def _candidates(self, history: History, refs: SessionRefs, origin: Origin) -> Iterator[Finding]:
        for proposed in history.proposed_after(0):
            if proposed.commit is None:
                continue
            words = f"session {history.session}: the candidate of experiment {proposed.number}"
            if not origin.repository.is_whole(proposed.commit):
                yield Finding(f"{words} is gone from git, so its patch cannot be shown", "wrong")
            elif fingerprint(origin.edit_files(proposed.commit)) != proposed.fingerprint:
                yield Finding(f"{words} is not what the ledger says ({proposed.commit[:7]})", "wrong")
            elif refs.remembered(proposed.number) != proposed.commit:
                if self._mends:
                    refs.remember(proposed.number, proposed.commit)
                yield self._mended(f"{words} had no ref, or another one")

    def _keeps(self, history: History, refs: SessionRefs, origin: Origin) -> Iterator[Finding]:
        parent, tip = origin.base, refs.branch_tip()
        for judged in history.kept():
            words = f"session {history.session}: the keep of experiment {judged.number}"
            if judged.commit is None or not origin.repository.is_whole(judged.commit):
                yield Finding(f"{words} is gone from git", "wrong")
                return
            if judged.fingerprint and fingerprint(origin.edit_files(judged.commit)) != judged.fingerprint:
                yield Finding(f"{words} is not what the ledger says ({judged.commit[:7]})", "wrong")
            if origin.repository.parent_and_message(judged.commit)[0] != parent:
                yield Finding(f"{words} does not stand on the keep before it", "wrong")
            parent = judged.commit
        if tip == parent:
            return
        words = f"session {history.session}: the branch {refs.branch} was not where its last keep is ({parent[:7]})"
        if refs.is_checked_out():
            yield Finding(f"{words}; it is checked out, so it was left there: switch to another branch first", "wrong")
            return
        if self._mends:
            refs.set_branch(parent, history.made)
        yield self._mended(words)

    def _mended(self, words: str) -> Finding:
        return Finding(words, "mended" if self._mends else "could be mended")


def verdicts_missing(history: History) -> Iterator[Finding]:
    """Was everything proposed once, and decided? What a session that may go on was at, or had waiting, is not yet."""
    for number in history.proposed_twice():
        yield Finding(f"session {history.session}: experiment {number} was proposed twice", "wrong")
    stopped = history.stopped()
    for proposed in history.undecided() if stopped is not None and stopped.finished else ():
        yield Finding(f"session {history.session}: experiment {proposed.number} has no verdict", "wrong")
