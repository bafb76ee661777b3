"""The live stream, over real HTTP from a ledger that is being written."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from overnight.dashboard.feed import MOST_MISSED, Place
from overnight.goal.settings import Settings
from overnight.ledger.records import Judged, Steered
from overnight.loop.activity import Activity
from overnight.loop.events import ExperimentJudged, PersonAsked, SessionOpened, Waiting
from overnight.loop.live import Live, Pulse
from overnight.loop.state import State
from tests.dashboard.conftest import Client, served
from tests.night import SETTINGS, Night
from tests.streams import four_slots, proposed, ran, starts


@dataclass(frozen=True)
class Said:
    name: str
    id: str
    value: Any


class Listener:
    """A page that listens; used as an iterator of what it is told."""

    def __init__(self, client: Client, last: str | None = None, after: str | None = None) -> None:
        self._connection = http.client.HTTPConnection(client.host, timeout=30)
        query = f"?after={after}" if after else ""
        headers = {"Last-Event-ID": last} if last else {}
        self._connection.request("GET", f"/{client.token}/api/events{query}", headers=headers)
        self._answer = self._connection.getresponse()
        assert self._answer.status == 200
        assert self._answer.getheader("Content-Type", "").startswith("text/event-stream")
        self.told = self._read()
        self._last: dict[str, Said] = {}

    def next(self, name: str) -> Said:
        """The next thing of that name."""
        return self.until(name, lambda value: True, skip_known=True)

    def until(self, name: str, holds: Callable[[Any], bool], *, skip_known: bool = False) -> Said:
        """What was said last of that name, as soon as it holds."""
        patience = time.monotonic() + 30
        known = None if skip_known else self._last.get(name)
        while known is None or not holds(known.value):
            assert time.monotonic() < patience, f"{name} is {known}"
            said = next(self.told)
            self._last[said.name] = said
            known = said if said.name == name else known
        return known

    def close(self) -> None:
        self._answer.close()
        self._connection.close()

    def _read(self) -> Iterator[Said]:
        fields: dict[str, str] = {}
        while line := self._answer.readline().decode():
            name, _, value = line.strip().partition(": ")
            if name:
                fields[name] = value
            elif fields:
                yield Said(fields["event"], fields.get("id", ""), json.loads(fields["data"]))
                fields = {}


def test_what_is_new_arrives_by_itself(client: Client, told: Night) -> None:
    told.baseline(10.0)
    page = Listener(client)
    assert page.next("session").value == {"session": "s"}
    assert page.next("summary").value["baseline"] == 10.0
    told.keep(1, 9.0, "an <b>idea</b>")
    (row,) = page.next("verdicts").value["rows"]
    assert (row["number"], row["verdict"], row["hypothesis"]) == (1, "keep", "an <b>idea</b>")
    page.until("summary", lambda summary: summary["kept"] == 1)
    told.judge(1, "discard", reason="taken back")
    (row,) = page.next("verdicts").value["rows"]
    assert (row["number"], row["verdict"]) == (1, "discard")
    page.until("summary", lambda summary: summary["kept"] == 0)
    page.close()


def test_two_pages_are_told_the_same(client: Client, told: Night) -> None:
    told.baseline(10.0)
    pages = [Listener(client), Listener(client)]
    for page in pages:
        page.next("summary")
    told.discard(1, 11.0)
    assert [page.next("verdicts").value["rows"][0]["number"] for page in pages] == [1, 1]
    for page in pages:
        page.close()


@pytest.mark.parametrize("how", ["last", "after"])
def test_who_comes_back_misses_nothing(client: Client, told: Night, how: str) -> None:
    told.baseline(10.0)
    page = Listener(client)
    place = page.next("session").id
    page.close()
    for number in range(1, 251):
        told.discard(number, 11.0)
    page = Listener(client, **{how: place})
    seen: list[int] = []
    while len(seen) < 250:
        said = next(page.told)
        assert said.name != "session", "it need not begin anew"
        if said.name == "verdicts":
            seen += [row["number"] for row in said.value["rows"]]
    assert seen == list(range(1, 251))
    page.close()


def test_who_missed_very_much_begins_anew(client: Client, told: Night) -> None:
    told.baseline(10.0)
    page = Listener(client)
    place = page.next("session").id
    page.close()
    told.history.append(*(Judged(number=n, verdict="discard", reason="") for n in range(1, MOST_MISSED + 10)))
    page = Listener(client, last=place)
    assert page.next("session").value == {"session": "s"}
    told.discard(MOST_MISSED + 10, 1.0)
    assert page.next("verdicts").value["rows"][0]["number"] == MOST_MISSED + 10
    page.close()


def test_a_session_that_begins_later_appears_by_itself(client: Client, state: State) -> None:
    page = Listener(client)
    assert page.next("session").value == {"session": None}
    assert page.next("summary").value["stand"] == "empty"
    night = Night.begin(state.folder / "ledger.db")
    assert page.next("session").value == {"session": "s"}
    night.baseline(10.0)
    page.next("verdicts")
    newer = Night.begin(state.folder / "ledger.db", "t")
    assert page.next("session").value == {"session": "t"}
    newer.baseline(5.0)
    assert page.next("verdicts").value["rows"][0]["metric"] == 5.0
    page.close()


def test_a_place_in_another_session_is_none(client: Client, told: Night) -> None:
    told.baseline(10.0)
    page = Listener(client, last="older/3")
    assert page.next("session").value == {"session": "s"}
    page.close()
    assert Place.read("s/12") == Place("s", 12)
    assert [Place.read(text) for text in (None, "", "s", "s/", "s/x", "/", "s/" + "9" * 40)] == [None] * 7


def test_what_a_slot_is_at_and_the_end_of_its_output(client: Client, told: Night, state: State) -> None:
    told.baseline(10.0)
    logs = state.logs("s")
    logs.mkdir(parents=True)
    log = logs / "1-candidate-7.log"
    log.write_text("step 1\n")
    output = str(log.relative_to(state.folder))
    slot = Activity(step="running", words="measuring", number=1, since=time.time(), budget=9.0, output=output)
    live = state.folder / "now.json"
    page = Listener(client)
    page.until("now", lambda now: now["slots"] == [])
    with state.locked():
        live.write_text(Live(session="s", pid=1, slots=(slot,)).model_dump_json())
        (shown,) = page.until("now", lambda now: now["slots"] != []).value["slots"]
        assert (shown["words"], shown["budget"], shown["tail"]) == ("measuring", 9.0, "step 1")
        assert "output" not in shown, "no path leaves the server"
        log.write_text("step 1\nstep 2\n")
        page.until("now", lambda now: now["slots"][0]["tail"] == "step 1\nstep 2")
        for elsewhere in ("ledger.db", "../goal.md", f"{output}/../../../../ledger.db", "/etc/passwd", f"{output}\0"):
            evil = slot.model_copy(update={"output": elsewhere, "words": elsewhere})
            live.write_text(Live(session="s", pid=1, slots=(evil,)).model_dump_json())
            now = page.until("now", lambda now, words=elsewhere: now["slots"] and now["slots"][0]["words"] == words)
            assert now.value["slots"][0]["tail"] == ""
    page.until("now", lambda now: now["slots"] == [])  # Nobody is at work.
    page.close()


def test_four_slots_and_two_thinkers(client: Client, told: Night, state: State) -> None:
    told.baseline(10.0)
    logs = state.logs("s")
    logs.mkdir(parents=True)
    (logs / "4-candidate-4.log").write_text("step 9\n")
    (logs / "6.agent.log").write_text("I read the file.\n")
    page, settings = Listener(client), Settings.model_validate(SETTINGS)
    with state.locked():
        pulse = Pulse(state, settings)
        for event in (SessionOpened("s", settings, "0" * 40, None), *four_slots()):
            pulse.follow(event)
        now = page.until("now", lambda now: len(now["thinking"]) == 2 and len(now["slots"]) == 3).value
        assert (now["places"], now["waiting"]) == (4, 1)
        assert [(one["slot"], one["number"], one["machine"]) for one in now["slots"]] == [
            (0, 4, ""), (1, 1, "gpu-b"), (2, 2, ""),
        ]  # fmt: skip
        assert [one["tail"] for one in now["slots"]] == ["step 9", "", ""]
        assert [(one["number"], one["tail"]) for one in now["thinking"]] == [(6, "I read the file."), (7, "")]
        pulse.follow(Waiting("agent", "down", 60.0))
        now = page.until("now", lambda now: now["slots"] == []).value
        assert (now["thinking"], now["waiting"], now["places"]) == ([], 1, 4)
    page.until("now", lambda now: now["places"] == 1)  # Nobody is at work.
    page.close()


def test_while_it_is_paused_only_what_is_under_way_is_shown(client: Client, told: Night, state: State) -> None:
    told.baseline(10.0)
    page, settings = Listener(client), Settings.model_validate(SETTINGS)
    with state.locked():
        pulse = Pulse(state, settings)
        for event in (SessionOpened("s", settings, "0" * 40, None), proposed(1), starts(1, 0), ran(1, 0)):
            pulse.follow(event)
        page.until("now", lambda now: now["slots"] and now["slots"][0]["step"] == "deciding")
        pulse.follow(ExperimentJudged(Judged(number=1, verdict="keep", reason="")))
        pulse.follow(PersonAsked(Steered(request="0" * 16, act="pause")))
        page.until("now", lambda now: now["slots"] == [])
        pulse.follow(starts(1, 0, role="incumbent"))  # A keep is taken back.
        page.until("now", lambda now: now["slots"] and now["slots"][0]["step"] == "running")
        pulse.follow(ran(1, 0, role="incumbent"))
        page.until("now", lambda now: now["slots"] == [])
    page.close()


def test_a_ledger_that_breaks_and_is_mended(state: State) -> None:
    place = state.folder / "ledger.db"
    place.write_bytes(b"no ledger" * 1000)
    with served(state.folder.parent) as client:
        page = Listener(client)
        page.until("fault", lambda fault: "damaged" in fault["words"])
        place.unlink()
        night = Night.begin(place)
        night.baseline(10.0)
        page.until("fault", lambda fault: fault["words"] == "")
        page.close()
        night.ledger.close()
