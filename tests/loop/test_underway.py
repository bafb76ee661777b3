"""What is under way, told from the events alone: several slots, several thinkers, all on one stream."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest

from overnight.goal.settings import Settings
from overnight.ledger.records import Judged, Measured, Proposed, Reviewed, Role, Steered
from overnight.loop.events import (
    ApprovalAwaited,
    ExperimentJudged,
    GuardsStarted,
    NothingProposed,
    PersonAsked,
    ProposalFinished,
    ProposalStarted,
    Review,
    ReviewStarted,
    RunFinished,
    RunStarted,
    SessionEvent,
    StoodInLine,
    TrialLooked,
    VerdictChanged,
    Waiting,
)
from overnight.loop.underway import Underway
from tests.night import SETTINGS
from tests.streams import SLOTS, four_slots, proposed, ran, starts

settings = Settings.model_validate(SETTINGS)


def after(events: Iterable[SessionEvent], now: Underway | None = None) -> Underway:
    now = now or Underway()
    for event in events:
        now = now.after(event, settings, "logs")
    return now


def at(now: Underway) -> list[tuple[int | None, str, int]]:
    return [(one.slot, one.step, one.number) for one in now.slots]


def told(now: Underway) -> list[str]:
    """What a person is told, but for the time that it takes."""
    return [re.sub(r", \d+ s( of \d+ s)?", "", line) for line in now.told()]


def judged(number: int) -> ExperimentJudged:
    return ExperimentJudged(Judged(number=number, verdict="baseline" if not number else "discard", reason=""))


def test_four_slots_and_two_thinkers_at_once() -> None:
    now = after(four_slots())
    assert at(now) == [(0, "running", 4), (1, "guarding", 1), (2, "deciding", 2)]
    assert [(one.step, one.number) for one in now.thinking] == [("proposing", 6), ("proposing", 7)]
    assert now.ready == (5,)
    assert now.places == SLOTS
    running, guarding, deciding = now.slots
    assert (running.hypothesis, running.output) == ("idea 4", "logs/4-candidate-4.log")
    assert (guarding.hypothesis, guarding.machine) == ("idea 1", "gpu-b")
    assert deciding.hypothesis == "idea 2"
    assert told(now)[3:] == ["slot 3: free", "claude is thinking about experiments 6 and 7; 1 waits"]
    now = after([starts(5, 1)], after([judged(1)], now))
    assert now.slots[1].words == "measuring the candidate on gpu-b"
    assert now.ready == ()


def test_a_winner_in_line_has_no_slot_until_its_turn() -> None:
    now = after([proposed(3), starts(3, 1), ran(3, 1), StoodInLine(3), proposed(4), starts(4, 1)])
    assert at(now) == [(1, "running", 4)]
    assert told(now)[-1] == "1 winner waits for the verdict before"
    assert now.as_json()["in_line"] == 1
    again = after([starts(3, 0)], now)
    assert (at(again), again.in_line) == ([(0, "running", 3), (1, "running", 4)], ())
    guarded = after([GuardsStarted(3, 0)], now)
    assert at(after([judged(4)], guarded)) == [(0, "guarding", 3)]
    assert at(after([judged(3)], guarded)) == [(1, "running", 4)]
    assert after([judged(3)], now).in_line == ()


def test_the_baseline_is_measured_in_several_slots_and_its_verdict_frees_them_all() -> None:
    now = after(RunStarted(0, "baseline", slot, "the baseline", 9.0, slot) for slot in range(3))
    now = after([ran(0, 1, role="baseline")], now)
    assert at(now) == [(0, "running", 0), (1, "deciding", 0), (2, "running", 0)]
    assert after([judged(0)], now).slots == ()


def test_one_slot_and_one_thinker_look_as_one_thing_at_a_time() -> None:
    now = after([ProposalStarted(1, "claude")])
    assert told(now) == ["experiment 1: claude is thinking"]
    now = after([proposed(1), starts(1, 0)], now)
    assert told(now) == ["experiment 1: measuring the candidate"]
    now = after([ProposalStarted(2, "claude")], now)
    assert told(now) == [
        "experiment 1: measuring the candidate",
        "claude is thinking about experiment 2",
    ]
    now = after([proposed(2)], now)
    assert told(now) == ["experiment 1: measuring the candidate"], "who waits is no news here"
    now = after([ran(1, 0), GuardsStarted(1)], now)
    assert told(now) == ["experiment 1: trying the guards"]
    assert told(after([judged(1)], now)) == []


def test_an_idea_is_thought_of_again() -> None:
    now = after([ProposalStarted(1, "claude"), proposed(1), ProposalStarted(1, "claude")])
    assert ([one.number for one in now.thinking], now.ready) == ([1], ())
    now = after([ProposalStarted(1, "claude")], now)
    assert [one.number for one in now.thinking] == [1]
    nothing = Proposed(number=1, hypothesis="", proposer="claude", parent="", verdict="no_change")
    now = after([ProposalFinished(nothing)], now)
    assert now == after([judged(1)], now) == Underway(), "there is nothing to wait for a slot"


def test_nobody_thinks_any_more_who_has_nothing_left_to_try() -> None:
    now = after([starts(1, 0), ProposalStarted(2, "claude"), NothingProposed(2)])
    assert (at(now), now.thinking) == ([(0, "running", 1)], ())


def test_a_review_beside_proposals() -> None:
    now = after([starts(1, 0), ReviewStarted(9, "codex"), ProposalStarted(10, "claude")])
    assert now.thinking[0].output == "logs/10.review.log"
    words = "codex writes down what it has learned; claude is thinking about experiment 10"
    assert told(now)[1] == words
    now = after([Review(Reviewed(number=9, proposer="codex", text="x"))], now)
    assert [one.number for one in now.thinking] == [10]


@pytest.mark.parametrize("role", ["incumbent", "control", "verify_candidate", "verify_incumbent"])
def test_whatever_is_run_on_the_way_only_the_verdict_frees_the_slot(role: Role) -> None:
    now = after([proposed(3), starts(3, 2, role=role), ran(3, 2, role=role)])
    assert at(now) == [(2, "deciding", 3)]
    # Under noise an older idea may have its turn meanwhile, in the same slot.
    now = after([GuardsStarted(1, 2), starts(1, 2, role="verify_candidate"), ran(1, 2, role="verify_candidate")], now)
    assert at(now) == [(2, "deciding", 1)]
    assert after([judged(3)], now).slots == ()


def test_the_incumbent_measured_for_its_own_sake_is_over_with_its_run() -> None:
    now = after([starts(3, 0, role="incumbent")])
    assert at(now) == [(0, "running", 3)]
    assert after([ran(3, 0, role="incumbent")], now).slots == ()
    taken_back = Judged(number=2, verdict="discard", reason="")
    for end in (VerdictChanged(taken_back, "keep"), PersonAsked(Steered(request="1", act="take_back", number=2))):
        tried = after([ran(3, 0, role="incumbent"), GuardsStarted(3)], now)
        assert at(tried) == [(0, "guarding", 3)]
        assert after([end], tried).slots == ()


def test_a_trouble_ends_all_but_what_is_written_down() -> None:
    now = after([Waiting("agent", "down", 60.0)], after(four_slots()))
    assert (now.slots, now.thinking, now.ready, now.places) == ((), (), (5,), SLOTS)
    assert after([starts(5, 3)], now).ready == ()


def test_where_people_decide() -> None:
    idea = Proposed(number=1, hypothesis="say what it costs", proposer="claude", parent="", commit="c")
    now = after([ProposalFinished(idea), ApprovalAwaited(idea)])
    assert (at(now), now.ready) == ([(0, "approving", 1)], ())
    counts = Measured(
        number=1, role="candidate", commit="", fingerprint="", seed=0, outcome="ok", trials=9, rival_trials=8
    )
    now = after([RunFinished(counts), TrialLooked(counts, "say what it costs", 0.0, 60.0)], now)
    assert at(now) == [(0, "waiting", 1)]
    assert "met by 9 people, the incumbent by 8; next look in " in told(now)[0]
    assert after([judged(1)], now).slots == ()


def test_for_programs_it_says_where_and_hides_paths() -> None:
    told = after(four_slots()).as_json()
    assert [slot["slot"] for slot in told["slots"]] == [0, 1, 2]
    assert [thought["number"] for thought in told["thinking"]] == [6, 7]
    assert told["waiting"] == 1
    assert not {"output", "course"} & told["slots"][0].keys()
