"""A night with an assistant, every tool and resource of it, over both ways to speak with the server."""

from __future__ import annotations

import http.client
import os
import shlex
import signal
import sys
from pathlib import Path
from urllib.parse import urlsplit

import anyio
import psutil
import pytest
from mcp.shared.exceptions import MCPError
from typer.testing import CliRunner

from overnight.cli.main import app
from overnight.errors import OvernightError
from overnight.loop.inbox import Submission
from overnight.loop.reading import open_history
from overnight.loop.state import State
from overnight.loop.submitting import MOST_WAITING
from overnight.mcp.serving import HttpServer
from tests.mcp.conftest import (
    COMMAND,
    SHUT,
    Assistant,
    http_server,
    knob,
    over_http,
    over_stdio,
    within,
)
from tests.system.conftest import Project

_LONG = 300
"""Seconds that nothing here takes, if all is well."""
TOOLS = {
    *("check_goal", "start_session", "status", "history", "brief", "submit_experiment", "explain_decision"),
    *("pause", "resume", "stop", "report"),
}


def test_a_night(gated: Project) -> None:
    """It begins over stdio, outlives that server, and goes on over HTTP."""
    anyio.run(_the_evening, gated)
    assert State.of(gated.folder).holder() is not None, "the session has ended with its server"
    with http_server(gated) as url:
        anyio.run(_the_morning, gated, url)
        _only_for_those_who_know_the_address(gated, url)
    assert State.of(gated.folder).holder() is None
    with open_history(gated.folder, None) as (history, _):
        proposed = [record for number in range(1, 5) if (record := history.proposed(number))]
    assert [record.proposer for record in proposed] == ["submitted"] * 4
    assert all(record.request for record in proposed)
    assert gated.git("status", "--porcelain") == ""
    gated.ok("doctor")


async def _the_evening(project: Project) -> None:
    async with over_stdio(project) as assistant:
        tools = (await assistant.client.list_tools()).tools
        assert {tool.name for tool in tools} == TOOLS
        assert all(tool.input_schema["additionalProperties"] is False and tool.description for tool in tools)
        assert "nothing was run in" in await assistant.refused("status")

        checked = await assistant.ask("check_goal")
        assert "exact: three runs gave the same number" in checked
        assert any(words.startswith("baseline run 2: loss 27") for words in assistant.progress)

        begun = await assistant.ask("start_session", experiments=5, wait_seconds=_LONG)
        assert (begun["state"], begun["baseline"], begun["agent"]) == ("running", 27.0, "submitted")
        holder = State.of(project.folder).holder()
        assert holder is not None
        above = [parent.cmdline() for parent in psutil.Process(holder.pid).parents()]
        assert not [words for words in above if "mcp" in words], "a client may end all descendants of its server"
        assert "a session is running here already" in await assistant.refused("start_session")
        assert "```\nimport os, time" in await assistant.ask("brief")
        await _measure(assistant, "nearer", knob(30), kept=True, gain=20.0)
        shut = await _measure(assistant, "a gate that is shut", SHUT, kept=False, gain=0.0)
        assert any("experiment 2: measuring the candidate" in words for words in assistant.progress)
        assert shut["words"].startswith("experiment 2: discard, ")


async def _measure(assistant: Assistant, hypothesis: str, patch: str, *, kept: bool, gain: float) -> dict[str, object]:
    """Hand a change in, twice, as if the first answer had been lost."""
    outcome = await assistant.ask("submit_experiment", hypothesis=hypothesis, patch=patch, wait_seconds=_LONG)
    assert (outcome["state"], outcome["kept"], outcome["gain"]) == ("decided", kept, gain)
    assert outcome["gain_low"] == outcome["gain_high"] == gain
    again = await assistant.ask("submit_experiment", hypothesis=hypothesis, patch=patch, wait_seconds=_LONG)
    assert again == outcome
    return dict(outcome)


