"""Which number decides, and whether it should be low or high."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from overnight.goal.names import KNOWN_WORDS, is_counter
from overnight.goal.reading.clue import TICKED, Clue
from overnight.goal.reading.sentences import Piece

_NAME = r"[A-Za-z][\w/%-]{0,50}"
_GREP = re.compile(rf"grep\s.{{0,20}}?\^({_NAME})[:=]")
_PRINTED = re.compile(rf"^(?:METRIC )?({_NAME})\s*[:=]\s*-?\d")
_LOWEST = r"lowest|smallest|fewest|minimal|minimum|shortest|least"
_HIGHEST = r"highest|largest|greatest|biggest|maximal|maximum|most"
_SUPERLATIVE = re.compile(rf"\b(?:({_LOWEST})|({_HIGHEST}))\b(?: possible)?", re.IGNORECASE)
_EXTREME_VERB = re.compile(r"\b(?:(minimi[sz]\w*)|(maximi[sz]\w*))\b", re.IGNORECASE)
_VERB = re.compile(
    r"\b(?:(lower(?:ing)?|reduc(?:e|ing)|decreas(?:e|ing)|shrink|cut)|(rais(?:e|ing)|increas(?:e|ing)))\b",
    re.IGNORECASE,
)
_BETTER = re.compile(
    r"\b(?:(lower|smaller|less|fewer)|(higher|larger|bigger|more|greater))\b ?(?:is|are|=|:)? ?better\b",
    re.IGNORECASE,
)
_IMPROVED = re.compile(
    rf"`?({_NAME})`? (?:is |has |was )?(?:strictly )?(?:improve[sd]? ?\(?)?"
    r"(?:(lower|smaller)|(higher|larger))\b",
    re.IGNORECASE,
)
_BEATS_BEST = re.compile(rf"\b({_NAME})`? *(?:(<)|(>)) *(?:the )?(?:current |previous )?best\b", re.IGNORECASE)
_COMPARES = re.compile(r"(?:low|small|high|larg)er\b|[<>] ?(?:the |current |previous )*best\b", re.IGNORECASE)
"""Looked for first, because the patterns above try every word of a sentence."""
_METRIC_IS = re.compile(r"\b(?:primary |key |main |the )?metric(?: is|:| to beat is)\s+", re.IGNORECASE)
_METRIC_LEAD = re.compile(r"\b(?:primary|priority|key|main|single)\b.{0,20}\b(?:metric|order|number)", re.IGNORECASE)
_GOAL_WORD = re.compile(r"\b(?:goal|objective|aim|target|optimi[sz]e for)\b", re.IGNORECASE)
_ARTICLES = re.compile(r"^\s*(?:(?:the|a|your|our|its|mean|average|final|overall|best|value of) )*", re.IGNORECASE)


def metric_clues(document: list[Piece]) -> Iterator[Clue]:
    printed = _printed_names(document)
    for name, (piece, weight) in printed.items():
        yield Clue("metric", name, weight, piece)
    for piece in document:
        if not piece.fenced:
            yield from _goal_clues(piece, printed)
            ticked = TICKED.match(piece.text) if _METRIC_LEAD.search(piece.lead) else None
            if ticked and re.fullmatch(_NAME, ticked[1]):
                yield Clue("metric", ticked[1], 3, piece)
        for match in _BETTER.finditer(piece.text):
            yield Clue("direction", _way(match, 1), 3, piece)
            before = re.search(rf"({_NAME})\b[^A-Za-z]*$", piece.text[: match.start()])
            if before and _could_be_metric(before[1], printed):
                yield Clue("metric", before[1], 2, piece)


def _printed_names(document: list[Piece]) -> dict[str, tuple[Piece, float]]:
    """Names that the document shows being printed or read out, each with its weight as the metric."""
    names: dict[str, tuple[Piece, float]] = {}
    blocks_seen: set[int] = set()
    for piece in document:
        if match := _GREP.search(piece.text):
            weight = names[match[1]][1] if match[1] in names else 0.0
            names[match[1]] = (piece, min(weight + 4, 8))
        elif piece.fenced and (match := _PRINTED.match(piece.text)):
            is_first = piece.block not in blocks_seen and not is_counter(match[1])
            blocks_seen.add(piece.block)
            names.setdefault(match[1], (piece, 3.0 if is_first else 0.0))
    return names


def _goal_clues(piece: Piece, printed: Iterable[str]) -> Iterator[Clue]:
    is_goal = bool(_GOAL_WORD.search(piece.text))
    for pattern, weight in ((_SUPERLATIVE, 2 + 7 * is_goal), (_EXTREME_VERB, 4 + 5 * is_goal), (_VERB, 2)):
        for match in pattern.finditer(piece.text):
            name = _name_after(piece.text[match.end() : match.end() + 90], printed)
            if name:
                yield Clue("metric", name, weight, piece)
                yield Clue("direction", _way(match, 1), weight, piece, about=name)
            elif is_goal and pattern is not _VERB:
                yield Clue("direction", _way(match, 1), 2, piece)
    for pattern in (_IMPROVED, _BEATS_BEST) if _COMPARES.search(piece.text) else ():
        for match in pattern.finditer(piece.text):
            if _could_be_metric(match[1], printed):
                yield Clue("metric", match[1], 2, piece)
                yield Clue("direction", _way(match, 2), 3, piece, about=match[1])
    if said := _METRIC_IS.search(piece.text):
        name = _name_after(piece.text[said.end() : said.end() + 60], printed)
        if name:
            yield Clue("metric", name, 4, piece)


def _name_after(text: str, printed: Iterable[str]) -> str | None:
    """The metric named where `text` begins: back-ticked, known to be printed, or looking like one."""
    text = _ARTICLES.sub("", text, count=1)
    if (ticked := TICKED.match(text)) and re.fullmatch(_NAME, ticked[1]):
        return ticked[1]
    words = re.findall(_NAME, re.split(r"[.,;:()—]", text, maxsplit=1)[0])[:3]
    for count in (3, 2, 1):
        joined = "_".join(words[:count])
        for name in (joined, joined.lower()):
            if len(words) >= count and name in printed:
                return name
    return next((word for word in words[:1] if _could_be_metric(word, printed)), None)


def _could_be_metric(word: str, printed: Iterable[str]) -> bool:
    return word in printed or ("_" in word and not word.isupper()) or word.lower() in KNOWN_WORDS


def _way(match: re.Match[str], first_group: int) -> str:
    return "lower" if match[first_group] else "higher"
