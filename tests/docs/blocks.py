"""What stands in the documentation to be typed or copied: its code blocks, and the commands within its sentences."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from markdown_it import MarkdownIt

from overnight.goal.settings import Settings

ROOT = Path(__file__).parents[2]
SKILL = ROOT / "src" / "overnight" / "cli" / "instructions" / "skill.md"
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted(SKILL.parent.glob("*.md")))
Kind = Literal["goal", "settings", "json", "toml", "python", "commands", "other"]
WALKED_THROUGH = {
    "docs/start.md": "tests/docs/test_start.py",
    "docs/library.md": "tests/system/test_library.py",
}
"""Pages whose blocks belong together: each with the test that follows it from its beginning to its end."""
KEY_LENGTH = 60
_PROGRAMS = ("overnight", "python", "pip", "make", "git", "cd", "ssh", "sqlite3", "ray", "uv", "npm", "claude", "codex")
_SHELLS = ("sh", "bash", "shell", "console")


@dataclass(frozen=True)
class Block:
    """A block of code, fenced or indented."""

    page: str
    line: int
    """Where its first line stands."""
    language: str
    text: str

    @property
    def key(self) -> tuple[str, str]:
        """What it is known by, wherever it stands on its page: how its first line begins, without a comment."""
        return self.page, re.split(r"\s+#", self.text.strip().partition("\n")[0])[0][:KEY_LENGTH].strip()

    @property
    def kind(self) -> Kind:
        """What it is, as far as it can be seen."""
        lines = [line for line in self.text.splitlines() if line.strip()]
        if re.match(r"---\s*\n", self.text):
            return "goal"
        if self.language == "json" or self.text.lstrip().startswith("{"):
            return "json"
        if self.language in ("python", "toml"):
            return "python" if self.language == "python" else "toml"
        first_words = [_program(line) for line in lines if not line.lstrip().startswith("#")]
        if self.language in _SHELLS or (not self.language and all(word in _PROGRAMS for word in first_words)):
            return "commands"
        keys = [found[1] for line in lines if (found := re.match(r"(\w+):(?:\s|$)", line))]
        if keys and lines[0].startswith(keys[0]) and all(key in Settings.model_fields for key in keys):
            return "settings"
        return "other"

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks_of(path: Path) -> Iterator[Block]:
    """The blocks of a page."""
    page = path.relative_to(ROOT).as_posix()
    for token in MarkdownIt("commonmark").parse(path.read_text(encoding="utf-8")):
        if token.type in ("fence", "code_block") and token.map:
            first = token.map[0] + (2 if token.type == "fence" else 1)
            yield Block(page, first, token.info.partition(" ")[0], token.content)


def inline_of(path: Path) -> Iterator[tuple[str, str]]:
    """What stands between backticks in the sentences of a page, each with its place."""
    page = path.relative_to(ROOT).as_posix()
    for token in MarkdownIt("commonmark").parse(path.read_text(encoding="utf-8")):
        for child in token.children or ():
            if child.type == "code_inline" and token.map:
                yield f"{page}:{token.map[0] + 1}", child.content


def commands_of(text: str) -> Iterator[str]:
    """The command lines in a block, without comments; `a && b` is two, `a [--b]` is `a` and `a --b`."""
    for line in text.replace("\\\n", " ").splitlines():
        bare = _without_comment(line)
        for command in bare.split(" && ") if bare else ():
            if optional := re.search(r" \[(--[\w-]+)\]", command):
                yield command.replace(optional[0], "")
                yield command.replace(optional[0], f" {optional[1]}")
            else:
                yield command


def _program(line: str) -> str:
    """The first word that is no variable."""
    words = line.split()
    return next((word for word in words if not re.fullmatch(r"[A-Z_]+=.*", word)), words[0])


def _without_comment(line: str) -> str:
    """As a shell reads it: a `#` that begins a word begins a comment, unless it is quoted."""
    for mark in re.finditer(r"(?:^|\s)#", line):
        before = line[: mark.start()]
        try:
            shlex.split(before)
        except ValueError:
            continue  # Within quotes.
        return before.strip()
    return line.strip()


def all_blocks() -> list[Block]:
    """Every block of every page, but for those that a test of their own walks through."""
    return [block for page in PAGES for block in blocks_of(page) if block.page not in WALKED_THROUGH]
