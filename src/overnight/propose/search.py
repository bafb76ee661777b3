"""The built-in search: one small edit at a time with no model at all, learning from the ledger which ones pay."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from overnight.ledger.records import Judged
from overnight.propose.brief import Brief
from overnight.propose.literals import CannotParseError, Place, check, find
from overnight.propose.literals.moves import (
    Experience,
    Move,
    Outlook,
    distance,
    promising_moves,
    remaining_moves,
)
from overnight.propose.proposer import Proposal
from overnight.repo.blocks import MarkersError, blocks, is_inside

_BOM = "\ufeff"
_LEAST_PROMISE = 0.01
_FAR_BEHIND = 64  # verdicts that came out of order and are remembered as such


@dataclass(frozen=True)
class _File:
    """One `edit` file as it is now, and what can be turned in it."""

    path: str
    source: str
    places: tuple[Place, ...]
    problem: str = ""


class SearchProposer:
    """Turns numbers, switches and named alternatives; follows what worked, turns round where it did not.

    Nothing is kept but aggregates per place, all read from the ledger's verdicts; chance comes from the seed and the
    experiment's number alone. So a session that is resumed goes on exactly as if it had not been interrupted.
    """

    name = "search"
    reviews = False

    def __init__(
        self,
        seed: int,
        judged_after: Callable[[int], Iterable[Judged]],
        tried: Callable[[Mapping[str, bytes]], bool],
    ) -> None:
        self._seed = seed
        self._tried = tried
        self._memory = _Memory(judged_after)
        self._files: dict[str, tuple[bytes, _File]] = {}

    def propose(self, brief: Brief) -> Proposal:
        """The most promising edit that nobody has tried from any incumbent."""
        self._memory.catch_up()
        files = {path: file for path, content in brief.files.items() if (file := self._read(path, content))}
        if not any(file.places for file in files.values()):
            return Proposal(files={}, failure=_nothing_to_turn(brief.files, files))
        for path, move in self._moves(files, brief):
            changed = _apply(files[path], move)
            if not self._tried({**brief.files, path: changed}) and _is_valid(path, changed):
                return Proposal(
                    files={path: changed}, hypothesis=_hypothesis(move), origin=_origin(path, move), knows_the_past=True
                )
        return Proposal(files={}, failure="every change the search knows from here has been tried", exhausted=True)

    def review(self, _brief: Brief) -> Proposal:
        """It has no words."""
        return Proposal({}, failure="the search writes nothing down")

    def close(self) -> None:
        """Nothing is held."""

    def _read(self, path: str, content: bytes) -> _File | None:
        """The file's places; parsed once per version, since the incumbent stays the same for many experiments."""
        known = self._files.get(path)
        if known is None or known[0] != content:
            try:
                known = (content, _read_file(path, content.decode("utf-8")))
            except UnicodeDecodeError:
                return None
            self._files[path] = known
        return known[1]

    def _moves(self, files: Mapping[str, _File], brief: Brief) -> Iterator[tuple[str, Move]]:
        """Every move from here, the most promising first, each promise shaken a little so that none starves."""
        random = Random(f"{self._seed}:{brief.number}")
        outlook = self._memory.outlook(brief, random)
        places = [(path, place) for path, file in files.items() for place in file.places]
        ranked: list[tuple[float, int, str, Move]] = []
        for path, place in places:
            for move in promising_moves(place, self._memory.at(path, place), outlook):
                ranked.append((move.promise * random.lognormvariate(0.0, 0.2), len(ranked), path, move))
        ranked.sort(key=lambda entry: (-entry[0], entry[1]))
        yield from ((path, move) for promise, _, path, move in ranked if promise >= _LEAST_PROMISE)
        rest = [(path, move) for path, place in places for move in remaining_moves(place)]
        keyed = [(-move.promise * random.random(), index) for index, (_, move) in enumerate(rest)]
        yield from (rest[index] for _, index in sorted(keyed))
        yield from ((path, move) for promise, _, path, move in ranked if promise < _LEAST_PROMISE)


