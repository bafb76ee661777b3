"""The cold e-mail: nobody is written to twice, whoever says stop is left alone, and answers are told from noise.

The letters go through a real Postfix into a real Dovecot, and the pretend people answer through them.
"""

from __future__ import annotations

import email
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from types import ModuleType

import pytest

from overnight.goal.document import Goal
from tests.examples.live import modules_of
from tests.mailservers import OWNER, PASSWORD, MailServers, mail_servers, wait_for
from tests.system.conftest import Project

FOLDER = Path(__file__).parents[2] / "examples" / "cold_email"
LETTER = (FOLDER / "email.md").read_text()
BETTER = LETTER.replace(
    "Subject: Boat management for rowing clubs", "Subject: {first_name}, a question about {company}"
)
VALUES = {"first_name": "Ada", "company": "Bergen Rowing Club", "town": "Bergen"}

Load = Callable[[str], ModuleType]


@pytest.fixture
def load() -> Iterator[Load]:
    with modules_of(FOLDER) as load:
        yield load


@pytest.fixture(scope="module")
def servers() -> Iterator[MailServers]:
    with mail_servers() as running:
        yield running


@dataclass
class Desk:
    """Somebody's folder with mail/ in it, and the two commands of goal.md as Overnight calls them."""

    folder: Path
    env: dict[str, str] = field(default_factory=dict)

    def set_up(self, smtp: int, imap: int, people: list[str], a_day: int = 1000) -> None:
        with modules_of(FOLDER) as load:
            settings = load("demo").MAIL.format(owner=OWNER, smtp=smtp, imap=imap)
        (self.folder / "mail").mkdir(exist_ok=True)
        settings = settings.replace("1000000", str(a_day)).replace("DEMO_MAIL_PASSWORD", "SECRET_OF_TEST")
        (self.folder / "mail" / "mail.toml").write_text(settings)
        self.env = {**os.environ, "OVERNIGHT_PROJECT": str(self.folder), "SECRET_OF_TEST": PASSWORD}
        self.write_to(people)

    def write_to(self, people: list[str]) -> None:
        rows = [f"{address},Ada {number},Club {number},Bergen" for number, address in enumerate(people)]
        (self.folder / "mail" / "recipients.csv").write_text("\n".join(["email,first_name,company,town", *rows]))

    def command(self, name: str, trial: str, candidate: str | None = None) -> subprocess.CompletedProcess[str]:
        env = {**self.env, "OVERNIGHT_TRIAL": trial}
        for side, text in (("INCUMBENT", LETTER), ("CANDIDATE", candidate)):
            if text is not None:
                (self.folder / side.lower()).mkdir(exist_ok=True)
                (self.folder / side.lower() / "email.md").write_text(text)
                env[f"OVERNIGHT_{side}"] = str(self.folder / side.lower())
        command = [sys.executable, f"{name}.py"]
        return subprocess.run(command, cwd=FOLDER, env=env, capture_output=True, text=True, check=False)

    def deploy(self, trial: str, candidate: str | None = BETTER) -> None:
        done = self.command("deploy", trial, candidate)
        assert done.returncode == 0, done.stderr

    def measure(self, trial: str) -> dict[str, int]:
        """What measure.py prints, of both sides together."""
        done = self.command("measure", trial)
        assert done.returncode == 0, done.stderr
        total: dict[str, int] = {}
        for line in done.stdout.splitlines():
            name, value = line.partition(".")[2].split(": ")
            number, _, of = value.partition("/")
            total[name] = total.get(name, 0) + int(number)
            if of:
                total["delivered"] = total.get("delivered", 0) + int(of)
        return total


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


