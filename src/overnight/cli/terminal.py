"""What may be shown in a terminal."""

from __future__ import annotations


def safe(text: str) -> str:
    """What a guest printed or called its idea, without the control characters that would act on the terminal."""
    return "".join(sign if sign.isprintable() or sign in "\n\t" else "�" for sign in text)
