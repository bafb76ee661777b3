"""How long a run gets, when the session ends, and which data it needs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from overnight.goal.reading.clue import TICKED, Clue
from overnight.goal.reading.sentences import Piece

_WORDS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9}
_WORDS |= {"ten": 10, "fifteen": 15, "twenty": 20, "thirty": 30, "forty": 40, "sixty": 60}
_DURATION = re.compile(
    rf"(?<![\w.$-])(\d{{1,6}}(?:\.\d{{1,3}})?|{'|'.join(_WORDS)})"
    r"(?:[ -]?(seconds?|secs?|minutes?|mins?|hours?|hrs?)|([smh]))\b",
    re.IGNORECASE,
)
_TOO_LONG = re.compile(
    r"\b(?:exceed\w*|longer than|more than|over|past|beyond|after|reaches)\W+(?:about |~ ?)?$", re.IGNORECASE
)
_KILLED = re.compile(
    r"\b(?:kill\w*|abort\w*|terminat\w*|treat (?:it|that)|counts? as|time-?out|timed out|cancel\w*)\b",
    re.IGNORECASE,
)
_TIMEOUT_OF = re.compile(r"\btime-?out(?: of| is|:)? ?~?$", re.IGNORECASE)
_ONE_RUN = re.compile(
    r"\bshould (?:take|complete|finish)|\bruns? (?:for|gets?|takes?|lasts?)\b|"
    r"\b(?:each|every|one|per|a) (?:run|experiment|trial|try)\b|"
    r"\bwall[- ]clock\b|\balways\b|\btrial\b|\blimit\b",
    re.IGNORECASE,
)
START_UP_ON_TOP = re.compile(
    r"\bexclud\w+\b.{0,30}\b(?:start|compil|load|set-?up|eval)|\btraining time\b", re.IGNORECASE
)


def time_clues(document: list[Piece]) -> Iterator[Clue]:
    for piece in document:
        for match in _DURATION.finditer(piece.text):
            amount = _WORDS.get(match[1].lower()) or float(match[1])
            seconds = amount * {"s": 1.0, "m": 60.0, "h": 3600.0}[(match[2] or match[3])[0].lower()]
            before = piece.text[max(0, match.start() - 60) : match.start()]
            if seconds <= 0:
                continue
            if _TIMEOUT_OF.search(before) or (_TOO_LONG.search(before) and _KILLED.search(piece.text)):
                yield Clue("kill_at", seconds, 5, piece)
            elif re.search(r"budget", before + piece.text[match.end() : match.end() + 40], re.IGNORECASE):
                yield Clue("budget", seconds, 6, piece)
            elif _ONE_RUN.search(piece.text) and not piece.fenced and not _TOO_LONG.search(before):
                yield Clue("budget", seconds, 2, piece)


_STOP_AFTER = r"(?:stop|end|finish|quit)\b.{0,30}\bafter"
_STOP_COUNT = re.compile(
    rf"\b(?:{_STOP_AFTER}|at most|no more than|up to|maximum of) (?:exactly |about )?"
    r"(\d{1,6}) (?:experiments|iterations|trials|tries|runs)\b",
    re.IGNORECASE,
)
_STOP_HOURS = re.compile(
    rf"\b(?:{_STOP_AFTER}|for at most|no more than) (?:exactly |about )?(\d{{1,3}}(?:\.\d)?) hours\b",
    re.IGNORECASE,
)
_DATA = re.compile(r"\b(?:data|dataset|shards|tokenizer|weights|models?)\b", re.IGNORECASE)
_EXISTS = re.compile(r"\b(?:contains?|exists?|verify|check that|lives? in|is in)\b", re.IGNORECASE)
_FOLDER = re.compile(r"(?:~|\.{1,2})?/?[\w.-]+(?:/[\w.-]+)*/|~/[\w./-]+")


def other_clues(document: list[Piece]) -> Iterator[Clue]:
    for piece in document:
        if piece.fenced:
            continue
        if (match := _STOP_COUNT.search(piece.text)) and int(match[1]) > 0:
            yield Clue("stop.experiments", float(match[1]), 3, piece)
        if (match := _STOP_HOURS.search(piece.text)) and float(match[1]) > 0:
            yield Clue("stop.hours", float(match[1]), 3, piece)
        if _DATA.search(piece.text) and _EXISTS.search(piece.text):
            for folder in TICKED.findall(piece.text):
                if _FOLDER.fullmatch(folder):
                    yield Clue("read", folder.rstrip("/"), 3, piece)