# letter.py, the guard


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("Dear {first_name},\n\n", "Dear {first_nam},\n\n", "{first_nam} is unknown; the variables are first_name"),
        ("\nDear {first_name}", "\nDear {first_name.__class__}", "a brace stands alone"),
        ("\nDear {first_name}", "\nDear {", "a brace stands alone"),
        ("\nDear", "\nSee https://rowbook.example, dear", "holds a link"),
        ("\nDear", "\nSee www.rowbook.example, dear", "holds a link"),
        ("\nDear", "\n<b>Dear</b>", "holds a link or markup"),
        ("\nDear", "\n\x07Dear", "cannot be printed"),
        ("Subject: Boat", "Topic: Boat", "must begin with a line `Subject: …`"),
        ("Subject: Boat", f"Subject: {'x' * 120}", "of 1 to 120 characters"),
        ("Subject: Boat", "Subject: RE: Boat", "pretends to answer a mail"),
        ("clubs\n\n", "clubs\nBcc: everybody@club.example\n\n", "an empty line and a body"),
        ("\nYours sincerely,", "\n" + "x " * 2000, "a body of 1 to 2500 characters"),
        ("<!-- The", "<!-- " + "x" * 20_000, "20000 at most"),
    ],
)
def test_a_letter_that_is_none_is_named(load: Load, old: str, new: str, reason: str) -> None:
    letter = load("letter")
    assert old in LETTER
    with pytest.raises(letter.BrokenLetterError, match=re.escape(reason)):
        letter.Letter.parse(LETTER.replace(old, new, 1))


def _sender(letter: ModuleType) -> object:
    return letter.Sender("Ada Rower", OWNER, "Rowbook Ltd", "1 Boathouse Lane, Bergen", "Your club is a club.")


def test_what_goes_out_says_who_writes_and_how_to_hear_no_more(load: Load) -> None:
    letter = load("letter")
    values = {**VALUES, "first_name": "Inês"}
    sent = letter.Letter.parse(BETTER).to("ines@club.example", values, _sender(letter), "token123")
    mail = email.message_from_bytes(sent.as_bytes(), policy=default)
    assert mail["Subject"] == "Inês, a question about Bergen Rowing Club"
    assert mail["Message-ID"] == "<token123@rowbook.example>"
    assert mail["List-Unsubscribe"] == f"<mailto:{OWNER}?subject=unsubscribe%20token123>"
    text = mail.get_content()
    assert "Dear Inês," in text
    assert "try:" not in text
    assert text.rstrip().endswith("Answer “stop”, and you will not hear from me again.")
    for owed in ("Ada Rower", "Rowbook Ltd, 1 Boathouse Lane, Bergen", "Your club is a club."):
        assert owed in text


@pytest.mark.parametrize("value", ["", "  ", "Ada\r\nBcc: all@club.example", "Ada\x0bEve", "Ada\u2028Bcc: x", "x" * 81])
def test_a_value_cannot_add_a_header_or_be_missing(load: Load, value: str) -> None:
    letter = load("letter")
    with pytest.raises(letter.BrokenValueError, match="first_name"):
        letter.Letter.parse(BETTER).to("x@club.example", {**VALUES, "first_name": value}, _sender(letter), "t")


def test_values_are_not_read_again_for_variables(load: Load) -> None:
    letter = load("letter")
    mail = letter.Letter.parse(BETTER).to("x@club.example", {**VALUES, "first_name": "{town}"}, _sender(letter), "t")
    assert mail["Subject"] == "{town}, a question about Bergen Rowing Club"


# classify.py


def _mail(body: str = "Yes, tell me more.", **headers: str) -> EmailMessage:
    given = {"From": "Ida <ida@club.example>", "Subject": "Re: Boats", **headers}
    head = "".join(f"{name.replace('_', '-')}: {value}\n" for name, value in given.items())
    return email.message_from_bytes(f"{head}\n{body}".encode(), policy=default)


_FOOTER = "> Answer “stop”, and you will not hear from me again.\n> unsubscribe"


