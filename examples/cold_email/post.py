"""Sends letters through SMTP, each to one person, and never twice. Frozen."""

from __future__ import annotations

import random
import smtplib
import ssl
from collections.abc import Sequence
from contextlib import suppress

from letter import BrokenValueError, Letter
from memory import Memory, Out
from settings import Mail, Recipient, Server

SECONDS = 30
MOST_PUT_OFF = 3
"""So many times "later" at one look, and the server is left in peace until the next."""


def send_what_is_allowed(mail: Mail, memory: Memory, out: Out, recipients: Sequence[Recipient]) -> list[str]:
    """Send today's share of the trial, and return what is worth telling about those who got nothing."""
    allowed = min(mail.limits.at_once, memory.left_today(mail.limits.a_day))
    if out.candidate is None or not allowed:
        return []
    letters = {"incumbent": Letter.parse(out.incumbent), "candidate": Letter.parse(out.candidate)}
    done = memory.not_to_be_asked()
    skipped: list[str] = []
    server: smtplib.SMTP | None = None
    put_off = 0
    try:
        # In another order each time, so that a few whose servers say "later" for ever do not stand before all others.
        for recipient in random.sample(recipients, len(recipients)):
            if recipient.key in done:
                continue
            done.add(recipient.key)
            side = memory.side(out.trial, recipient.key)
            try:
                for letter in letters.values():  # Whom one of the two cannot be written to is in neither group.
                    letter.fill(recipient.values)
            except BrokenValueError as error:
                skipped.append(f"{recipient.address} is left out: {error}")
                continue
            server = server or connect(mail.smtp)
            token = memory.write_down(recipient.key, out.trial, side)
            if token is None:
                continue
            message = letters[side].to(recipient.address, recipient.values, mail.sender, token)
            if _send(server, memory, token, message.as_bytes(), mail.sender.address, recipient.address):
                allowed -= 1
            else:
                put_off += 1
            if not allowed or put_off == MOST_PUT_OFF:
                break
    finally:
        if server is not None:
            with suppress(smtplib.SMTPException, OSError):
                server.quit()
    return skipped


def _send(server: smtplib.SMTP, memory: Memory, token: str, message: bytes, sender: str, address: str) -> bool:
    """False where the server takes nothing at the moment. Where its answer is lost, the letter counts as sent."""
    try:
        server.sendmail(sender, [address], message)
    except smtplib.SMTPSenderRefused as error:
        memory.not_sent(token)
        raise SystemExit(f"measure.py: the mail server does not let {sender} send: {_words(error)}") from None
    except smtplib.SMTPRecipientsRefused as error:
        code = next(iter(error.recipients.values()))[0]
        return _refused(memory, token, code)
    except smtplib.SMTPDataError as error:
        return _refused(memory, token, error.smtp_code)
    except (smtplib.SMTPException, OSError) as error:
        raise SystemExit(f"measure.py: the mail server went away in the middle of a letter ({error})") from None
    memory.sent(token)
    return True


def _refused(memory: Memory, token: str, code: int) -> bool:
    if code >= 500:
        memory.note(token, "bounced")
        return True
    memory.not_sent(token)
    return False


def connect(server: Server) -> smtplib.SMTP:
    """A connection that is ready to send."""
    context = ssl.create_default_context()
    try:
        if server.security == "tls":
            connection: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, timeout=SECONDS, context=context)
        else:
            connection = smtplib.SMTP(server.host, server.port, timeout=SECONDS)
            if server.security == "starttls":
                connection.starttls(context=context)
        if server.user:
            connection.login(server.user, server.password)
    except (smtplib.SMTPException, OSError) as error:
        raise SystemExit(f"measure.py: no mail can be sent by {server.host}:{server.port}: {_words(error)}") from None
    return connection


def _words(error: Exception) -> str:
    reply = getattr(error, "smtp_error", b"")
    return reply.decode("utf-8", "replace") if isinstance(reply, bytes) and reply else str(error)
