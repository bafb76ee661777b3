"""Several noisy experiments under way at once, in a real repository, with a real ledger and real runs.

The courses are generators that take turns at each event, as the session lets them: what one has planned is run after
others were observed, kept, dropped or settled.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random

import pytest

from overnight.judge.judge import Judge
from overnight.ledger.records import Proposed, Steered
from overnight.loop.events import ExperimentJudged, SessionEvent
from overnight.loop.noisy import NoisyCourse
from overnight.loop.panel import Panel
from overnight.repo.candidate import fingerprint
from tests.checkout import Checkout
from tests.loop.workbench import GOAL, Workbench

# What an idea brings is its line's number; the noise depends on the seed and on what is in the file.
RUN = """import os, random
text = open("ideas.py").read()
if "crash" in text:
    raise SystemExit(1)
noise = random.Random(os.environ["OVERNIGHT_SEED"] + text).gauss(0, 0.3)
print("loss:", 100 - sum(float(line) for line in text.split()) + noise)
"""


class Crew(Workbench):
    """A session with a noisy metric."""

    def __init__(self, checkout: Checkout, stack: ExitStack, goal: str = GOAL) -> None:
        super().__init__(checkout, stack, RUN, "0\n" * 40, goal)
        self.measure_baseline()
        self.noisy = NoisyCourse(self.bench)

    def again(self) -> None:
        """A new process takes the session up."""
        self.noisy = NoisyCourse(self.bench)

    def decide(self, proposed: Proposed) -> Iterator[SessionEvent]:
        return self.done(self.noisy.decide(proposed, time.monotonic()))

    @property
    def panel(self) -> Panel:
        return self.noisy._panel

    def told_again(self) -> Judge:
        """The judge as a new process would have it."""
        return Panel(self.project, self.bench.settings, self.history, seed=0).judge

    def must_agree(self) -> None:
        """Ledger, branch, panel and judge say the same."""
        kept = self.history.kept()
        assert self.panel.kept == [judged.number for judged in kept]
        if kept:
            files = self.project.edit_files(kept[-1].commit or "")
            assert fingerprint(files) == kept[-1].fingerprint == self.panel.version(self.panel.kept).fingerprint
        assert state_of(self.panel.judge) == state_of(self.told_again())


def state_of(judge: Judge) -> object:
    ideas = list(judge.open)
    gains = [(judge.gain(idea), judge.runs(idea)) for idea in ideas]
    return ideas, gains, [judge.wants_repeat(number) for number in range(60)], judge.noise, judge.good_share


@pytest.fixture
def crew(checkout: Checkout) -> Iterator[Crew]:
    with ExitStack() as stack:
        yield Crew(checkout, stack)


def finish(course: Iterator[SessionEvent]) -> list[SessionEvent]:
    return list(course)


@pytest.mark.parametrize("seed", range(3))
def test_in_whatever_order_they_take_turns_and_are_killed_the_ledger_says_it_all(crew: Crew, seed: int) -> None:
    random = Random(seed)
    effects = [random.choice(["2", "1", "0.4", "0", "-0.4", "-1", "-2", "crash"]) for _ in range(16)]
    courses: dict[int, Iterator[SessionEvent]] = {}
    judged: list[int] = []
    begun = 0
    while begun < len(effects) or courses:
        if begun < len(effects) and len(courses) < 4 and random.random() < 0.7:
            begun += 1
            # Every fourth changes a line that others change, too.
            line = 38 if begun % 4 == 0 else None
            courses[begun] = crew.decide(crew.propose(begun, effects[begun - 1], line=line))
            continue
        if not courses:
            continue
        number = random.choice(sorted(courses))
        event = next(courses[number], None)
        if event is None:
            del courses[number]
            crew.must_agree()
        elif isinstance(event, ExperimentJudged):
            assert event.judged.number == number, "another experiment gave it a verdict"
            judged.append(number)
        if random.random() < 0.04:
            crew.again()
            cut_off = [each for each in courses if crew.history.judged_number(each) is None]
            waiting = [crew.history.proposed(each) for each in random.sample(cut_off, len(cut_off))]
            courses = {each.number: crew.decide(each) for each in waiting if each is not None}
    finish(crew.done(crew.noisy.close_night()))
    crew.must_agree()
    assert len(set(judged)) == len(judged)
    assert all(crew.history.judged_number(number) for number in range(1, begun + 1))
    kept = crew.panel.kept
    assert all(effects[number - 1] not in ("crash", "-1", "-2") for number in kept)
    assert all(number in kept for number, effect in enumerate(effects, start=1) if effect == "2" and number % 4)


def run_until_observed(course: Iterator[SessionEvent], runs: int = 1) -> None:
    """Let a course go on until so many of its runs are known."""
    for event in course:
        runs -= type(event).__name__ == "RunFinished"
        if not runs:
            return


def test_a_winner_beside_which_another_one_was_kept_is_to_be_made_again(crew: Crew) -> None:
    first, second, bad = (crew.propose(number, text, line=38) for number, text in ((1, "3"), (2, "2"), (3, "-2")))
    for proposed in (first, second, bad):
        finish(crew.decide(proposed))
    assert [crew.verdict(number).overtaken_by for number in (1, 2, 3)] == [None, 1, None]
    assert crew.panel.kept == [1]
    reason = crew.verdict(2).reason
    assert reason.startswith("better by ")
    assert "does not go together with experiment 1, which is kept" in reason
    assert crew.verdict(2).undecided, "if the other one is taken back, it is this one's turn"
    assert crew.history.to_remake() == [2]
    finish(crew.noisy.take_out(Steered(act="take_back", number=1, request="r", text="")))
    assert crew.panel.kept == [2]
    assert crew.history.to_remake() == []


def test_what_is_under_way_gets_its_verdict_from_its_own_experiment_only(crew: Crew) -> None:
    good, bad = crew.decide(crew.propose(1, "3")), crew.decide(crew.propose(2, "-9"))
    run_until_observed(good)
    run_until_observed(bad)
    assert {1, 2} <= set(crew.panel.judge.open)
    finish(crew.decide(crew.propose(3, "0")))
    assert [crew.history.judged_number(number) for number in (1, 2)] == [None, None]
    assert crew.panel.kept == []
    assert {1, 2} <= set(crew.panel.judge.open)
    finish(good)
    assert crew.panel.kept == [1]
    finish(bad)
    assert crew.verdict(2).verdict == "discard"
    assert 2 not in crew.panel.judge.open
    crew.must_agree()


def taken_back(crew: Crew, number: int) -> Steered:
    return Steered(act="take_back", number=number, request=f"wish-{number}")


def test_a_candidate_that_changes_what_is_taken_out_meanwhile_ends_with_a_reason(crew: Crew) -> None:
    finish(crew.decide(crew.propose(1, "3")))
    assert crew.panel.kept == [1]
    on_top, begun = crew.decide(crew.propose(2, "4", line=1)), crew.decide(crew.propose(3, "5", line=1))
    beside, waiting = crew.decide(crew.propose(4, "2")), crew.propose(5, "6", line=1)
    run_until_observed(on_top)
    next(begun)  # Its run is about to be made.
    run_until_observed(beside)
    finish(crew.done(crew.noisy.take_out(taken_back(crew, 1))))
    assert crew.panel.kept == []
    for course in (on_top, begun, crew.decide(waiting)):
        finish(course)
    for number in (2, 3, 5):
        assert crew.verdict(number).verdict == "discard"
        assert "what experiment 1 wrote" in crew.verdict(number).reason
    finish(beside)
    assert crew.panel.kept == [4]
    text = crew.project.edit_files(crew.verdict(4).commit or "")["ideas.py"].decode().split()
    assert [line for line in text if line != "0"] == ["2"]
    crew.must_agree()


def test_a_candidate_begun_after_its_base_was_dropped_does_not_bring_it_back(crew: Crew) -> None:
    finish(crew.decide(crew.propose(1, "3")))
    late = crew.propose(2, "2")
    assert late.inside == (1,)
    finish(crew.done(crew.noisy.take_out(taken_back(crew, 1))))
    finish(crew.decide(late))
    assert crew.panel.kept == [2]
    text = crew.project.edit_files(crew.verdict(2).commit or "")["ideas.py"].decode().split()
    assert [line for line in text if line != "0"] == ["2"]
    crew.must_agree()


def test_experiments_that_begin_out_of_order_are_woven_as_after_a_kill(crew: Crew) -> None:
    # Both put a line into the same place.
    first, second = crew.propose(1, "0\n1", line=5), crew.propose(2, "0\n2", line=5)
    for proposed in (second, first):
        finish(crew.decide(proposed))
    both = crew.panel.version([1, 2]).fingerprint
    crew.again()
    assert crew.panel.version([1, 2]).fingerprint == both


def test_a_guard_is_tried_by_one_experiment_and_what_others_keep_meanwhile_stays(
    checkout: Checkout, tmp_path: Path
) -> None:
    tried = tmp_path / "tried"
    guarded = GOAL.replace("agent:", f"guards: ['cat ideas.py >> {tried}; echo = >> {tried}']\nagent:")
    with ExitStack() as stack:
        crew = Crew(checkout, stack, guarded)
        one, other = crew.decide(crew.propose(1, "3")), crew.decide(crew.propose(2, "4"))
        run_until_observed(one)
        run_until_observed(other)
        for course in (one, other):
            assert any(type(event).__name__ == "GuardsStarted" for event in course)
        finish(other)
        assert crew.panel.kept == [2]
        finish(one)
        assert crew.panel.kept == [2, 1]
        crew.must_agree()
    assert tried.read_text().count("=") == 2
    shutil.rmtree(checkout.folder / ".overnight", ignore_errors=True)
