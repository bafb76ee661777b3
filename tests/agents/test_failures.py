"""What goes wrong with a model, as the real programs say it: each has its own reason, and none costs an experiment."""

from __future__ import annotations

import pytest

from tests.agents.conftest import REAL, Nightly, knobs
from tests.modelserver.script import Asked, Fail, Flood, Hang, Refuse, Say, Step, Why

OUTAGES: dict[int, tuple[Why, str]] = {
    2: ("key", "its key was refused"),
    3: ("credit", "there is no credit left"),
    4: ("model", "there is no such model"),
    5: ("limit", "it has reached its limit of requests"),
}
"""What is wrong before the experiment of that number, until the session has noticed."""
NOTHING: dict[str, dict[int, tuple[Step, str]]] = {
    "claude": {
        1: (Refuse(), "the model refused to work on this"),
        2: (Say("Which file do you mean?"), "asked a question"),
        3: (Say("I could not think of anything."), "the agent changed nothing"),
        4: (Say(""), "the agent said nothing and changed nothing"),
        5: (Hang(), "the agent was still at work after 8 s"),
    },
    "codex": {
        1: (Say("Which file do you mean?"), "asked a question"),
        2: (Say("I could not think of anything."), "the agent changed nothing"),
        3: (Say(""), "the agent said nothing and changed nothing"),
        4: (Hang(), "the agent was still at work after 8 s"),
    },
}


@pytest.mark.parametrize("name", ["claude", "codex"])
def test_a_model_that_is_not_to_be_had_is_waited_for(begin: Nightly, name: str) -> None:
    def script(asked: Asked) -> list[Step]:
        number = asked.experiment or 0
        if number in OUTAGES and len(night.records("troubled")) < number - 1:
            return [Fail(OUTAGES[number][0], retry_after=1)]
        return knobs(asked)

    night = begin(REAL[name], script, stop="{experiments: 5}")
    night.run()

    reasons = [record["reason"] for record in night.records("troubled")]
    assert len(reasons) == len(OUTAGES), reasons
    for reason, (_, words) in zip(reasons, OUTAGES.values(), strict=True):
        assert words in reason
    assert f"`{name}" in reasons[0] or f"`{name} login`" in reasons[0], "what to do about the key"
    assert len(night.log()) == 6
    assert {entry["verdict"] for entry in night.log()} == {"baseline", "keep", "discard"}


@pytest.mark.parametrize("name", NOTHING)
def test_an_answer_without_a_change_has_a_reason_of_its_own(begin: Nightly, name: str) -> None:
    plan = NOTHING[name]
    night = begin(
        *(REAL[name], lambda asked: [plan[asked.experiment][0] if asked.experiment else Say("What?")]),
        agent_timeout="8s",
        stop=f"{{experiments: {len(plan)}}}",
    )
    night.run()

    log = [entry for entry in night.log() if entry["number"] > 0]
    assert {entry["verdict"] for entry in log} == {"no_change"}
    for entry in log:
        assert plan[entry["number"]][1] in entry["reason"], entry


def test_a_flood_of_words_is_survived(begin: Nightly) -> None:
    night = begin(REAL["claude"], [Flood(100)], stop="{experiments: 1}")
    night.run()
    assert [entry["verdict"] for entry in night.log()] == ["baseline", "no_change"]
    # It ends without waiting until all that it printed is read, so how much arrives is the machine's affair.
    much, part = "the agent printed more than 20 MB and changed nothing", "the agent changed nothing"
    assert night.log()[1]["reason"] in (much, part)