async def _the_morning(project: Project, url: str) -> None:
    async with over_http(project, url) as assistant:
        assert (await assistant.ask("status"))["experiments"] == 2
        await assistant.ask("pause")
        assert (await assistant.ask("status"))["paused"] is True
        assert "it is paused already" in await assistant.refused("pause")
        worse = {"hypothesis": "farther", "patch": knob(20, 30)}
        paused = await assistant.ask("submit_experiment", **worse, wait_seconds=_LONG)
        assert (paused["state"], paused["number"]) == ("waiting", None)
        assert paused["words"] == "the session is paused; the submission is kept, and is measured after `resume`"
        for number in range(MOST_WAITING - 1):  # A session clears away what is not for it.
            State.of(project.folder).submissions.put(Submission.of("another", str(number), knob(20, 30)))
        many = await assistant.refused("submit_experiment", hypothesis="one too many", patch=knob(21, 30))
        assert many == "100 submissions wait already; hand this in when some of them have their verdicts"
        assert (await assistant.ask("submit_experiment", **worse, wait_seconds=0)) == paused, "one that waits is known"
        await assistant.ask("resume")
        assert (await _measure(assistant, **worse, kept=False, gain=-10.0))["number"] == 3
        tried = await assistant.ask("submit_experiment", hypothesis="anew", patch=knob(20, 30), wait_seconds=_LONG)
        assert (tried["verdict"], tried["number"]) == ("no_change", 4)
        assert tried["reason"] == "this was tried before: exactly this version is that of experiment 3"

        listed = (await assistant.ask("history", last=3))["experiments"]
        assert [(one["number"], one["verdict"]) for one in listed] == [
            *((2, "discard"), (3, "discard"), (4, "no_change"))
        ]
        explained = await assistant.ask("explain_decision", number=1)
        assert "decided:       keep, better by 20" in explained["why"]
        assert [run["value"] for run in explained["measurements"] if run["role"] == "candidate"] == [7.0]
        assert "-KNOB = 10\n+KNOB = 30\n" in explained["patch"]
        assert await assistant.read("overnight://experiments/1/diff") == explained["patch"]
        assert await assistant.read("overnight://experiments/4/diff") == ""
        with pytest.raises(MCPError, match="has no experiment 9; the last one is 4"):
            await assistant.read("overnight://experiments/9/diff")

        assert (await assistant.ask("stop")).startswith("Stopped (process ")
        assert (await assistant.ask("stop")) == "No session is running here."
        late = await assistant.refused("submit_experiment", hypothesis="too late", patch=knob(37, 30))
        assert "nobody is at work on this session" in late
        report = await assistant.ask("report")
        assert report.startswith("# Overnight ran 4 experiments")
        assert report.splitlines()[0] in await assistant.read("overnight://report")


def test_what_cannot_be_is_refused_in_words(gated: Project) -> None:
    anyio.run(_refusals, gated)
    with open_history(gated.folder, None) as (history, _):
        assert history.last_number() == 0, "a refused submission is no experiment"
    assert not list(State.of(gated.folder).submissions.folder.glob("*"))


