"""What can be turned in any other text: TOML, INI, CSS, HTML, prose, or a language we have no parser for."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass

from overnight.propose.literals.choices import Comment, with_choices
from overnight.propose.literals.numbers import read
from overnight.propose.literals.place import (
    ANONYMOUS,
    CONSTANT,
    PART,
    CannotParseError,
    Place,
    is_knob,
    shorten,
    skeleton,
)

_HASH, _SLASHES, _BLOCK = r"(?:(?<=\s)|^)\#[^\r\n]*", r"//[^\r\n]*", r"/\*.*?\*/"
_MARKUP, _SEMICOLON, _DASHES = r"<!--.*?-->", r"(?:(?<=\s)|^);[^\r\n]*", r"(?:(?<=\s)|^)--[^\r\n]*"
_STRINGS = r'"(?:[^"\\\r\n]|\\.)*"' + "|" + r"'(?:[^'\\\r\n]|\\.)*'"
_LONG_STRINGS = r'""".*?"""' + "|" + r"'''.*?'''"
_NUMBER = (
    r"(?<![\w.#$/\\-])(?:(?<=[^\w)\]])-|^-)?(?>\d[\d_]*(?:\.\d+)?|\.\d+)(?>[eE][-+]?\d+)?"
    r"(?!\.?\d|[-:/]\d|x|st\b|nd\b|rd\b|th\b|\w{4})"
)
_LIST_NUMBER = r"^[ \t]*\d+[.)](?=\s)"
_THOUSANDS = r"\d{1,3}(?:,\d{3})+"
_ADDRESS = r"\b\w+://\S+"
_WORD = r"(?<![\w.-])(?:true|false|yes|no|on|off)(?![\w-])"
_TABLE = re.compile(r"^[ \t]*\[+(?P<name>[^\]\r\n]+)\]+[ \t]*(?:[#;][^\r\n]*)?\r?$", re.MULTILINE)
_SELECTOR = re.compile(r"(?P<name>[^{};/*]+)\{")
_KEY = re.compile(r"""(?P<key>[A-Za-z_][\w.-]*)["']?\s*(?::\s*[A-Za-z][\w<>]*\s*)?(?:=|:)\s*(?P<between>[^=:;<>]*)\Z""")
_SWITCHES = {"true": "false", "yes": "no", "on": "off", "false": "true", "no": "yes", "off": "on"}


@dataclass(frozen=True)
class _Syntax:
    comments: tuple[str, ...]
    strings: tuple[str, ...] = ()
    prose: bool = False


_C_LIKE = _Syntax((_SLASHES, _BLOCK), (_STRINGS, r"`[^`]*`"))
_SHELL_LIKE = _Syntax((_HASH,), (_STRINGS,))
_SYNTAX = {
    ".toml": _Syntax((r"\#[^\r\n]*",), (_LONG_STRINGS, _STRINGS)),
    ".css": _Syntax((_BLOCK,), (_STRINGS,)),
    **dict.fromkeys((".ini", ".cfg", ".conf"), _Syntax((_HASH, _SEMICOLON), (_STRINGS,))),
    **dict.fromkeys((".html", ".htm", ".xml", ".svg", ".vue"), _Syntax((_MARKUP, _BLOCK), prose=True)),
    **dict.fromkeys((".md", ".txt", ".rst", ".tex", ""), _Syntax((_MARKUP, _HASH), prose=True)),
    **dict.fromkeys((".sql", ".lua", ".hs"), _Syntax((_DASHES, _BLOCK), (_STRINGS,))),
    **dict.fromkeys((".sh", ".r", ".rb", ".jl", ".env", ".pl", ".properties", ".mk", ".dockerfile"), _SHELL_LIKE),
    **dict.fromkeys(
        [
            ".js",
            ".ts",
            ".jsx",
            ".tsx",
            ".mjs",
            ".c",
            ".cc",
            ".cpp",
            ".cu",
            ".h",
            ".hpp",
            ".rs",
            ".go",
            ".java",
            ".kt",
            ".swift",
            ".scss",
            ".less",
            ".cs",
            ".glsl",
            ".zig",
        ],
        _C_LIKE,
    ),
}
_UNKNOWN = _Syntax((_HASH, _BLOCK, _MARKUP), (_STRINGS,))


def find_in_text(source: str, suffix: str) -> list[Place]:
    """Numbers and switches by their look; the key before them, or else their line, is their name."""
    syntax = _SYNTAX.get(suffix, _UNKNOWN)
    if suffix == ".toml":
        check_toml(source)
    sections = _sections(source, suffix)
    places: list[Place] = []
    comments: list[Comment] = []
    for match in _scanner(syntax).finditer(source):
        if match.lastgroup == "comment":
            comments.append(Comment(*match.span()))
        elif match.lastgroup in {"number", "word"}:
            section = next((name for start, name in reversed(sections) if start < match.start()), "")
            place = _place(source, match.start(), match[0], section)
            places += [place] if place is not None else []
    return with_choices(source, comments, places, prose=syntax.prose or suffix == ".css")


def check_toml(source: str) -> None:
    try:
        tomllib.loads(source)
    except (tomllib.TOMLDecodeError, RecursionError) as problem:
        raise CannotParseError(str(problem)) from None


def _scanner(syntax: _Syntax) -> re.Pattern[str]:
    prose = [_LIST_NUMBER, _THOUSANDS] if syntax.prose else []
    skipped = "|".join([_ADDRESS, *syntax.strings, *prose])
    comments = "|".join(syntax.comments)
    pattern = rf"(?P<comment>{comments})|(?P<skipped>{skipped})|(?P<number>{_NUMBER})|(?P<word>(?i:{_WORD}))"
    return re.compile(pattern, re.MULTILINE | re.DOTALL)


def _sections(source: str, suffix: str) -> list[tuple[int, str]]:
    if suffix in {".toml", ".ini", ".cfg", ".conf"}:
        header = _TABLE
    elif suffix in {".css", ".scss", ".less"}:
        header = _SELECTOR
    else:
        return []
    return [(match.end(), " ".join(match["name"].split())) for match in header.finditer(source)]


def _place(source: str, start: int, text: str, section: str) -> Place | None:
    line_start = source.rfind("\n", 0, start) + 1
    line = source[line_start:].partition("\n")[0]
    key = _KEY.search(source[line_start:start])
    direct = key is not None and not key["between"].strip("[{(\"' ")
    switch = text.lower() in _SWITCHES
    if (switch and not direct) or (not switch and read(text) is None):
        return None
    name = (f"{section}.{key['key']}" if section else key["key"]) if key else ""
    if not is_knob(name, text):
        return None
    return Place(
        id=name or f"{section}: {skeleton(line)}".removeprefix(": "),
        label=name or shorten(line),
        named=bool(name),
        kind="boolean" if switch else "number",
        start=start,
        end=start + len(text),
        text=text,
        weight=CONSTANT if direct else PART if key else ANONYMOUS,
    )
