"""Reads what came back through IMAP, without touching it: nothing is marked as read, moved or deleted. Frozen."""

from __future__ import annotations

import email
import imaplib
import re
import ssl
import time
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import default

import classify
from memory import Memory
from settings import Mail, Server, person

LARGEST_BYTES = 200_000
"""So much of each mail is read; what it is and what it answers stands at its beginning."""
AT_ONCE = 50
SECONDS = 60


def read_new_mail(mail: Mail, memory: Memory) -> None:
    """Look at all that came since the last time, and note what it says about the letters."""
    first = memory.first_letter()
    if first is None:
        return
    since = time.strftime("%d-%b-%Y", time.gmtime(first - 24 * 3600))
    connection = connect(mail.imap)
    try:
        for folder in mail.folders:
            validity, uids = _new(connection, memory, folder, since)
            for uid, content in _contents(connection, uids):
                with memory.at_once():
                    take_in(email.message_from_bytes(content, policy=default), memory, mail)
                    memory.has_read(folder, validity, uid)
    except (imaplib.IMAP4.error, OSError) as error:
        raise SystemExit(f"measure.py: the mailbox on {mail.imap.host} cannot be read: {error}") from None
    finally:
        connection.shutdown()


def take_in(mail: EmailMessage, memory: Memory, settings: Mail) -> None:
    """Note what one mail says about one letter, if it speaks of one."""
    host = settings.sender.address.rpartition("@")[2].lower()
    kind = classify.kind_of(mail)
    author = classify.sender(mail)
    if person(author) == person(settings.sender.address):
        return  # what the sender wrote back, or a copy of a letter
    ids = (identity.rpartition("@") for identity in classify.answers(mail))
    tokens = [token for token, _, domain in ids if domain.lower() == host]
    about_failure = kind in {"bounce", "complaint", "notice"}
    addresses = classify.failed_addresses(mail) if about_failure else [author]
    if kind == "optout" and (token := classify.unsubscribe_token(mail)) is not None:
        tokens.insert(0, token)
    letter = memory.find(tokens, addresses)
    if kind == "optout" and author:
        memory.never_again(author, "opted_out")  # also where they write from another address, or were never written to
    if letter is None:
        return
    if kind == "reply":
        memory.note(letter, "replied")
    elif kind == "optout":
        memory.note(letter, "opted_out")
    elif kind == "bounce":
        memory.note(letter, "bounced")
    elif kind == "complaint":
        memory.note(letter, "complained")


def connect(server: Server) -> imaplib.IMAP4:
    """A connection that has logged in."""
    context = ssl.create_default_context()
    try:
        if server.security == "tls":
            connection: imaplib.IMAP4 = imaplib.IMAP4_SSL(
                server.host, server.port, ssl_context=context, timeout=SECONDS
            )
        else:
            connection = imaplib.IMAP4(server.host, server.port, timeout=SECONDS)
            if server.security == "starttls":
                connection.starttls(context)
        connection.login(server.user, server.password)
    except (imaplib.IMAP4.error, OSError) as error:
        raise SystemExit(f"measure.py: no mail can be read on {server.host}:{server.port}: {error}") from None
    return connection


def _new(connection: imaplib.IMAP4, memory: Memory, folder: str, since: str) -> tuple[int, list[int]]:
    """The numbers of the mails in the folder that were not looked at yet."""
    quoted = '"' + folder.replace("\\", "\\\\").replace('"', '\\"') + '"'
    status, _ = connection.select(quoted, readonly=True)
    if status != "OK":
        raise SystemExit(f"measure.py: the mailbox has no folder {folder!r}")
    _, answer = connection.response("UIDVALIDITY")
    validity = int(answer[0]) if answer and answer[0] else 0
    after = memory.read_up_to(folder, validity)
    _, found = connection.uid("SEARCH", f"UID {after + 1}:* SINCE {since}")
    # "5:*" is also the last mail where that has a lower number.
    return validity, sorted(uid for uid in map(int, (found[0] or b"").split()) if uid > after)


def _contents(connection: imaplib.IMAP4, uids: list[int]) -> Iterator[tuple[int, bytes]]:
    for start in range(0, len(uids), AT_ONCE):
        some = ",".join(map(str, uids[start : start + AT_ONCE]))
        _, answer = connection.uid("FETCH", some, f"(UID BODY.PEEK[]<0.{LARGEST_BYTES}>)")
        for number, part in enumerate(answer):
            if not isinstance(part, tuple):
                continue
            after = answer[number + 1] if number + 1 < len(answer) else b""
            # A server may give the number before the content or after it.
            uid = re.search(rb"\bUID (\d+)", part[0]) or re.search(
                rb"\bUID (\d+)", after if isinstance(after, bytes) else b""
            )
            if uid is not None:
                yield int(uid[1]), part[1]
