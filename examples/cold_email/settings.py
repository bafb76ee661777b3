"""The folder mail/ beside goal.md: mail.toml and recipients.csv, out of git and of the proposer's sight. Frozen."""

from __future__ import annotations

import csv
import os
import re
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from letter import VARIABLES, Sender

ADDRESS = re.compile(r"[A-Za-z0-9._%+'-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z0-9-]{2,63}")


@dataclass(frozen=True)
class Server:
    host: str
    port: int
    security: str
    """`tls` from the first byte, `starttls`, or `none`, which is for this machine only."""
    user: str = ""
    password_variable: str = ""
    """The environment variable that holds the password; it is written down nowhere."""

    @property
    def password(self) -> str:
        value = os.environ.get(self.password_variable, "")
        if not value:
            raise SystemExit(
                f"mail.toml: the variable {self.password_variable or 'password_variable'} holds no password"
            )
        return value


@dataclass(frozen=True)
class Limits:
    a_day: int
    """Letters in any 24 hours, over all trials."""
    at_once: int
    """Letters at one look, so that a day's letters do not all leave in one minute."""


@dataclass(frozen=True)
class Mail:
    """All that mail.toml says."""

    sender: Sender
    smtp: Server
    imap: Server
    folders: tuple[str, ...]
    limits: Limits


@dataclass(frozen=True)
class Recipient:
    address: str
    values: dict[str, str]

    @property
    def key(self) -> str:
        """The same for all ways to write one person's address."""
        return person(self.address)


def person(address: str) -> str:
    """An address without what makes no other person of it: capitals, and what follows a plus sign."""
    name, _, host = address.strip().casefold().rpartition("@")
    return f"{name.partition('+')[0]}@{host}"


def folder() -> Path:
    """Where the settings and the memory are."""
    return Path(os.environ.get("OVERNIGHT_PROJECT", ".")) / "mail"


def read_mail() -> Mail:
    """mail.toml, or the sentence that says what is wrong with it."""
    path = folder() / "mail.toml"
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SystemExit(f"mail.toml: there is no {path}; copy mail.example.toml to it and fill it in") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise SystemExit(f"mail.toml: {problem}") from None
    imap = dict(_table(values, "imap"))
    folders = imap.pop("folders", ["INBOX"])
    mail = Mail(
        sender=_make(Sender, "sender", _table(values, "sender")),
        smtp=_make(Server, "smtp", _table(values, "smtp")),
        imap=_make(Server, "imap", imap),
        folders=tuple(str(name) for name in folders),
        limits=_make(Limits, "limits", _table(values, "limits")),
    )
    _check(mail)
    return mail


def read_recipients() -> list[Recipient]:
    """recipients.csv: an address a line, with what the letter says of each person."""
    path = folder() / "recipients.csv"
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except FileNotFoundError:
        raise SystemExit(f"recipients.csv: there is no {path}") from None
    except (UnicodeDecodeError, csv.Error) as problem:
        raise SystemExit(f"recipients.csv: {problem}") from None
    missing = [name for name in ("email", *VARIABLES) if rows and name not in rows[0]]
    if missing:
        raise SystemExit(f"recipients.csv: there is no column {missing[0]}; it needs email, {', '.join(VARIABLES)}")
    found = [Recipient((row["email"] or "").strip(), {name: row[name] or "" for name in VARIABLES}) for row in rows]
    return [recipient for recipient in found if ADDRESS.fullmatch(recipient.address)]


_T = TypeVar("_T", Sender, Server, Limits)


def _table(values: dict[str, Any], name: str) -> dict[str, Any]:
    table = values.get(name)
    if not isinstance(table, dict):
        raise SystemExit(f"mail.toml: there is no table [{name}]; mail.example.toml shows it")
    return table


def _make(kind: type[_T], table: str, values: dict[str, Any]) -> _T:
    known = {field.name: field for field in fields(kind)}
    for name in values:
        if name not in known:
            raise SystemExit(f"mail.toml: [{table}] knows no {name}")
    for name, field in known.items():
        wanted = int if field.type == "int" else str
        if name not in values and field.default != "":
            raise SystemExit(f"mail.toml: [{table}] does not say {name}")
        if not isinstance(values.get(name, "" if wanted is str else 0), wanted):
            raise SystemExit(f"mail.toml: {name} in [{table}] must be a {'whole number' if wanted is int else 'text'}")
    return kind(**values)


def _check(mail: Mail) -> None:
    for field in fields(Sender):
        text = getattr(mail.sender, field.name)
        if not text.strip() or not text.isprintable():
            raise SystemExit(
                f"mail.toml: {field.name} in [sender] must be one line of text; people must know who writes"
            )
    if not ADDRESS.fullmatch(mail.sender.address):
        raise SystemExit("mail.toml: address in [sender] is no e-mail address")
    for table, server in (("smtp", mail.smtp), ("imap", mail.imap)):
        if server.security not in {"tls", "starttls", "none"}:
            raise SystemExit(f"mail.toml: security in [{table}] must be tls, starttls or none")
        if server.security == "none" and server.host not in {"127.0.0.1", "localhost", "::1"}:
            raise SystemExit(f"mail.toml: [{table}] is on another machine, so security must be tls or starttls")
    if mail.limits.a_day < 1 or mail.limits.at_once < 1:
        raise SystemExit("mail.toml: a_day and at_once in [limits] must be 1 or more")
