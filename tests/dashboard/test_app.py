"""What the dashboard answers, over real HTTP from a real ledger."""

from __future__ import annotations

import json

import pytest

from overnight.ledger.records import Settled, Steered, Stopped
from overnight.loop.state import State
from tests.checkout import Checkout
from tests.dashboard.conftest import Client, served
from tests.night import Night


def test_where_nothing_was_run_it_says_so(client: Client) -> None:
    summary = client.get("api/state")["summary"]
    assert summary["stand"] == "empty"
    assert summary["sentence"].startswith("Nothing was run in ")
    assert client.ask("api/experiments").status == 409
    assert client.wish("hint", text="hello").status == 409


def test_the_table_comes_a_page_at_a_time(client: Client, told: Night) -> None:
    told.baseline(10.0)
    for number in range(1, 121):
        told.discard(number, 10.5)
    first = client.get("api/experiments")
    assert [row["number"] for row in first["rows"]] == list(range(120, 70, -1))
    assert (first["newer"], first["older"]) == (False, True)
    second = client.get("api/experiments?before=71")
    assert [row["number"] for row in second["rows"]] == list(range(70, 20, -1))
    third = client.get("api/experiments?before=21")
    assert [row["number"] for row in third["rows"]] == list(range(20, -1, -1))
    assert (third["newer"], third["older"]) == (True, False)
    back = client.get("api/experiments?after=20")
    assert [row["number"] for row in back["rows"]] == list(range(70, 20, -1))
    assert (back["newer"], back["older"]) == (True, True)
    assert client.get("api/experiments?after=70")["newer"] is False


def test_filters_and_search(client: Client, told: Night) -> None:
    told.baseline(10.0)
    told.keep(1, 9.0, "Raise the rate")
    told.discard(2, 11.0, "100% more_noise", undecided=True)
    told.crash(3, "it failed")
    told.keep(4, 8.0, "too good", flags=("better than ever",))
    told.judge(1, "discard", reason="taken back", hypothesis="Raise the rate")

    def numbers(query: str) -> list[int]:
        return [row["number"] for row in client.get(f"api/experiments?{query}")["rows"]]

    assert numbers("only=kept") == [4]
    assert numbers("only=not_better") == [2, 1]
    assert numbers("only=failed") == [3]
    assert numbers("only=suspicious") == [4]
    assert numbers("only=open") == [2]
    assert numbers("words=RAISE") == [1]
    assert numbers("words=100%25") == [2]
    assert numbers("words=e_n") == [2]
    assert numbers("words=%25") == [2]
    assert numbers("only=kept&words=raise") == []
    assert client.ask("api/experiments?only=else").status == 422


def test_an_experiment_with_all_about_it(checkout: Checkout) -> None:
    state = State.of(checkout.folder)
    state.create()
    base = checkout.git("rev-parse", "HEAD").strip()
    checkout.write("train.py", "LR = 0.2  # faster\n")
    commit = checkout.commit("candidate")
    logs = state.logs("s")
    logs.mkdir(parents=True)
    (logs / "1.agent.log").write_text("I think\n")
    (logs / "1-candidate-7.log").write_text("loss: 9\n")
    night = Night.begin(state.folder / "ledger.db")
    night.baseline(10.0)
    night.propose(1, parent=base, commit=commit, hypothesis="faster", proposer="claude", cost=0.25)
    output = str((logs / "1-candidate-7.log").relative_to(state.folder))
    night.measure(1, "candidate", 9.0, seed=7, output=output, wall_seconds=2.0)
    night.keep(1, 9.0, "faster", before=10.0, gain_low=1.0, gain_high=1.0)
    with served(checkout.folder) as client:
        found = client.get("api/experiments/1")
        assert found["hypothesis"] == "faster"
        assert found["can_be_taken_back"] is True
        assert found["cost"] == 0.25
        added = next(line for line in found["patch"] if line["kind"] == "added")
        assert "".join(text for _, text in added["pieces"]) == "LR = 0.2  # faster"
        assert ["mf", "0.2"] in added["pieces"]
        assert any("decided:" in line for line in found["why"])
        assert [log["name"] for log in found["logs"]] == ["agent", "run-0"]
        assert client.get("api/experiments/1/outputs/agent")["text"] == "I think\n"
        assert client.get("api/experiments/1/outputs/run-0")["text"] == "loss: 9\n"
        for wrong in ("run-1", "..", "%2e%2e", "agent.log", "1-candidate-7.log"):
            assert client.ask(f"api/experiments/1/outputs/{wrong}").status == 404, wrong
        assert client.ask("api/experiments/2").status == 409
        assert client.ask("api/experiments/x").status == 422
        night.history.append(Settled(numbers=(1,)))
        assert client.get("api/experiments/1")["can_be_taken_back"] is False
    night.ledger.close()


def test_a_number_that_json_does_not_know_is_none(client: Client, told: Night) -> None:
    told.baseline(10.0)
    told.discard(1, float("inf"))
    assert client.get("api/experiments")["rows"][0]["metric"] is None
    assert client.get("api/experiments/1")["metric"] is None
    assert client.get("api/chart")["metrics"]


