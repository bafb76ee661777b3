"""A session's workbench with proposals made by hand: real git, a real ledger."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from overnight.fleet.local import LocalSlot
from overnight.fleet.slot import Slot, Version
from overnight.goal.document import Goal
from overnight.ledger.records import Judged, Proposed, SessionStarted
from overnight.ledger.store import Ledger, Recorder
from overnight.loop.bench import Bench
from overnight.loop.crew import InSlot, Work
from overnight.loop.disk import DiskRoom
from overnight.loop.events import SessionEvent
from overnight.loop.project import Project
from overnight.loop.seeds import seeds_for
from overnight.loop.state import State
from overnight.repo.branch import SessionRefs
from overnight.repo.candidate import fingerprint
from overnight.runs.sandbox import NoSandbox
from tests.checkout import Checkout

GOAL = f"""---
edit: ideas.py
run: {sys.executable} -S run.py
metric: loss
budget: 20s
agent: search
---
Make the loss small.
"""


class Workbench:
    """What a session has, as far as experiments need it."""

    def __init__(self, checkout: Checkout, stack: ExitStack, run: str, ideas: str, goal: str = GOAL) -> None:
        """`run` is the text of run.py, `ideas` that of the file that may be changed."""
        checkout.write("goal.md", goal)
        checkout.write("run.py", run)
        checkout.write("ideas.py", ideas)
        base = checkout.commit("a problem")
        document = Goal.read(checkout.folder / "goal.md")
        settings, state = document.settings, State.of(checkout.folder)
        state.create()
        ledger = Ledger.open(state.folder / "ledger.db")
        stack.callback(ledger.close)
        self.checkout = checkout
        self.project = Project.of(document, base)
        self.history = Recorder(ledger, "s")
        started = SessionStarted(
            goal="…", settings=settings.model_dump(mode="json"), base=base, folder="", seed=0, version="0"
        )
        self.history.append(started)
        refs = SessionRefs(self.project.repository, "s")
        self.slot: Slot = LocalSlot(
            self.project.repository,
            settings,
            base,
            work=state.work,
            logs=state.logs("s"),
            sandbox=NoSandbox(),
            should_stop=lambda: False,
        )
        stack.callback(self.slot.close)
        disk = DiskRoom(state.folder, Path(self.project.repository.git.path), self.history)
        self.bench = Bench(self.project, settings, self.history, refs, disk, seed=0, should_stop=lambda: False)

    def measure_baseline(self, runs: int = 5) -> None:
        """Begin the session."""
        base = self.project.base
        version = Version(base, fingerprint(self.project.edit_files(base)))
        for seed in seeds_for(0, 0)[:runs]:
            for _ in self.done(self.bench.measure(version, 0, "baseline", seed, "the baseline")):
                pass
        baseline = self.history.baseline_runs()
        mean = sum(run.value or 0.0 for run in baseline) / len(baseline)
        self.history.append(
            Judged(number=0, verdict="baseline", reason="", metric=mean, commit=base, fingerprint=version.fingerprint)
        )

    def propose(self, number: int, text: str, *, line: int | None = None) -> Proposed:
        """A proposal on top of what is kept now: another text for one line (by default, a line of its own)."""
        incumbent = self.bench.incumbent()
        parent = incumbent.commit or ""
        lines = self.project.edit_files(parent)["ideas.py"].decode().splitlines(keepends=True)
        lines[number if line is None else line] = f"{text}\n"
        files = {"ideas.py": "".join(lines).encode()}
        commit = self.project.repository.commit_files(parent, files, f"idea {number}\n")
        proposed = Proposed(
            number=number,
            hypothesis=f"idea {number}",
            proposer="hand",
            parent=parent,
            commit=commit,
            inside=self.bench.kept(),
            fingerprint=fingerprint(files),
        )
        self.history.append(proposed)
        return proposed

    def done(self, course: InSlot[object]) -> Iterator[SessionEvent]:
        """A course with the work that it waits for done in the one slot there is, when it is asked to go on."""
        result = None
        while True:
            try:
                told = course.send(result)
            except StopIteration:
                return
            result = None
            if isinstance(told, Work):
                result = told.do(self.slot)
            else:
                yield told

    def verdict(self, number: int) -> Judged:
        judged = self.history.judged_number(number)
        assert judged is not None
        return judged
