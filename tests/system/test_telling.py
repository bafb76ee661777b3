"""People are told: real sessions, a real mail server and a real web server that receive."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.listeners import Mailbox, Webhook, mail_server, web_server
from tests.mlflowserver import free_port
from tests.system.conftest import Project

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with mail_server() as box:
        yield box


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with web_server() as hook:
        yield hook


def test_mail_tells_of_the_first_keep_and_of_the_end_with_the_chart(project: Project, mailbox: Mailbox) -> None:
    project.set(
        notify=f"'mailto://ada:$MAIL_WORD@127.0.0.1:{mailbox.port}?to=ada@example.org&from=me@example.org&mode=insecure'"
    )
    done = project.overnight("run", "--plain", "--no-sandbox", MAIL_WORD="correct-horse-9")
    assert done.returncode == 0, done.stdout + done.stderr
    first, last = mailbox.mails
    assert set(mailbox.logins) == {"correct-horse-9"}
    said = first.get_body(("plain", "html")).get_content()  # type: ignore[attr-defined]
    found = re.search(r"Experiment (\d+): set the knob to (\d+)", said)
    assert found, said
    number, knob = int(found[1]), int(found[2])  # The first, or where the machine is slow a later one.
    assert knob == 10 + 3 * number
    assert first["subject"] == f"Overnight, project: first keep, loss {37 - knob}"
    assert "Effect: loss better by 3" in said
    assert f"Best so far: loss {37 - knob}, {100 * number / 9:.3g} % better than the baseline's 27" in said
    assert f"overnight show {number}" in said
    assert f"goal.md in {project.folder}" in said
    assert last["subject"] == "Overnight, project: finished"
    assert [part.get_filename() for part in last.walk() if part.get_content_type() == "image/png"] == [
        f"overnight-{project.status()['session']}.png"
    ]
    said = last.get_body(("plain", "html")).get_content()  # type: ignore[attr-defined]
    assert "Overnight ran 12 experiments" in said
    assert "Experiment 9: set the knob to 37" in said
    assert "correct-horse-9" not in done.stdout + done.stderr
    kept = (project.folder / ".overnight" / "ledger.db").read_bytes()
    assert b"correct-horse-9" not in kept
    assert b"mailto" not in project.overnight("brief").stdout.encode()


def test_a_webhook_gets_the_chart_and_a_second_best_within_the_half_hour_waits(
    project: Project, webhook: Webhook
) -> None:
    project.set(notify=f"json://127.0.0.1:{webhook.port}/night")
    project.ok("run", "--plain", "--no-sandbox")
    assert [re.sub("[0-9]+", "N", _what(post)) for post in webhook.posts] == ["first keep, loss N", "finished"]
    (chart,) = webhook.posts[1]["attachments"]
    assert base64.b64decode(chart["base64"]).startswith(PNG)
    assert webhook.posts[1]["message"].startswith("Overnight ran 12 experiments in ")
    project.ok("run", "--plain", "--no-sandbox", "--experiments", "13")
    assert [_what(post) for post in webhook.posts[2:]] == ["finished"]


def _what(post: dict[str, Any]) -> str:
    return str(post["title"]).removeprefix("Overnight, project: ")


def test_a_session_that_cannot_go_on_says_so(project: Project, webhook: Webhook) -> None:
    project.set(notify=f"json://127.0.0.1:{webhook.port}", agent="sh -c 'exit 3'")
    assert "overnight" in project.refused("run", "--plain", "--no-sandbox")
    (post,) = webhook.posts
    assert post["title"] == "Overnight, project: cannot go on"
    assert "exit" in post["message"]
    assert "Nothing is lost" in post["message"]


def test_a_hypothesis_calls_nobody(project: Project, webhook: Webhook) -> None:
    project.write("agent.sh", 'echo "KNOB = 37" > solve.py\necho "print(\'loss:\', abs(KNOB - 37))" >> solve.py\n' +
                  'echo "hypothesis: hello @everyone\033[31m <b>bold</b>"\n')  # fmt: skip
    project.commit()
    project.set(notify=f"json://127.0.0.1:{webhook.port}")
    project.ok("run", "--plain", "--no-sandbox", "--experiments", "1")
    assert "hello ＠everyone�[31m <b>bold</b>" in webhook.posts[0]["message"]


@pytest.mark.parametrize("kind", ["nobody there", "refuses", "hangs"])
def test_a_dead_server_costs_one_note_and_a_bounded_time(project: Project, webhook: Webhook, kind: str) -> None:
    port = webhook.port if kind != "nobody there" else free_port()
    webhook.answers = lambda: 500 if kind == "refuses" else time.sleep(60) or 200
    project.set(notify=f"json://me:secret-word-1@127.0.0.1:{port}")
    began = time.monotonic()
    said = project.ok("run", "--plain", "--no-sandbox")
    assert time.monotonic() - began < 45
    assert project.status()["experiments"] == 12
    assert said.count("did not take a message") == 1
    assert "URL number 1 (json://…)" in said
    assert "secret-word-1" not in said


def test_a_url_that_means_nothing_is_refused_before_the_night(project: Project) -> None:
    project.set(notify="[tgrm://my-secret-token/1, $OVERNIGHT_UNSET_URL]")
    for command in (["check"], ["run", "--plain", "--no-sandbox"]):
        said = project.refused(*command)
        assert "goal.md:2: `notify`: Apprise cannot read URL number 1 (tgrm://…); write it as in" in said
        assert "goal.md:2: `notify`: $OVERNIGHT_UNSET_URL is not set in the environment" in said
        assert "my-secret-token" not in said


def test_check_warns_of_a_password_in_goal_md(project: Project) -> None:
    project.set(
        notify="['json://me:secret-word-1@localhost', 'json://me:$WORD@localhost', 'tgram://123456789:abcdefg_hijklmnop/12315544/']"
    )
    done = project.overnight("check", WORD="x")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("holds a password or token, which whoever reads goal.md sees too") == 2
    assert "URL number 1 (json://…) holds" in done.stdout
    assert "URL number 3 (tgram://…) holds" in done.stdout
    assert "secret-word-1" not in done.stdout