def test_marks_that_turn_the_direction_of_writing_are_shown_as_such(client: Client, told: Night) -> None:
    told.baseline(10.0)
    told.keep(1, 9.0, "\u202egnp.exe \u2066 שלום", flags=("too \u202b good",))
    assert client.get("api/experiments")["rows"][0]["hypothesis"] == "�gnp.exe � שלום"
    experiment = client.get("api/experiments/1")
    assert (experiment["hypothesis"], experiment["flags"]) == ("�gnp.exe � שלום", ["too � good"])


def test_a_wish_is_left_for_the_session(client: Client, told: Night, state: State) -> None:
    told.baseline(10.0)
    told.keep(1, 9.0)
    answer = client.wish("hint", text="try more")
    assert answer.status == 202
    (waiting,) = state.inbox.waiting()
    assert (waiting.request, waiting.act, waiting.text) == (answer.json["request"], "hint", "try more")
    wishes = client.get("api/state")["wishes"]
    assert [wish["text"] for wish in wishes["waiting"]] == ["try more"]
    told.history.append(Steered(request=waiting.request, act="hint", text="try more"))
    wishes = client.get("api/state")["wishes"]
    assert wishes["waiting"] == []
    assert wishes["written"][0]["refused"] == ""
    assert [wish["text"] for wish in wishes["standing"]] == ["try more"]


@pytest.mark.parametrize(
    ("act", "number", "text", "why"),
    [
        ("take_back", 2, "", "experiment 2 is not kept"),
        ("take_back", 9, "", "there is no experiment 9"),
        ("pause", None, "", "nobody is at work"),
        ("hint", None, " ", "there is nothing in it"),
        ("withdraw", None, "0" * 16, "does not stand"),
    ],
)
def test_what_cannot_be_done_is_said_at_once(
    client: Client, told: Night, state: State, act: str, number: int | None, text: str, why: str
) -> None:
    told.baseline(10.0)
    told.keep(1, 9.0)
    told.discard(2, 11.0)
    answer = client.wish(act, number, text)
    assert answer.status == 409
    assert why in answer.json["error"]
    assert not state.inbox.folder.exists()


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'{"act": "explode"}', b'{"act": "hint", "text": 1}', b'{"act": "hint", "request": "x"}',
     json.dumps({"act": "hint", "text": "x" * 3000}).encode(), b'{"act": "pin", "number": -1}'],
)  # fmt: skip
@pytest.mark.usefixtures("told")
def test_what_is_no_wish_is_refused_in_a_sentence(client: Client, body: bytes) -> None:
    own = f"http://{client.host}"
    answer = client.ask("api/requests", "POST", body=body, Content_Type="application/json", Origin=own)
    assert answer.status == 422
    assert answer.json["error"]


def test_an_older_session_is_shown_but_not_steered(state: State, told: Night) -> None:
    told.baseline(10.0)
    newer = Night.begin(state.folder / "ledger.db", "t")
    newer.baseline(20.0)
    newer.ledger.close()
    with served(state.folder.parent, "s") as client:
        assert client.get("api/state")["summary"]["baseline"] == 10.0
        assert "older session" in client.wish("hint", text="x").json["error"]
    with served(state.folder.parent) as client:
        assert client.get("api/state")["summary"]["baseline"] == 20.0


def test_a_ledger_that_cannot_be_read_is_said(state: State, client: Client) -> None:
    (state.folder / "ledger.db").write_bytes(b"no ledger" * 1000)
    assert "damaged" in client.get("api/state")["fault"]["words"]
    answer = client.ask("api/experiments")
    assert answer.status == 503
    assert "damaged" in answer.json["error"]


@pytest.mark.parametrize(
    ("reason", "finished", "stand", "words"),
    [
        ("all 3 experiments are done", True, "finished", "Finished: all 3 experiments are done."),
        ("interrupted", False, "stopped", "Interrupted. `overnight run` goes on where it was."),
        ("put down after experiment 3, as a person asked", False, "stopped", "Put down after experiment 3"),
        (
            "the agent failed 5 times in a row",
            False,
            "failed",
            "It could not go on: the agent failed 5 times in a row.",
        ),
        (None, False, "cut_off", "Cut off: the process ended without a word."),
    ],
)
def test_how_it_ended(client: Client, told: Night, reason: str | None, finished: bool, stand: str, words: str) -> None:
    told.baseline(10.0)
    if reason is not None:
        told.stop(reason, finished=finished, failed=stand == "failed")
    summary = client.get("api/state")["summary"]
    assert summary["stand"] == stand
    assert summary["sentence"].startswith(words)


def test_how_it_stands_while_somebody_is_at_work(client: Client, told: Night, state: State) -> None:
    def stand() -> str:
        return str(client.get("api/state")["summary"]["stand"])

    with state.locked():
        assert stand() == "baseline"
        told.baseline(10.0)
        assert stand() == "running"
        told.history.append(Steered(request="0" * 16, act="pause"))
        assert stand() == "paused"
    assert stand() == "cut_off"


def test_while_it_is_verified_there_is_nothing_to_pause(client: Client, told: Night, state: State) -> None:
    told.baseline(10.0)
    told.history.append(Stopped(finished=True, reason="1 experiment is done"))
    with state.locked():
        summary = client.get("api/state")["summary"]
        assert "overnight verify" in summary["sentence"]
        assert not summary["at_work"]
        assert "nobody is at work on this session" in client.wish("pause").json["error"]