async def _refusals(project: Project) -> None:
    async with within(project) as assistant:
        await assistant.ask("start_session", wait_seconds=_LONG)
        good = {"hypothesis": "nearer", "patch": knob(30)}
        for stated in ({"metric": 0.0}, {"verdict": "keep"}, {"number": 1}, {"goal": "/etc"}):
            said = await assistant.refused("submit_experiment", **good, **stated)
            assert next(iter(stated)) in said, said
        for patch, words in {
            "": "the patch is empty",
            "KNOB = 37": "There is no change in the patch. Write it as `git diff` does",
            knob(30, 11): "Hunk 1: its old text does not occur in solve.py. The nearest lines are",
            knob(30, path="goal.md"): "'goal.md' is not a file that you may change. You may change: solve.py.",
            knob(30, path="../../solve.py"): "'../../solve.py' is not a file that you may change",
            knob(30).replace("a/solve.py", "/etc/hosts").replace("b/solve.py", "/etc/hosts"): "'/etc/hosts' is not",
            knob(10): "change nothing",
        }.items():
            assert words in await assistant.refused("submit_experiment", hypothesis="an idea", patch=patch), patch
        assert "hypothesis" in await assistant.refused("submit_experiment", patch=knob(30))
        assert "at most 200000" in await assistant.refused("submit_experiment", **{**good, "patch": "+" * 200_001})
        assert "wait_seconds" in await assistant.refused("submit_experiment", **good, wait_seconds=-1)
        assert "has no experiment 5" in await assistant.refused("explain_decision", number=5)
        assert "number" in await assistant.refused("explain_decision", number=-1)
        assert "agent" in await assistant.refused("start_session", agent="sh -c 'touch /tmp/mine'")
        await assistant.ask("stop")
        (project.folder / "goal.md").write_text("---\nedit: solve.py\nrun: python solve.py\n---\n")
        for tool in ("start_session", "check_goal"):
            assert (
                await assistant.refused(tool) == "goal.md:1: `metric` is missing; add a line such as `metric: val_loss`"
            )
        project.git("checkout", "goal.md")
        project.set(run=f"{sys.executable} -c 'raise SystemExit(3)'")
        assert "the baseline gives no `loss`" in await assistant.refused("start_session", new=True, wait_seconds=_LONG)


def test_a_server_that_is_killed_over_a_submission_loses_nothing(gated: Project) -> None:
    anyio.run(_servers_end, gated)
    with open_history(gated.folder, None) as (history, _):
        assert [judged.number for judged in history.judged_last(5)] == [1]
        assert len([run for run in history.runs(1) if run.role == "candidate"]) == 1


async def _servers_end(project: Project) -> None:
    shut = {"hypothesis": "a gate that is shut", "patch": SHUT}
    with pytest.raises((MCPError, ExceptionGroup)):
        await _ask_one_that_is_killed(project, **shut)
    async with within(project) as assistant:
        under_way = await assistant.ask("submit_experiment", **shut, wait_seconds=0)
        assert (under_way["state"], under_way["number"]) == ("measuring", 1)
        outcome = await assistant.ask("submit_experiment", **shut, wait_seconds=_LONG)
        assert (outcome["number"], outcome["verdict"]) == (1, "discard")
        while State.of(project.folder).holder():
            await anyio.sleep(0.05)
        session = (await assistant.ask("status"))["session"]
        assert await assistant.ask("submit_experiment", **shut) == outcome, "it is known after the end, too"
        assert "is finished: all 1 experiments are done" in await assistant.refused("start_session", experiments=1)
        State.of(project.folder).submissions.put(Submission.of(session, "one too many", knob(30)))
        late = await assistant.ask("submit_experiment", hypothesis="one too many", patch=knob(30))
        assert late["state"] == "waiting"
        assert late["words"].startswith("the session is finished: all 1 experiments are done; the submission is kept, ")
        assert late["words"].endswith("which takes more `experiments` or `hours`")


async def _ask_one_that_is_killed(project: Project, **submission: str) -> None:
    place = project.folder.parent / "pid"
    words = shlex.join([*COMMAND, str(project.folder)])
    async with over_stdio(project, "sh", "-c", f"echo $$ > {shlex.quote(str(place))}; exec {words}") as assistant:
        assistant.opens = False
        await assistant.ask("start_session", experiments=1, wait_seconds=_LONG)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_kill_over_a_run, project, place)
            await assistant.ask("submit_experiment", **submission, wait_seconds=_LONG)


async def _kill_over_a_run(project: Project, place: Path) -> None:
    while not project.status()["slots"]:
        await anyio.sleep(0.05)
    os.kill(int(place.read_text()), signal.SIGKILL)


def test_a_session_that_is_killed_goes_on_with_what_was_submitted(gated: Project) -> None:
    anyio.run(_session_ends, gated)
    with open_history(gated.folder, None) as (history, _):
        assert [(judged.number, judged.verdict) for judged in history.judged_last(5)] == [(1, "discard"), (2, "keep")]