@pytest.mark.parametrize(
    ("mail", "kind"),
    [
        (_mail(), "reply"),
        (_mail(f"Sounds good!\n\nOn Monday, Ada wrote:\n{_FOOTER}"), "reply"),
        (_mail("Fine.\n\n-----Original Message-----\nPlease unsubscribe me"), "reply"),
        (_mail("We will stop by on Sunday.\nThe rowing never stops."), "reply"),
        (_mail(Auto_Submitted="no"), "reply"),
        (_mail(Subject="Re: Out of the office and onto the water"), "reply"),
        (_mail(Auto_Submitted="auto-replied"), "auto"),
        (_mail(Auto_Submitted="auto-generated; type=x"), "auto"),
        (_mail(X_Autoreply="yes"), "auto"),
        (_mail(Precedence="bulk"), "auto"),
        (_mail(Subject="Out of office: back on Monday"), "auto"),
        (_mail(Subject="Automatic reply: Boats"), "auto"),
        (_mail(Subject="Abwesenheitsnotiz"), "auto"),
        (_mail("Stop"), "optout"),
        (_mail("stop!\n\nIda"), "optout"),
        (_mail(f"On Monday, Ada wrote:\n{_FOOTER}\n\nPlease stop."), "optout"),
        (_mail("Please take me off your list"), "optout"),
        (_mail("Don’t write to me again."), "optout"),
        (_mail("We are not interested, thanks"), "optout"),
        (_mail("", Subject="unsubscribe 0123456789ab"), "optout"),
        (_mail("<p>Please <b>unsubscribe</b> us</p>", Content_Type="text/html"), "optout"),
        (_mail("<p>Yes!</p><blockquote>unsubscribe</blockquote>", Content_Type="text/html"), "reply"),
        (_mail("stop", Content_Type="text/plain; charset=unheard-of"), "optout"),
        (_mail("…", From="MAILER-DAEMON@x.example", Subject="Undelivered Mail Returned to Sender"), "bounce"),
        (_mail("…", Return_Path="<>", Subject="Your mail was received"), "auto"),
    ],
)
def test_what_came_back_is_told_apart(load: Load, mail: EmailMessage, kind: str) -> None:
    assert load("classify").kind_of(mail) == kind


@pytest.mark.parametrize(("action", "kind"), [("failed", "bounce"), ("delayed", "notice"), ("delivered", "notice")])
def test_a_report_is_a_bounce_only_when_it_says_failed(load: Load, action: str, kind: str) -> None:
    people, classify = load("people"), load("classify")
    letter = _mail("Hello", From=OWNER, Message_ID="<token9@rowbook.example>")
    text = people.bounce(letter, "gone@club.example").as_string().replace("Action: failed", f"Action: {action}")
    report = email.message_from_string(text, policy=default)
    assert classify.kind_of(report) == kind
    assert classify.answers(report) == ["token9@rowbook.example"]
    assert classify.failed_addresses(report) == ["gone@club.example"]


def test_any_bytes_at_all_are_some_kind_of_mail(load: Load) -> None:
    classify, chance = load("classify"), random.Random(7)
    pieces = [b"From: ", b"<>@", b"\r\n", b"\n\n", b"Subject: =?utf-8?b?//?=", b"\xff\xfe", b"Message-ID: <", b"stop"]
    pieces += [b"Content-Type: multipart/report; report-type=", b"delivery-status; boundary=b\n\n--b\n"]
    pieces += [b"Final-Recipient: rfc822;", b"Content-Type: text/html; charset=\xe9\n"]
    for _ in range(300):
        mail = email.message_from_bytes(b"".join(chance.choices(pieces, k=9)), policy=default)
        assert classify.kind_of(mail) in {"reply", "auto", "bounce", "notice", "complaint", "optout"}
        classify.answers(mail), classify.failed_addresses(mail), classify.unsubscribe_token(mail)
    # A mail within a mail whose Message-ID makes Python give up.
    content = (
        b"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n\nMessage-ID: <\n\n--b--\n"
    )
    assert classify.answers(email.message_from_bytes(content, policy=default)) == []


# memory.py


def test_an_address_is_one_person_however_it_is_written(load: Load) -> None:
    person = load("settings").person
    assert person(" Ida+Boats@Club.Example ") == person("ida@club.example")
    assert person("ida@club.example") != person("eda@club.example")


def test_each_person_is_written_down_once_in_all_trials(load: Load, tmp_path: Path) -> None:
    memory = load("memory").Memory(tmp_path)
    assert memory.write_down("ida@club.example", "s-1", "candidate") is not None
    assert memory.write_down("ida@club.example", "s-2", "incumbent") is None
    memory.never_again("Eda+x@club.example", "opted_out")
    assert memory.write_down("eda@club.example", "s-2", "incumbent") is None
    assert memory.not_to_be_asked() == {"ida@club.example", "eda@club.example"}
    sides = [memory.side("s-1", f"{number}@club.example") for number in range(1000)]
    assert 400 < sides.count("candidate") < 600
    assert memory.left_today(3) == 2
    memory.close()


# the real servers


