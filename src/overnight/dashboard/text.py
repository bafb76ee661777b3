"""What guests have printed, as a person can read it: no control characters, no colours, no keys."""

from __future__ import annotations

import re

from overnight.morning.plain import printable
from overnight.runs.redact import redact

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_OVERWRITTEN = re.compile(r"^.*\r(?!$)", re.MULTILINE)
"""All of a line that a progress bar has written over."""


def readable(raw: bytes) -> str:
    """The text, redacted: what a terminal would show of it in the end."""
    text = redact(raw.decode("utf-8", errors="replace")).replace("\r\n", "\n")
    text = _OVERWRITTEN.sub("", _ESCAPES.sub("", text)).replace("\r", "")
    return printable(text)


def whole_lines(raw: bytes) -> bytes:
    """Without a last line that is still being written: half a key is not known as one."""
    end = max(raw.rfind(b"\n"), raw.rfind(b"\r"))
    return raw[: end + 1]
