"""A candidate: the incumbent with one proposal applied, as a commit that no branch points at."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
import warnings
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

Files = Mapping[str, bytes]
_LARGEST_READ = 2**19


def fingerprint(files: Files) -> str:
    """SHA-256 of the `edit` files, names and contents: equal exactly when two versions are."""
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(f"{len(path.encode())}:{path}:{len(files[path])}:".encode())
        digest.update(files[path])
    return digest.hexdigest()


class Scope:
    """Which files may be changed: the goal's `edit` patterns, relative to goal.md's folder."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self.patterns = tuple(PurePosixPath(pattern).as_posix() for pattern in patterns)
        self._matches = re.compile("|".join(f"(?:{_translate(pattern)})" for pattern in self.patterns))

    @property
    def literal(self) -> tuple[str, ...] | None:
        """The paths themselves when no pattern is a glob, so that nobody need search a large repository for them."""
        return None if any(sign in pattern for pattern in self.patterns for sign in "*?[") else self.patterns

    def allows(self, path: str) -> bool:
        """Whether `path` is one of them."""
        return self._matches.fullmatch(path) is not None

    def of(self, paths: Iterable[str]) -> list[str]:
        """Those of `paths` that may be changed."""
        return [path for path in paths if self.allows(path)]

    def untracked(self, tracked: Iterable[str]) -> list[str]:
        """The patterns that stand for no tracked file at all."""
        known = list(tracked)
        return [pattern for pattern in self.patterns if not Scope([pattern]).of(known)]


def _translate(pattern: str) -> str:
    """A glob as a regular expression: `*` and `?` stay within a folder, `**/` is any number of folders."""
    parts = re.split(r"(\*\*/|\*\*|\*|\?|\[[^\]]+\])", pattern)
    known = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return "".join(known.get(part) or (part if part.startswith("[") else re.escape(part)) for part in parts)


def apply_changes(files: Files, changes: Mapping[str, bytes | None]) -> dict[str, bytes]:
    """`files` with `changes` made; None takes a file away."""
    changed = {path: changes.get(path, content) for path, content in {**changes, **files}.items()}
    return {path: content for path, content in changed.items() if content is not None}


def unparsable(path: str, content: bytes) -> str | None:
    """Why a file with a grammar cannot be read ("line 3: invalid syntax"); None when it is fine or unknown.

    A very large one is not tried, since reading it could take all of our memory: its run will tell.
    """
    if len(content) > _LARGEST_READ:
        return None
    try:
        match PurePosixPath(path).suffix:
            case ".py":
                with warnings.catch_warnings(action="ignore"):
                    compile(content, path, "exec", dont_inherit=True)
            case ".json":
                json.loads(content)
            case ".toml":
                tomllib.loads(content.decode())
            case ".yaml" | ".yml":
                for _ in YAML(typ="safe", pure=True).load_all(content):
                    pass
    except SyntaxError as error:
        return f"line {error.lineno}: {error.msg}" if error.lineno else error.msg
    except (ValueError, YAMLError, RecursionError, MemoryError) as error:
        return str(error).split("\n")[0]
    return None