def test_letters_go_out_and_what_comes_back_is_sorted(servers: MailServers, desk: Desk, load: Load) -> None:
    people, classify = load("people"), load("classify")
    alive = [f"{name}@first.example" for name in ("yes", "alias", "away", "stop", "spam", "button", "silent", "late")]
    desk.set_up(
        servers.smtp, servers.imap, [*alive, "gone.1@first.example", "Gone.1+again@First.example", "no address"]
    )
    desk.deploy("first-1")
    assert desk.measure("first-1") == {"delivered": 9, "replies": 0, "optouts": 0, "complaints": 0, "bounces": 0}
    letters = _letters(servers, "first.example", 8)
    assert sorted(letters) == sorted(alive)
    assert len({str(letter["Subject"]) for letter in letters.values()}) > 1  # both letters are out

    chance = random.Random(1)
    away = people.away(letters[alive[2]], alive[2], chance)
    spam = people.complaint(letters[alive[4]], alive[4])
    token = str(letters[alive[5]]["Message-ID"]).strip("<>").partition("@")[0]
    button = _mail("", From=f"other-{alive[5]}", To=OWNER, Subject=f"unsubscribe {token}")
    reply = people.reply(letters[alive[0]], alive[0], "Yes, gladly.", chance)
    alias = people.reply(letters[alive[1]], "president@elsewhere.example", "Who are you?", random.Random(1))
    stop = people.reply(letters[alive[3]], alive[3], "Stop", chance)
    # What Ada wrote back to somebody, copied to herself.
    own = _mail("Gladly.", From=OWNER, To=OWNER, References=str(letters[alive[6]]["Message-ID"]))
    fresh = _mail("I would like to know more.", From=alive[7], To=OWNER, Subject="Boats")
    stranger = _mail("Hello", From="x@stranger.example", To=OWNER)
    answers = [away, spam, button, own, reply, reply, alias, stop, fresh, stranger]
    with people.smtplib.SMTP("127.0.0.1", servers.smtp) as server:
        for mail in answers:
            server.sendmail("" if mail is spam else "them@first.example", [OWNER], mail.as_bytes())
    _wait_for_mail(servers, 11)  # those ten, and what Postfix itself sent back for the one that is gone
    assert classify.kind_of(_newest(servers, "Undelivered")) == "bounce"
    sorted_out = {"delivered": 8, "replies": 3, "optouts": 2, "complaints": 1, "bounces": 1}
    assert desk.measure("first-1") == sorted_out
    assert desk.measure("first-1") == sorted_out  # Nothing is counted again, and nobody is written to again.
    assert _flags(servers) == set()  # Nothing was marked as read.

    # A later trial, in a later session, with a longer list: only those who are new get a letter.
    desk.write_to([*alive, "other-button@first.example", "new@first.example"])
    desk.deploy("second-1")
    assert desk.measure("second-1")["delivered"] == 1
    _letters(servers, "first.example", 9)
    desk.deploy("second-1", None)
    desk.write_to([*alive, "newer@first.example"])
    assert desk.measure("second-1")["delivered"] == 1  # No candidate, no letters.


def test_the_limit_holds_for_a_day_and_over_trials(servers: MailServers, desk: Desk) -> None:
    desk.set_up(servers.smtp, servers.imap, [f"{number}@limit.example" for number in range(9)], a_day=4)
    desk.deploy("limit-1")
    assert desk.measure("limit-1")["delivered"] == 4
    desk.deploy("limit-2")
    assert desk.measure("limit-2")["delivered"] == 0
    with modules_of(FOLDER) as load:
        memory = load("memory").Memory(desk.folder / "mail")
        memory._database.execute("UPDATE letters SET written = written - 86401")
        memory.close()
    assert desk.measure("limit-2")["delivered"] == 4


@pytest.mark.parametrize("moment", ["before the server's yes", "after it"])
def test_whoever_may_have_a_letter_gets_no_second_one(desk: Desk, servers: MailServers, moment: str) -> None:
    """The sender is killed between the mail server's yes and the note of it, which nobody can tell from just before."""
    with _Stalling(say_yes=moment == "after it") as stalling:
        both = [f"{name}@{moment.partition(' ')[0]}.example" for name in ("one", "two")]
        desk.set_up(stalling.port, servers.imap, both)
        desk.deploy("crash-1")
        env = {**desk.env, "OVERNIGHT_TRIAL": "crash-1"}
        sending = subprocess.Popen([sys.executable, "measure.py"], cwd=FOLDER, env=env, start_new_session=True)
        wait_for(lambda: len(stalling.recipients) == 1, "the first letter")
        os.killpg(sending.pid, signal.SIGKILL)
        sending.wait()
    desk.set_up(servers.smtp, servers.imap, both)
    assert desk.measure("crash-1")["delivered"] == 2
    assert desk.measure("crash-1")["delivered"] == 2
    (tried,) = stalling.recipients
    assert {tried, *_letters(servers, moment.partition(" ")[0] + ".example", 1)} == set(both)