async def _session_ends(project: Project) -> None:
    shut, next_one = {"hypothesis": "a gate", "patch": SHUT}, {"hypothesis": "nearer", "patch": knob(30)}
    async with within(project) as assistant:
        assistant.opens = False
        await assistant.ask("start_session", wait_seconds=_LONG)
        await assistant.ask("submit_experiment", **shut, wait_seconds=0)
        while not project.status()["slots"]:
            await anyio.sleep(0.05)
        holder = State.of(project.folder).holder()
        assert holder is not None
        os.kill(holder.pid, signal.SIGKILL)
        killed = await assistant.ask("submit_experiment", **shut, wait_seconds=_LONG)
        assert killed["state"] == "waiting"
        assert killed["words"].startswith("the session was killed; the submission is kept")
        assert "nobody is at work on this session" in await assistant.refused("submit_experiment", **next_one)
        assistant.opens = True
        await assistant.ask("start_session", wait_seconds=_LONG)
        assert (await assistant.ask("submit_experiment", **next_one, wait_seconds=0))["state"] == "measuring"
        for submission in (shut, next_one):
            outcome = await assistant.ask("submit_experiment", **submission, wait_seconds=_LONG)
            assert outcome["state"] == "decided"


def _only_for_those_who_know_the_address(project: Project, url: str) -> None:
    """And for no page of another site."""
    other = HttpServer(project.folder / "goal.md").url
    assert urlsplit(url).path == urlsplit(other).path, "a client's settings hold from one start to the next"
    assert urlsplit(url).port != urlsplit(other).port
    assert urlsplit(url).hostname == "127.0.0.1"
    assert (project.folder / ".overnight" / "mcp-token").stat().st_mode & 0o077 == 0
    host, path = urlsplit(url).netloc, urlsplit(url).path
    assert _status(url, path) not in (403, 404, 421)
    assert _status(url, path, Origin=f"http://{host}") not in (403, 404, 421)
    assert _status(url, path, Host="evil.example") == 421
    assert _status(url, path, Host="evil.example:8713") == 421
    for origin in ("https://evil.example", "http://127.0.0.1:1", f"https://{host}", "null"):
        assert _status(url, path, Origin=origin) == 403
    for wrong in ("/mcp", "/", path.replace("/mcp", ""), "/wrong/mcp"):
        assert _status(url, wrong) == 404


def _status(url: str, path: str, **headers: str) -> int:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    body = b'{"jsonrpc": "2.0", "id": 1, "method": "ping"}'
    accepted = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    connection.request("POST", path, body, {**accepted, **headers})
    return connection.getresponse().status


def test_mistakes_on_the_command_line(gated: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def said(*arguments: str) -> str:
        with pytest.raises(OvernightError) as caught:
            CliRunner().invoke(app, ["mcp", *arguments], catch_exceptions=False)
        return str(caught.value)

    assert said("--port", "9", str(gated.folder)) == "--port is about --http; over stdio there is none"
    assert "there is no folder" in said(str(gated.folder / "no" / "goal.md"))
    for module in [name for name in sys.modules if name.startswith(("mcp.", "overnight.mcp"))]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "mcp", None)
    assert "install `overnight[mcp]`" in said(str(gated.folder))


def test_two_who_start_at_once_get_one_session_and_a_plain_refusal(gated: Project) -> None:
    answers = anyio.run(_start_twice, gated)
    (refusal,) = filter(None, answers)
    assert refusal.startswith("a session is running here already (process "), refusal


async def _start_twice(project: Project) -> list[str]:
    """What each of two clients is refused with; "" for nothing."""
    answers = list[str]()

    async def start() -> None:
        async with within(project) as assistant:
            result = await assistant.client.call_tool("start_session", {"wait_seconds": _LONG})
            (content,) = result.content
            said = str(getattr(content, "text", ""))
            answers.append(said.removeprefix("Error executing tool start_session: ") if result.is_error else "")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(start)
        tasks.start_soon(start)
    return answers
