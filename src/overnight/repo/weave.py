"""Any set of ideas as one version: all lines that any idea ever wrote, each with who wrote it and who took it out.

That is the weave of SCCS (Rochkind 1975). A version holds the lines whose writer is in it and whose removers are not,
so that any subset of ideas can be built without merging, in an order that never depends on the others. What it cannot
say is a conflict: two ideas that replace the same line exclude each other, and one that replaces a line which another
wrote needs it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from difflib import SequenceMatcher

from overnight.repo.candidate import Files

BASELINE = 0
"""Who wrote what was there at the start; every other writer is an experiment's number."""


@dataclass(eq=False)
class _Line:
    text: bytes
    writer: int
    origin: int
    """The line of the baseline, or the one of its own, that it stands for through all replacements."""
    removers: set[int] = field(default_factory=set)

    def is_in(self, version: Set[int]) -> bool:
        return (self.writer == BASELINE or self.writer in version) and not self.removers & version


@dataclass(eq=False)
class _File:
    absent: _Line
    """Whoever makes a file that is not there takes this line out, so that two who do exclude each other."""
    exists: list[_Line]
    """It is there in versions that hold any of these."""
    lines: list[_Line]

    def is_in(self, version: Set[int]) -> bool:
        return any(line.is_in(version) for line in self.exists)

    def content(self, version: Set[int]) -> bytes:
        return b"".join(line.text for line in self.lines if line.is_in(version))

    def all_lines(self) -> list[_Line]:
        return [self.absent, *self.exists, *self.lines]


class Weave:
    """The `edit` files in all the versions that a set of ideas can make."""

    def __init__(self, baseline: Files) -> None:
        self._count = 0
        self._files: dict[str, _File] = {}
        self._touched: dict[int, frozenset[int]] = {}
        self._requires: dict[int, frozenset[int]] = {}
        for path, content in sorted(baseline.items()):
            lines = [self._line(text, BASELINE) for text in content.splitlines(keepends=True)]
            self._files[path] = _File(self._line(b"", BASELINE), [self._line(b"", BASELINE)], lines)

    def version(self, ideas: Iterable[int]) -> dict[str, bytes]:
        """The files with these ideas in them."""
        held = frozenset(ideas)
        return {path: file.content(held) for path, file in self._files.items() if file.is_in(held)}

    def add(self, idea: int, parent: Iterable[int], files: Files) -> None:
        """Idea number `idea` makes `files` out of the version that holds the ideas `parent`.

        Raises ValueError if the idea is known already.
        """
        if idea in self._touched:
            raise ValueError(f"idea {idea} is in the weave already")
        held = frozenset(parent)
        removed: list[_Line] = []
        needed: set[int] = set()
        for path in sorted({*self._files, *files}):
            file = self._files.setdefault(path, _File(self._line(b"", BASELINE), [], []))
            content = files.get(path)
            if (file.content(held) if file.is_in(held) else None) == content:
                continue
            needed |= {line.writer for line in file.exists if line.is_in(held)}
            if content is None:
                removed += [line for line in (*file.exists, *file.lines) if line.is_in(held)]
                continue
            if not file.is_in(held):
                removed += [file.absent] if file.absent.is_in(held) else []
                file.exists.append(self._line(b"", idea))
            removed += self._edit(file, idea, held, content)
        for line in removed:
            line.removers.add(idea)
        self._touched[idea] = frozenset(line.origin for line in removed)
        self._requires[idea] = frozenset({line.writer for line in removed} | needed) - {BASELINE, idea}

    def remove(self, ideas: Iterable[int]) -> None:
        """These ideas will be in no version any more."""
        gone = frozenset(ideas)
        for file in self._files.values():
            file.lines = [line for line in file.lines if line.writer not in gone]
            file.exists = [line for line in file.exists if line.writer not in gone]
            for line in file.all_lines():
                line.removers -= gone
        self._files = {path: file for path, file in self._files.items() if file.exists}
        for idea in gone & self._touched.keys():
            del self._touched[idea], self._requires[idea]

    @property
    def ideas(self) -> Set[int]:
        """Every idea that was added and not removed."""
        return self._touched.keys()

    def __contains__(self, idea: int) -> bool:
        return idea in self._touched

    def touched(self, idea: int) -> frozenset[int]:
        """The lines that an idea replaces or takes out, as numbers that stay the same through replacements."""
        return self._touched[idea]

    def requires(self) -> Mapping[int, frozenset[int]]:
        """The ideas without which an idea cannot be, since it replaces what they wrote."""
        return self._requires

    def excludes(self) -> dict[int, set[int]]:
        """The ideas with which an idea cannot be, since both replace the same line."""
        found: dict[int, set[int]] = {}
        for file in self._files.values():
            for line in file.all_lines():
                for idea in line.removers if len(line.removers) > 1 else ():
                    found.setdefault(idea, set()).update(line.removers - {idea})
        return found

    def _edit(self, file: _File, idea: int, held: frozenset[int], content: bytes) -> list[_Line]:
        """Put an idea's new lines in their places and return the lines that it takes out."""
        places = [place for place, line in enumerate(file.lines) if line.is_in(held)]
        old, new = [file.lines[place].text for place in places], content.splitlines(keepends=True)
        removed: list[_Line] = []
        inserted: list[tuple[int, list[_Line]]] = []
        for tag, start, end, new_start, new_end in _differences(old, new):
            gone = [file.lines[place] for place in places[start:end]]
            removed += gone
            # New lines stand before those they replace, or right after the one they follow: so that what another idea
            # adds after a replaced line comes after its replacement too.
            where = places[start] if tag != "insert" else places[start - 1] + 1 if start else 0
            lines = [
                self._line(text, idea, gone[min(index, len(gone) - 1)].origin if gone else None)
                for index, text in enumerate(new[new_start:new_end])
            ]
            inserted.append((where, lines))
        for where, lines in reversed(inserted):
            file.lines[where:where] = lines
        return removed

    def _line(self, text: bytes, writer: int, origin: int | None = None) -> _Line:
        self._count += 1
        return _Line(text, writer, self._count if origin is None else origin)


def _differences(old: list[bytes], new: list[bytes]) -> list[tuple[str, int, int, int, int]]:
    """What difflib calls opcodes, without the equal stretches, and quick where only the middle differs."""
    start = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    end = 0
    while end < min(len(old), len(new)) - start and old[-1 - end] == new[-1 - end]:
        end += 1
    middle = SequenceMatcher(None, old[start : len(old) - end], new[start : len(new) - end], autojunk=False)
    return [
        (tag, start + i1, start + i2, start + j1, start + j2)
        for tag, i1, i2, j1, j2 in middle.get_opcodes()
        if tag != "equal"
    ]