def test_a_server_that_says_later_is_left_in_peace_and_asked_again(desk: Desk, servers: MailServers) -> None:
    with _Stalling(refuse=b"451 4.7.1 later, please") as busy:
        desk.set_up(busy.port, servers.imap, [f"{number}@later.example" for number in range(20)])
        desk.deploy("later-1")
        assert desk.measure("later-1")["delivered"] == 0
        assert len(set(busy.recipients)) == 3
    with _Stalling(refuse=b"550 5.7.1 this looks like spam") as strict:
        desk.set_up(strict.port, servers.imap, ["a@later.example", "b@later.example"])
        assert desk.measure("later-1") == {"delivered": 0, "replies": 0, "optouts": 0, "complaints": 0, "bounces": 2}


def test_who_refuses_everybody_refuses_the_sender(desk: Desk, servers: MailServers) -> None:
    everybody = [f"{number}@refused.example" for number in range(9)]
    with _Stalling(refuse=b"554 5.7.1 your account is blocked") as strict:
        desk.set_up(strict.port, servers.imap, everybody)
        desk.deploy("refused-1")
        done = desk.command("measure", "refused-1")
        assert done.returncode == 1
        assert re.search("refuses one letter after the other: .*account is blocked", done.stderr)
        assert len(set(strict.recipients)) == 3
    desk.set_up(servers.smtp, servers.imap, everybody)
    assert desk.measure("refused-1")["delivered"] == 9


class _Stalling:
    """A mail server that takes a letter and does not say so, or refuses each."""

    def __init__(self, *, say_yes: bool = False, refuse: bytes = b"") -> None:
        self._say_yes, self._refuse = say_yes, refuse
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.recipients: list[str] = []
        """Of each letter that it has read to its end."""

    def __enter__(self) -> _Stalling:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.close()

    def _serve(self) -> None:
        connection, _ = self._listening.accept()
        with connection, connection.makefile("rwb", buffering=0) as lines:
            recipient = ""
            lines.write(b"220 slow\r\n")
            while line := lines.readline():
                if line[:4].upper() == b"QUIT":
                    return
                if line[:4].upper() == b"RCPT":
                    recipient = line.decode().partition("<")[2].partition(">")[0]
                if line[:4].upper() != b"DATA":
                    lines.write(b"250 yes\r\n")
                    continue
                lines.write(b"354 go on\r\n")
                while lines.readline() not in {b".\r\n", b""}:
                    pass
                if self._say_yes:
                    lines.write(b"250 it is on its way")  # The end of the line never comes.
                self.recipients.append(recipient)
                if not self._refuse:
                    lines.readline()
                    return
                lines.write(self._refuse + b"\r\n")


def _letters(servers: MailServers, host: str, count: int) -> dict[str, EmailMessage]:
    """The letters that arrived for people at that host, by address, once there are so many."""
    found: dict[str, EmailMessage] = {}

    def arrived() -> bool:
        found.clear()
        for path in (servers.people / "new").glob("*"):
            letter = email.message_from_bytes(path.read_bytes(), policy=default)
            if str(letter["To"]).endswith(host):
                assert str(letter["To"]) not in found, "a second letter"
                found[str(letter["To"])] = letter
        return len(found) >= count

    wait_for(arrived, f"{count} letters at {host}")
    return found


def _wait_for_mail(servers: MailServers, count: int) -> None:
    wait_for(lambda: len(list(servers.mailbox.glob("[nc]*/*"))) >= count, f"{count} mails")


def _newest(servers: MailServers, subject: str) -> EmailMessage:
    mails = (email.message_from_bytes(path.read_bytes(), policy=default) for path in servers.mailbox.glob("[nc]*/*"))
    return next(mail for mail in mails if subject in str(mail["Subject"]))


def _flags(servers: MailServers) -> set[str]:
    return {path.name.partition(":2,")[2] for path in servers.mailbox.glob("cur/*")} - {""}


# settings and mistakes


