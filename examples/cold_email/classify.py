"""What came back: an answer of a person, an automatic one, a bounce, a complaint, or the wish to hear no more. Frozen.

Pure: a message in, a word out. Where it is in doubt whether somebody wants to hear no more, they do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.message import EmailMessage, Message
from email.utils import getaddresses
from typing import Literal

Kind = Literal["reply", "auto", "bounce", "notice", "complaint", "optout"]

_AUTO_PRECEDENCE = {"auto_reply", "bulk", "junk", "list"}
_AUTO_HEADERS = ("X-Autoreply", "X-Autorespond", "X-Auto-Reply", "List-Id")
_AUTO_SUBJECT = re.compile(
    r"^\W*(?:automatic reply|auto(?:matic)?[- ]?(?:reply|response)|out of (?:the )?office|on (?:annual )?leave"
    r"|abwesen|automatische antwort|réponse automatique|absence du bureau|respuesta automática|risposta automatica)",
    re.IGNORECASE,
)
_BOUNCER = re.compile(r"^(?:mailer-daemon|postmaster)@", re.IGNORECASE)
_BOUNCE_SUBJECT = re.compile(
    r"undeliver|delivery status notification|returned mail|mail delivery failed|failure notice|delivery has failed",
    re.IGNORECASE,
)
_NO_MORE = re.compile(
    r"\bunsubscribe\b|\bopt(?:ed|ing)?[ -]?out\b|\b(?:remove|delete|take) (?:me|us|my|our)\b|\bnot interested\b"
    r"|\bno more e?-?mails?\b|\bstop (?:e-?mail|writ|send|contact|mail|spam|bother)"
    r"|\b(?:do not|don['’]?t|never) (?:e-?mail|write|contact|send|mail)\b",
    re.IGNORECASE,
)
_NO_MORE_LINE = re.compile(
    r"^\W*(?:please[ ,]+)?(?:stop|remove|unsubscribe|no,? thanks|no,? thank you)\W*(?:please|thanks|it|this)?\W*$",
    re.IGNORECASE,
)
_QUOTE_BEGINS = re.compile(
    r"^(?:-+ ?original message|_{8,}|from: .+@|on .{5,200} wrote:$|am .{5,200} schrieb .{1,200}:$"
    r"|le .{5,200} a écrit ?:$)",
    re.IGNORECASE,
)
_ID = re.compile(r"<([^<>\s]{1,250}@[^<>\s]{1,250})>")
_LONGEST_TEXT = 20_000


def kind_of(mail: EmailMessage) -> Kind:
    """What it is, the surest signs first."""
    report = (
        str(mail.get_param("report-type", "") or "").lower() if mail.get_content_type() == "multipart/report" else ""
    )
    if report == "feedback-report":
        return "complaint"
    actions = [_header(part, "Action").lower() for part in _parts(mail) if _header(part, "Final-Recipient")]
    if report == "delivery-status" or actions:
        # "delayed", "relayed" and "delivered" are notices: the letter is on its way or there.
        return "bounce" if any(action.startswith("failed") for action in actions) else "notice"
    if _BOUNCER.match(sender(mail)) or _header(mail, "Return-Path") == "<>":
        return "bounce" if _BOUNCE_SUBJECT.search(_header(mail, "Subject")) else "auto"
    if _is_automatic(mail):
        return "auto"
    if _NO_MORE.search(_header(mail, "Subject")) or wants_no_more(own_words(mail)):
        return "optout"
    return "reply"


def wants_no_more(text: str) -> bool:
    """Whether a person's words ask not to be written to."""
    return bool(_NO_MORE.search(text)) or any(_NO_MORE_LINE.match(line) for line in text.splitlines())


def own_words(mail: EmailMessage) -> str:
    """What the person wrote, without the letter that they quote: in ours stands how to stop."""
    part = mail.get_body(("plain", "html"))
    payload = part.get_payload(decode=True) if part is not None else b""
    text = _decoded(payload if isinstance(payload, bytes) else b"", part.get_content_charset() if part else None)
    text = text[:_LONGEST_TEXT]
    if part is not None and part.get_content_type() == "text/html":
        text = re.sub(r"(?is)<blockquote.*|<style.*?</style>|<script.*?</script>", " ", text)
        text = re.sub(r"<[^>]{0,500}>", "\n", text)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    words: list[str] = []
    for number, line in enumerate(lines):
        if _QUOTE_BEGINS.match(line) and not any(later.startswith(">") for later in lines[number + 1 : number + 2]):
            break  # All that follows is ours. Where each line of ours has its mark, their words may come after it.
        if not line.startswith(">"):
            words.append(line)
    return "\n".join(words)


def sender(mail: EmailMessage) -> str:
    """The address of who wrote it."""
    found = getaddresses([_header(mail, "From")])
    return found[0][1] if found else ""


def answers(mail: EmailMessage) -> list[str]:
    """The Message-IDs of what it answers, the nearest first; for a report, of what it is about."""
    found = _ID.findall(_header(mail, "In-Reply-To")) + _ID.findall(_header(mail, "References"))[::-1]
    for part in _parts(mail):
        found += _ID.findall(_header(part, "Message-ID"))
        if part.get_content_type() == "text/rfc822-headers":
            found += re.findall(r"(?im)^message-id:\s*<([^<>\s]{1,500})>", str(part.get_payload()))
    return found


def failed_addresses(mail: EmailMessage) -> list[str]:
    """Whom a report says it could not reach, or who complained."""
    names = ("Final-Recipient", "Original-Recipient", "Original-Rcpt-To", "X-Failed-Recipients")
    values = [_header(part, name) for part in [mail, *_parts(mail)] for name in names]
    return [value.rpartition(";")[2].strip().strip("<>") for value in values if value]


def unsubscribe_token(mail: EmailMessage) -> str | None:
    """The token in the subject of the mail that a mail program's "unsubscribe" button writes."""
    match = re.match(r"\s*unsubscribe\s+([\w-]{8,80})\s*$", _header(mail, "Subject"))
    return match[1] if match else None


def _is_automatic(mail: EmailMessage) -> bool:
    submitted = _header(mail, "Auto-Submitted").strip().lower()
    return (
        submitted not in {"", "no"}
        or any(name in mail for name in _AUTO_HEADERS)
        or _header(mail, "Precedence").strip().lower() in _AUTO_PRECEDENCE
        or bool(_AUTO_SUBJECT.match(_header(mail, "Subject")))
    )


def _parts(mail: Message) -> Iterator[Message]:
    """The parts within it; those of a delivery report are blocks of headers."""
    return (part for part in mail.walk() if part is not mail)


def _decoded(content: bytes, charset: str | None) -> str:
    """As text; much that calls itself nothing, or ASCII, is UTF-8."""
    try:
        return content.decode("utf-8" if charset in {None, "us-ascii"} else str(charset), "replace")
    except (LookupError, ValueError):  # a character set that nobody knows
        return content.decode("utf-8", "replace")


def _header(mail: Message, name: str) -> str:
    """A header as text; one that is so broken that Python gives up on it is empty."""
    try:
        return " ".join(str(mail.get(name, "")).split())
    except (ValueError, IndexError, AttributeError, TypeError):
        return ""
