"""What page.toml may say. Frozen, and the guard: `python page.py` checks the page before anybody sees it.

The page's texts are data. page.html escapes them, so that no version can bring a script, a link or a form of its own.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path

LARGEST_FILE = 20_000
TEXTS = {"headline": 90, "subline": 240, "button": 40, "trust": 160}
"""The most characters of each text."""
CHOICES = {"layout": ("stacked", "side_by_side"), "button_colour": ("navy", "green", "orange")}
TEXT_PX = range(13, 25)


class BrokenPageError(Exception):
    """Why page.toml cannot be shown, in one sentence."""


@dataclass(frozen=True)
class Page:
    headline: str
    subline: str
    button: str
    trust: str
    layout: str
    button_colour: str
    text_px: int
    ask_name: bool
    ask_club: bool
    ask_phone: bool
    show_price: bool
    show_steps: bool
    popup: bool


def parse(text: str) -> Page:
    """The page that the text describes; nothing in it is taken on trust."""
    if len(text) > LARGEST_FILE:
        raise BrokenPageError(f"page.toml has {len(text)} characters; {LARGEST_FILE} at most")
    try:
        values = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as problem:
        raise BrokenPageError(f"page.toml cannot be read: {problem}") from None
    names = [field.name for field in fields(Page)]
    unknown = next((name for name in values if name not in names), None)
    if unknown is not None:
        raise BrokenPageError(f"page.toml says {unknown[:40]!r}, which page.html knows nothing of")
    missing = next((name for name in names if name not in values), None)
    if missing is not None:
        raise BrokenPageError(f"page.toml does not say {missing!r}")
    for name, value in values.items():
        _check(name, value)
    return Page(**values)


def _check(name: str, value: object) -> None:
    if name in TEXTS:
        if not isinstance(value, str) or not value.strip() or not value.isprintable() or len(value) > TEXTS[name]:
            raise BrokenPageError(f"{name} must be a text in one line, of {TEXTS[name]} characters at most")
    elif name in CHOICES:
        if value not in CHOICES[name]:
            raise BrokenPageError(f"{name} must be one of {', '.join(CHOICES[name])}")
    elif name == "text_px":
        if type(value) is not int or value not in TEXT_PX:
            raise BrokenPageError(f"text_px must be a whole number from {TEXT_PX[0]} to {TEXT_PX[-1]}")
    elif not isinstance(value, bool):
        raise BrokenPageError(f"{name} must be true or false")


def read(folder: Path) -> str:
    """The text of page.toml in a version's folder, once it is known to be a page."""
    try:
        text = (folder / "page.toml").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise BrokenPageError(f"page.toml cannot be read ({type(problem).__name__})") from None
    parse(text)
    return text


if __name__ == "__main__":
    try:
        read(Path())
    except BrokenPageError as error:
        raise SystemExit(f"page.py: {error}") from None
    print("page.toml is a page")