def test_mistakes_are_one_sentence(desk: Desk) -> None:
    assert "copy mail.example.toml" in _mistake(desk, "deploy")
    desk.set_up(9, 9, ["a@club.example"])
    path = desk.folder / "mail" / "mail.toml"
    good = path.read_text()
    for old, new, says in (
        ('"127.0.0.1"', '"mail.club.example"', "security must be tls or starttls"),
        ('postal_address = "1 Boathouse Lane, Bergen, Norway"', 'postal_address = ""', "people must know who writes"),
        ("a_day = 1000", "a_day = 0", "1 or more"),
        ("a_day = 1000", 'a_day = "many"', "a_day in [limits] must be a whole number"),
        ("a_day = 1000", "", "[limits] does not say a_day"),
        ("a_day = 1000", "a_day = 1\na_week = 3", "knows no a_week"),
        ("[limits]", "[other]", "no table [limits]"),
        ("[limits]", "[limits", "mail.toml:"),
    ):
        assert old in good
        path.write_text(good.replace(old, new, 1))
        assert says in _mistake(desk, "deploy")
    path.write_text(good)
    (desk.folder / "mail" / "recipients.csv").write_text("email,first_name\na@club.example,Ada\n")
    assert "no column company" in _mistake(desk, "deploy")
    desk.write_to(["a@club.example"])
    assert "{nobody} is unknown" in _mistake(desk, "deploy", LETTER.replace("\nDear {first_name}", "\nDear {nobody}"))
    desk.deploy("x-1")
    assert "no mail can be sent by 127.0.0.1:9" in _mistake(desk, "measure")


def _mistake(desk: Desk, name: str, candidate: str | None = LETTER) -> str:
    desk.env = desk.env or {**os.environ, "OVERNIGHT_PROJECT": str(desk.folder)}
    done = desk.command(name, "x-1", candidate)
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stderr.count("\n") == 1
    return done.stderr


def test_the_demo_leaves_a_folder_of_yours_alone(tmp_path: Path) -> None:
    folder = tmp_path / "cold_email"
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("mail", ".overnight", "__pycache__"))
    (folder / "mail").mkdir()
    (folder / "mail" / "recipients.csv").write_text("mine")
    done = subprocess.run([sys.executable, "demo.py"], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "is not of this demo's making" in done.stderr
    assert (folder / "mail" / "recipients.csv").read_text() == "mine"


# the session

AGENT = """case $(sed -n 's/^# Experiment //p' | head -1) in
1) sed -i 's/^Subject: .*/Subject: Who has the double scull on Saturday?/' email.md
   sed -i 's/^I am writing .*/I row too, and we used to do it on paper./' email.md
   sed -i 's/^Would you have .*/Shall I send you a short video of it?/' email.md
   echo 'hypothesis: a human being writes' ;;
*) sed -i 's/^Dear {first_name},/Dear {firstname},/' email.md
   echo 'hypothesis: a slip' ;;
esac
"""


def test_a_session_with_people(tmp_path: Path) -> None:
    folder = tmp_path / "cold_email"
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("mail", ".overnight", "__pycache__"))
    project = Project(folder)
    project.write("agent.sh", AGENT)
    project.set(agent="sh agent.sh")
    goal = (folder / "goal.md").read_text()
    # Fewer letters, and as much time as a busy machine needs.
    project.write("goal.md", goal.replace("min_samples: 100", "min_samples: 40").replace("window: 50s", "window: 90s"))
    project.git("init", "-q", "-b", "main")
    project.commit()
    done = subprocess.run(
        [sys.executable, "demo.py", "--experiments", "2", "--plain"],
        cwd=folder, capture_output=True, text=True, check=False, timeout=500,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    baseline, better, slip = project.log()
    assert 0 < baseline["metric"] < 0.5
    assert better["verdict"] == "keep"
    assert slip["verdict"] == "discard"
    assert "{firstname} is unknown" in slip["reason"]
    with modules_of(folder) as load:
        memory = load("memory").Memory(folder / "mail")
        trials = [f"{project.status()['session']}-{number}" for number in range(3)]
        delivered = [sum(side["delivered"] for side in memory.counts(trial).values()) for trial in trials]
        memory.close()
    assert min(delivered[:2]) >= 80
    assert delivered[2] == 0  # Nobody was sent the slip.


def test_the_goal_is_one_that_overnight_reads() -> None:
    settings = Goal.read(FOLDER / "goal.md").settings
    assert settings.edit == ("email.md",)
    assert settings.metric == "replies"
