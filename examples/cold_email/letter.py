"""What email.md may say, and the mail that is made of it. Frozen, and the guard: `python letter.py` checks the letter.

A letter is plain text: a subject, a body and the sender's footer, which email.md cannot change. It has no links and no
pictures, so that nobody is followed and no version can send people somewhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from pathlib import Path
from urllib.parse import quote

VARIABLES = ("first_name", "company", "town")
"""The columns of recipients.csv that a letter may name."""
LONGEST_FILE, LONGEST_SUBJECT, LONGEST_BODY, LONGEST_VALUE = 20_000, 120, 2_500, 80

_COMMENT = re.compile(r"<!--.*?-->[ \t]*\n?", re.DOTALL)
_VARIABLE = re.compile(r"\{([a-z_]+)\}")
_PRETENDS = re.compile(r"\W*(?:re|aw|fwd?|wg)\s*:", re.IGNORECASE)
_LINK = re.compile(r"\w+://|\bwww\.|\b[\w-]+\.(?:com|net|org|io|app|co|info|xyz|link|ly)\b|<[a-z/!]", re.IGNORECASE)


class BrokenLetterError(Exception):
    """Why email.md cannot be sent to anybody, in one sentence."""


class BrokenValueError(Exception):
    """Why this person cannot be sent the letter, in one sentence."""


@dataclass(frozen=True)
class Sender:
    """Who writes: what law and courtesy want under every letter."""

    name: str
    address: str
    organisation: str
    postal_address: str
    why: str
    """Where the recipient's address comes from, and why they of all people are written to."""


@dataclass(frozen=True)
class Letter:
    subject: str
    body: str

    @classmethod
    def parse(cls, text: str) -> Letter:
        """The letter in the text of email.md; nothing in it is taken on trust."""
        if len(text) > LONGEST_FILE:
            raise BrokenLetterError(f"email.md has {len(text)} characters; {LONGEST_FILE} at most")
        head, _, body = _COMMENT.sub("", text.replace("\r\n", "\n")).strip().partition("\n")
        key, _, subject = head.partition(":")
        letter = cls(subject.strip(), re.sub(r"\n{3,}", "\n\n", body).strip())
        if key != "Subject" or not 1 <= len(letter.subject) <= LONGEST_SUBJECT:
            raise BrokenLetterError(
                f"email.md must begin with a line `Subject: …` of 1 to {LONGEST_SUBJECT} characters"
            )
        if not body.startswith("\n") or not 1 <= len(letter.body) <= LONGEST_BODY:
            raise BrokenLetterError(
                f"an empty line and a body of 1 to {LONGEST_BODY} characters must follow the subject"
            )
        if _PRETENDS.match(letter.subject):
            raise BrokenLetterError(
                "the subject pretends to answer a mail or to pass one on; a first letter does neither"
            )
        for part in (letter.subject, letter.body):
            _check(part)
        return letter

    def fill(self, values: Mapping[str, str]) -> tuple[str, str]:
        """Subject and body with a person's own values in them."""
        return _fill(self.subject, values), _fill(self.body, values)

    def to(self, address: str, values: Mapping[str, str], sender: Sender, token: str) -> EmailMessage:
        """The mail for one person. `token` is what their answers are known by."""
        host = sender.address.rpartition("@")[2]
        mail = EmailMessage(policy=SMTP)
        mail["From"] = Address(_one_line("name", sender.name), addr_spec=sender.address)
        mail["To"] = Address(addr_spec=address)
        mail["Subject"], body = self.fill(values)
        mail["Date"] = formatdate()
        mail["Message-ID"] = f"<{token}@{host}>"
        mail["List-Unsubscribe"] = f"<mailto:{sender.address}?subject={quote(f'unsubscribe {token}')}>"
        mail.set_content(f"{body}\n{sender.name}\n\n--\n{_footer(sender)}", charset="utf-8", cte="quoted-printable")
        return mail


def _check(text: str) -> None:
    rest = _VARIABLE.sub("", text)
    unknown = next((name for name in _VARIABLE.findall(text) if name not in VARIABLES), None)
    if unknown is not None:
        raise BrokenLetterError(f"{{{unknown}}} is unknown; the variables are {', '.join(VARIABLES)}")
    if "{" in rest or "}" in rest:
        raise BrokenLetterError("a brace stands alone; a variable is written {first_name}")
    if not all(character.isprintable() or character == "\n" for character in text):
        raise BrokenLetterError("email.md holds a character that cannot be printed")
    if link := _LINK.search(text):
        raise BrokenLetterError(f"email.md holds a link or markup ({link[0]!r}); a first letter to a stranger has none")


def _fill(text: str, values: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda match: _one_line(match[1], values.get(match[1], "")), text)


def _one_line(name: str, value: str) -> str:
    """A value as it may stand in a header or a sentence: it cannot begin a line, hence no header of its own."""
    value = value.strip()
    if not value:
        raise BrokenValueError(f"{name} is empty")
    if not value.isprintable() or len(value) > LONGEST_VALUE:
        raise BrokenValueError(f"{name} must be one line of {LONGEST_VALUE} characters at most")
    return value


def _footer(sender: Sender) -> str:
    return (
        f"{sender.organisation}, {sender.postal_address}\n{sender.why}\n"
        "Answer “stop”, and you will not hear from me again.\n"
    )


def read(folder: Path) -> str:
    """The text of email.md in a version's folder, once it is known to be a letter."""
    try:
        text = (folder / "email.md").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise BrokenLetterError(f"email.md cannot be read ({type(problem).__name__})") from None
    Letter.parse(text)
    return text


if __name__ == "__main__":
    try:
        read(Path())
    except BrokenLetterError as error:
        raise SystemExit(f"letter.py: {error}") from None
    print("email.md is a letter")
