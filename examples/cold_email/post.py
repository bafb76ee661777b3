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
MOST_REFUSED = 3
"""So many letters refused for good, one after the other, and it is the sender that is refused, not these people."""


def send_what_is_allowed(mail: Mail, memory: Memory, out: Out, recipients: Sequence[Recipient]) -> list[str]:
    """Send today's share of the trial, and return what is worth telling about those who got nothing."""
    allowed = min(mail.limits.at_once, memory.left_today(mail.limits.a_day))
    if out.candidate is None or not allowed:
        return []
    letters = {"incumbent": Letter.parse(out.incumbent), "candidate": Letter.parse(out.candidate)}
    done = memory.not_to_be_asked()
    skipped: list[str] = []
    server: smtplib.SMTP | None = None
    answers = _Answers(memory)
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
            code, words = _send(server, memory, token, message.as_bytes(), mail.sender.address, recipient.address)
            allowed -= answers.note(token, code, words)
            if not allowed or answers.put_off == MOST_PUT_OFF:
                break
    finally:
        answers.close()
        if server is not None:
            with suppress(smtplib.SMTPException, OSError):
                server.quit()
    return skipped


class _Answers:
    """What the mail server has said to the letters of one look."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self.put_off = 0
        self._refused: list[str] = []
        """The letters since the last one that was taken."""

    def note(self, token: str, code: int, words: str) -> bool:
        """Whether one of the day's letters is used up. Raises SystemExit where whatever is sent is refused."""
        if code >= 500:
            self._refused.append(token)
            if len(self._refused) == MOST_REFUSED:
                for each in self._refused:
                    self._memory.not_sent(each)
                self._refused.clear()
                raise SystemExit(f"measure.py: the mail server refuses one letter after the other: {words}")
            return True
        if code >= 400:
            self._memory.not_sent(token)
            self.put_off += 1
            return False
        self._memory.sent(token)
        self.close()
        return True

    def close(self) -> None:
        """The server takes letters, but not those that it has refused: it is about these people."""
        for token in self._refused:
            self._memory.note(token, "bounced")
        self._refused.clear()


def _send(
    server: smtplib.SMTP, memory: Memory, token: str, message: bytes, sender: str, address: str
) -> tuple[int, str]:
    """The server's answer: 250, or a code from 400 on and its words. Where it is lost, the letter counts as sent."""
    try:
        server.sendmail(sender, [address], message)
    except smtplib.SMTPSenderRefused as error:
        memory.not_sent(token)
        raise SystemExit(f"measure.py: the mail server does not let {sender} send: {_words(error)}") from None
    except smtplib.SMTPRecipientsRefused as error:
        code, reply = next(iter(error.recipients.values()))
        return code, reply.decode("utf-8", "replace")
    except smtplib.SMTPDataError as error:
        return error.smtp_code, _words(error)
    except (smtplib.SMTPException, OSError) as error:
        raise SystemExit(f"measure.py: the mail server went away in the middle of a letter ({error})") from None
    return 250, ""


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
