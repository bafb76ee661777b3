"""Which sandbox a session has: the machine's, or none if its owner has said so."""

from __future__ import annotations

from overnight.errors import OvernightError
from overnight.runs.sandbox import NOT_PROTECTED, NoSandbox, Sandbox, find_sandbox, why_none


def wanted_sandbox(*, sandboxed: bool) -> Sandbox:
    """The machine's sandbox, or none where none is wanted. Raises OvernightError where there is none to be had."""
    if not sandboxed:
        return NoSandbox()
    sandbox = find_sandbox()
    if sandbox is None:
        raise OvernightError(
            f"there is no sandbox on this machine, so {NOT_PROTECTED}: {why_none()}, or say once that you accept it: "
            "`overnight run --no-sandbox`"
        )
    return sandbox


def sandbox_of(name: str) -> Sandbox:
    """The sandbox that a session began with, by its name. Raises OvernightError where this machine has it no more."""
    return wanted_sandbox(sandboxed=name not in ("none", ""))
