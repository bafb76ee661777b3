"""Pretend recipients for the demo and the tests. A SIMULATION: what they like is made up below, and says nothing about
real people.

They find their letters in a folder and answer through SMTP, as people and their mail programs do: some answer, some are
away, some are no longer there, some want to hear no more, one in a while complains, and most say nothing. `hidden:` in
goal.md keeps this file from the proposer.
"""

from __future__ import annotations

import argparse
import email
import math
import random
import re
import smtplib
import time
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import make_msgid
from pathlib import Path

LETTERS_END = "\n--\n"
NO_MORE = ("stop", "Please remove me from your list.", "Unsubscribe", "Not interested. Don't write again please.")
YES = ("Yes, that sounds useful. How much is it?", "We do it on paper. Tell me more.", "Happy to have a look.")


def likes(letter: EmailMessage) -> float:
    """How likely it is that somebody answers: the made-up taste."""
    subject, text = str(letter["Subject"]), words(letter)
    liking = -1.55
    liking += 0.9 * ("?" in subject) + 0.1 * ("question" in subject)
    liking += 0.8 * bool(re.search(r"\bI row\b|\bwe used to\b", text)) - 0.1 * ("platform" in text)
    liking += 0.3 * ("do it at the moment" in text)
    liking += 0.8 * bool(re.search(r"\b(?:video|trial)\b", text)) + 0.05 * ("Hello" in text)
    liking -= 0.3 * (len(text.split()) > 110)
    return 1 / (1 + math.exp(-liking))


def words(letter: EmailMessage) -> str:
    """The letter without its footer."""
    part = letter.get_body(("plain",))
    return str(part.get_content()).replace("\r\n", "\n").partition(LETTERS_END)[0] if part else ""


def answer(letter: EmailMessage, chance: random.Random) -> EmailMessage | None:
    """What comes back, if anything."""
    me = str(letter["Delivered-To"] or letter["To"])
    if me.startswith("gone."):
        return bounce(letter, me)
    draw = chance.random()
    if draw < 0.08:
        return away(letter, me, chance)
    if draw < 0.095:
        return reply(letter, me, chance.choice(NO_MORE), chance)
    if draw < 0.096:
        return complaint(letter, me)
    if chance.random() < likes(letter):
        return reply(letter, me, chance.choice(YES), chance)
    return None


def reply(letter: EmailMessage, me: str, text: str, chance: random.Random) -> EmailMessage:
    """An answer with the letter under it. One person in ten writes a new mail instead."""
    mail = _to_the_sender(letter, me, f"Re: {letter['Subject']}")
    if chance.random() < 0.9:
        mail["In-Reply-To"] = mail["References"] = str(letter["Message-ID"])
    body = letter.get_body(("plain",))
    quoted = "\n".join(f"> {line}" for line in str(body.get_content() if body else "").splitlines())
    mail.set_content(f"{text}\n\nOn Monday, {letter['From']} wrote:\n{quoted}\n")
    return mail


def away(letter: EmailMessage, me: str, chance: random.Random) -> EmailMessage:
    """A mail program answers for somebody who is away; not all of them say so in a header."""
    mail = _to_the_sender(letter, me, f"Automatic reply: {letter['Subject']}")
    mail["In-Reply-To"] = str(letter["Message-ID"])
    if chance.random() < 0.7:
        mail["Auto-Submitted"] = "auto-replied"
    mail.set_content("I am on the water until Monday, and will read your mail then.\n")
    return mail


def bounce(letter: EmailMessage, me: str) -> EmailMessage:
    """A mail server could not deliver it."""
    return _report(letter, "delivery-status", f"Final-Recipient: rfc822; {me}\nAction: failed\nStatus: 5.1.1\n")


def complaint(letter: EmailMessage, me: str) -> EmailMessage:
    """A provider passes on that somebody pressed the spam button."""
    text = f"Feedback-Type: abuse\nUser-Agent: Provider/1\nVersion: 1\nOriginal-Rcpt-To: {me}\n"
    return _report(letter, "feedback-report", text)


def _report(letter: EmailMessage, kind: str, text: str) -> EmailMessage:
    report = f"message/{kind}"
    boundary = "a-report"
    content = (
        f"From: MAILER-DAEMON@provider.example\nTo: {letter['From']}\nSubject: About your mail\n"
        f"MIME-Version: 1.0\nAuto-Submitted: auto-replied\nMessage-ID: {make_msgid(domain='provider.example')}\n"
        f'Content-Type: multipart/report; report-type={kind}; boundary="{boundary}"\n\n'
        f"--{boundary}\nContent-Type: text/plain\n\nThis is about a mail of yours.\n"
        f"--{boundary}\nContent-Type: {report}\n\n{text}\n"
        f"--{boundary}\nContent-Type: text/rfc822-headers\n\nMessage-ID: {letter['Message-ID']}\n--{boundary}--\n"
    )
    return email.message_from_string(content, policy=SMTP)


def _to_the_sender(letter: EmailMessage, me: str, subject: str) -> EmailMessage:
    mail = EmailMessage(policy=SMTP)
    mail["From"], mail["To"], mail["Subject"] = me, str(letter["From"]), subject
    mail["Message-ID"] = make_msgid(domain=me.rpartition("@")[2])
    return mail


def answer_all(folder: Path, port: int, chance: random.Random) -> int:
    """Read the letters in the folder, answer some, and put them away."""
    letters = [path for path in folder.iterdir() if path.is_file() and path.suffix != ".part"]
    if not letters:
        return 0
    with smtplib.SMTP("127.0.0.1", port, timeout=20) as server:
        for path in letters:
            letter = email.message_from_bytes(path.read_bytes(), policy=SMTP)
            path.unlink()
            mail = answer(letter, chance)
            if mail is not None:
                author = "" if mail.get_content_type() == "multipart/report" else str(mail["From"])
                server.sendmail(author, [_owner(letter)], mail.as_bytes())
    return len(letters)


def _owner(letter: EmailMessage) -> str:
    found = re.search(r"[^<>\s]+@[^<>\s]+", str(letter["From"]))
    return found[0] if found else ""


def main() -> None:
    parser = argparse.ArgumentParser(description="Pretend recipients; a simulation.")
    parser.add_argument("folder", type=Path, help="where their letters arrive")
    parser.add_argument("port", type=int, help="of the mail server that takes their answers")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    while True:
        if not answer_all(options.folder, options.port, chance):
            time.sleep(0.1)


if __name__ == "__main__":
    main()