class _Memory:
    """What the verdicts so far taught, place by place; fed from the ledger and from nowhere else."""

    def __init__(self, judged_after: Callable[[int], Iterable[Judged]]) -> None:
        self._judged_after = judged_after
        self._all_known_to = 0
        self._known_beyond: set[int] = set()
        self._keeps = 0
        self._usual_gain: float | None = None
        self._places: dict[str, Experience] = {}

    def catch_up(self) -> None:
        """Read the verdicts that are new. With several slots they come out of order, and none may be missed."""
        for judged in self._judged_after(self._all_known_to):
            if judged.number not in self._known_beyond:
                self._known_beyond.add(judged.number)
                self._learn(judged)
        while self._all_known_to + 1 in self._known_beyond or len(self._known_beyond) > _FAR_BEHIND:
            self._all_known_to = min(self._known_beyond)
            self._known_beyond.discard(self._all_known_to)

    def _learn(self, judged: Judged) -> None:
        kept = judged.verdict == "keep"
        origin = judged.origin
        key, old, new, octaves = (origin.get(name) for name in ("place", "old", "new", "octaves"))
        if isinstance(key, str) and isinstance(old, str) and isinstance(new, str) and isinstance(octaves, int | float):
            experience = self._places.setdefault(f"{origin.get('path')}:{key}", Experience())
            gain = judged.gain if judged.verdict in {"keep", "discard"} else None
            experience.learn(old, new, float(octaves), gain, kept, self._keeps)
        self._keeps += kept
        if kept and judged.gain is not None and judged.gain > 0:
            usual = self._usual_gain
            self._usual_gain = judged.gain if usual is None else 0.7 * usual + 0.3 * judged.gain

    def at(self, path: str, place: Place) -> Experience:
        return self._places.get(f"{path}:{place.id}", _NEVER_TRIED)

    def outlook(self, brief: Brief, random: Random) -> Outlook:
        usual = self._usual_gain or max(brief.noise, abs(brief.baseline_metric) * 0.01) or 1.0
        return Outlook(usual, brief.noise, self._keeps, random)


_NEVER_TRIED = Experience()


def _read_file(path: str, source: str) -> _File:
    body = source.removeprefix(_BOM)
    try:
        places = find(path, body)
        if (free := blocks(body.encode())) is not None:
            places = [place for place in places if is_inside(free, body, place.start, place.end)]
        return _File(path, source, tuple(places))
    except CannotParseError as problem:
        return _File(path, source, (), f"{path} cannot be parsed: {problem}")
    except MarkersError as problem:
        return _File(path, source, (), f"{path}:{problem.line}: {problem}")


def _apply(file: _File, move: Move) -> bytes:
    body = file.source.removeprefix(_BOM)
    mark = file.source[: len(file.source) - len(body)]
    return (mark + move.place.apply(body, move.new)).encode()


def _is_valid(path: str, content: bytes) -> bool:
    try:
        check(path, content.decode("utf-8-sig"))
    except CannotParseError:
        return False
    return True


def _origin(path: str, move: Move) -> dict[str, Any]:
    place = move.place
    octaves = distance(place, move.new)
    way = "switch" if place.kind == "choice" else "flip" if place.kind == "boolean" else "step"
    return {
        "path": path,
        "place": place.id,
        "move": way,
        "octaves": octaves,
        "old": place.text,
        "new": move.new,
    }


def _hypothesis(move: Move) -> str:
    place, old, new = move.place, move.place.text.strip("\"'"), move.new.strip("\"'")
    if place.kind == "boolean" and place.named:
        return f"turn {place.label} {'on' if new.lower() in {'true', 'yes', 'on'} else 'off'}"
    verb = "switch"
    if place.kind == "number":
        verb = "raise" if float(new) > float(old) else "lower"
    return f"{verb} {place.label} from {old} to {new}" if place.named else f"{verb} {old} to {new} in `{place.label}`"


def _nothing_to_turn(contents: Mapping[str, bytes], files: Mapping[str, _File]) -> str:
    problems = [file.problem for file in files.values() if file.problem]
    problems += [f"{path} is not UTF-8 text" for path in contents if path not in files]
    if problems:
        return "; ".join(problems)
    names = ", ".join(contents) or "the edit files"
    return f"nothing to turn in {names}: no number, no True or False, no comment such as `try: a, b`"
