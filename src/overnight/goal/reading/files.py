"""Which file may be changed, and which must not be."""

from __future__ import annotations

import re
from collections.abc import Iterator

from overnight.goal.reading.clue import Clue
from overnight.goal.reading.sentences import Piece

_SUFFIX = (
    r"(?:pyx?|ipynb|c|cc|cpp|cu|h|hpp|rs|go|js|mjs|ts|tsx|jsx|java|kt|rb|jl|R|lua|sh|sql|f90|zig|swift|ml|hs|"
    r"php|md|txt|json|ya?ml|toml|ini|cfg|tex|html|css|prompt|sv|v|csv)"
)
_FILE = re.compile(rf"(?<![\w./~<-])((?:[\w.-]{{1,60}}/){{0,6}}[\w-][\w.-]{{0,60}}\.{_SUFFIX})(?![\w/<-]|\.\w)")
_NEVER_EDITED = re.compile(
    r"(?:readme|program|goal|changelog|license)\.\w+|pyproject\.toml|requirements.*\.txt", re.IGNORECASE
)
_CHANGE = r"(?:modif\w+|edit\w*|chang\w+|touch\w*|tun\w+|alter\w*|rewrit\w+|hack\w*|mutable|updat\w+)"
_FORBIDDEN = re.compile(
    rf"\b(?:not|never|cannot)\b.{{0,40}}\b{_CHANGE}|n['’]t\b.{{0,30}}\b{_CHANGE}|\bread[- ]only\b|"
    r"\boff[- ]limits\b|(?:\bis|\bare|\bstays?|[—:(-]) ?(?:the )?(?:fixed|frozen|immutable)\b|"
    r"\bleave\b.{0,60}\balone\b",
    re.IGNORECASE,
)
_ONLY_THIS = re.compile(
    rf"\b(?:only|single|one|sole)\b(?: \w+)? (?:file|script|module|place)\b.{{0,40}}\b{_CHANGE}|"
    rf"\bonly (?:mutable|editable) |\bsingle file you\b|\b{_CHANGE} only\b|\bonly (?:ever )?{_CHANGE}|"
    r"\b(?:anything|nothing|any(?: other)? files?|no(?: other)? files?)(?: else)? "
    r"(?:but|except|other than|outside|besides)\b",
    re.IGNORECASE,
)
_ALLOWED = re.compile(
    rf"\bthe files? (?:that )?you (?:may |can )?{_CHANGE}|\byou {_CHANGE}(?: this)?|\beditable\b|"
    rf"\b(?:can|may|allowed to|free to) {_CHANGE}",
    re.IGNORECASE,
)
_CHANGE_IT = re.compile(
    rf"^(?:please )?{_CHANGE}\b|\bfair game\b|\b(?:make|speed up|improve|optimi[sz]e|shrink)\b|\b{_CHANGE} `",
    re.IGNORECASE,
)
_PRONOUN = re.compile(r"^(?:it|this|that|do not|don['’]t|never|read[- ]only)\b", re.IGNORECASE)
_CLAUSE = re.compile(r";\s|,? but (?=(?:not|never|do|leave|you)\b)|,? and (?=(?:never|do not|don['’]t|leave)\b)")


def edit_clues(document: list[Piece]) -> Iterator[Clue]:
    subject, block = "", -1
    for piece in document:
        if piece.block != block:
            subject, block = "", piece.block
        for clause in _CLAUSE.split(piece.text):
            files = [name for name in _FILE.findall(clause) if not _NEVER_EDITED.fullmatch(name.rsplit("/")[-1])]
            if not files and subject and _PRONOUN.match(clause):
                files = [subject]
            weight = _may_be_edited(clause, piece) if files else 0
            for name in files:
                if weight and not (piece.fenced and len(files) > 1):
                    yield Clue("edit", name, weight, piece)
            subject = files[0] if files else subject


def _may_be_edited(clause: str, piece: Piece) -> float:
    if _ONLY_THIS.search(clause):
        return 6
    if _FORBIDDEN.search(clause):
        return -6
    under_ban = bool(_FORBIDDEN.search(piece.lead))
    if under_ban or piece.fenced:
        return -4 if under_ban else 4 * bool(_ALLOWED.search(clause))
    if _ALLOWED.search(clause):
        return 4
    return 2 * bool(_CHANGE_IT.search(clause)) + 2 * bool(_ALLOWED.search(piece.lead))
