"""`overnight init --agents`: instructions by which an assistant sets up a goal with the user, put where it looks."""

from __future__ import annotations

import contextlib
import os
import re
from importlib import resources
from pathlib import Path

from overnight.errors import OvernightError

FILES = {"AGENTS.md": "agents.md", ".claude/skills/overnight/SKILL.md": "skill.md"}
"""What is written, from the checkout's root, and the text of it in the package."""
_SHARED = frozenset({"AGENTS.md"})
"""Files of which only a part is ours; where there is one without it, the part goes to the end."""
_BEGIN = re.compile(r"^<!-- overnight:begin\b.*-->(?=[ \t]*\r?$)", re.MULTILINE)
_END = re.compile(r"^<!-- overnight:end -->(?=[ \t]*\r?$)", re.MULTILINE)


def write_instructions(folder: Path) -> list[str]:
    """Write the instructions into the checkout that `folder` is in, or into `folder` itself if it is in none.

    What was written before is written anew, between its two marks; what else stands in the files stays. Returns a
    line for each file. Raises OvernightError where one cannot be written, if possible before any was.
    """
    root = _root(folder.resolve())
    planned = {name: _planned(root, name) for name in FILES}
    said = []
    for name, (path, before, after) in planned.items():
        if before != after:
            _write(path, after, name)
        what = "Wrote" if before is None else "Updated" if before != after else "Nothing to do for"
        said.append(f"{what} {root / name}")
    return said


def _root(folder: Path) -> Path:
    """The checkout's; in a worktree and in a submodule `.git` is a file."""
    return next((place for place in (folder, *folder.parents) if (place / ".git").exists()), folder)


def _planned(root: Path, name: str) -> tuple[Path, str | None, str]:
    """Where a file lies, what it is, and what it is to be."""
    path = Path(os.path.realpath(root / name))  # A link stays a link: what it leads to is written.
    if not path.is_relative_to(root):
        raise OvernightError(f"{name} leads out of {root}, to {path}; take the link away, and try again")
    text = resources.files("overnight.cli").joinpath("instructions", FILES[name]).read_text(encoding="utf-8")
    if not path.exists():
        return path, None, text
    try:
        before = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise OvernightError(f"{name} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise OvernightError(f"{name} is not a UTF-8 text file, so nothing was written") from None
    return path, before, _with_part(name, before, text.replace("\n", _line_end(before)))


def _with_part(name: str, before: str, text: str) -> str:
    """`before` with the marked part of `text` in the place of its own."""
    part = _marked(name, text)
    assert part is not None, "the package's own texts are marked"
    ours = text[part]
    old = _marked(name, before)
    if old is not None:
        return before[: old.start] + ours + before[old.stop :]
    if name not in _SHARED:
        raise OvernightError(f"there is a {name} that Overnight did not write; move it away, and try again")
    line, above = _line_end(before), before.rstrip("\r\n")
    return f"{above}{2 * line if above else ''}{ours}{line}"


def _line_end(text: str) -> str:
    """How its first line ends."""
    return "\r\n" if text.partition("\n")[0].endswith("\r") else "\n"


def _marked(name: str, text: str) -> slice | None:
    """From one mark to the other; None where there are none. Raises OvernightError where they do not pair."""
    begins, ends = list(_BEGIN.finditer(text)), list(_END.finditer(text))
    if not begins and not ends:
        return None
    if len(begins) != 1 or len(ends) != 1 or ends[0].start() < begins[0].end():
        raise OvernightError(
            f"{name} should have one line `<!-- overnight:begin … -->` and after it one `<!-- overnight:end -->`; "
            "mend that or take them out, and try again"
        )
    return slice(begins[0].start(), ends[0].end())


def _write(path: Path, text: str, name: str) -> None:
    """All of it or nothing, with the rights that the file has."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(text.encode("utf-8"))
        if path.exists():
            partial.chmod(path.stat().st_mode)
        partial.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise OvernightError(f"{name} cannot be written in {path.parent}: {error.strerror}") from None
