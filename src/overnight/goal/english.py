"""Settings found in plain English, each with the sentence that says so. No model and no network: rules.

A document such as an autoresearch `program.md` states the same things in a handful of ways. Every way found
is a clue with a weight; for each setting the value with the most weight behind it wins, and its strongest
clue is what the user is shown. Rules rather than a model, because a goal must be read the same way twice, and
what is not there must come out as absent rather than invented.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from overnight.goal.reading.clue import Clue
from overnight.goal.reading.commands import command_clues
from overnight.goal.reading.files import edit_clues
from overnight.goal.reading.limits import START_UP_ON_TOP, other_clues, time_clues
from overnight.goal.reading.metrics import metric_clues
from overnight.goal.reading.sentences import pieces


@dataclass(frozen=True)
class Found:
    """A setting and where in the document it came from."""

    key: str
    """A key of goal.md's front matter; `stop.experiments` and `stop.hours` for those inside `stop`."""
    value: str | float
    """Text; or a number, which for `budget` and `kill_at` is seconds."""
    sentence: str
    line: int
    """1-based."""
    note: str = ""
    """What to tell the user where the value is not literally in the sentence."""

    why: str = ""
    """How it is known, where that is no sentence of a document."""

    @property
    def is_quoted(self) -> bool:
        """Whether the document says so; what a model merely suggests has no sentence and no line."""
        return self.line > 0 or bool(self.why)


def read_english(text: str) -> dict[str, Found]:
    """The settings that the document states. What it does not state, or not clearly enough, is absent."""
    document = pieces(text)
    found: dict[str, Found] = {}

    def settle(key: str, clues: Iterable[Clue], enough: float = 2) -> None:
        if best := _best_supported([clue for clue in clues if clue.key == key], enough):
            found[key] = Found(key, best.value, best.piece.text, best.piece.line)

    settle("edit", edit_clues(document))
    commands = list(command_clues(document, str(found["edit"].value) if "edit" in found else ""))
    settle("run", commands)
    settle("score", commands, enough=4)
    numbers = list(metric_clues(document))
    settle("metric", numbers)
    metric = found["metric"].value if "metric" in found else ""
    settle("direction", [clue for clue in numbers if clue.about in ("", metric)])
    times = list(time_clues(document))
    settle("budget", times)
    settle("kill_at", times)
    _reconcile_times(found)
    others = list(other_clues(document))
    for key in ("stop.experiments", "stop.hours", "read"):
        settle(key, others)
    return found


def _best_supported(clues: list[Clue], enough: float) -> Clue | None:
    total: dict[str | float, float] = defaultdict(float)
    for clue in clues:
        total[clue.value] += clue.weight
    best = max(total.values(), default=0)
    winners = [value for value, weight in total.items() if weight == best]
    if best < enough or (len(winners) > 1 and best == enough):
        return None  # nothing says so, or several things that all say no more than the least
    return max((clue for clue in clues if clue.value == winners[0]), key=lambda clue: clue.weight)


def _reconcile_times(found: dict[str, Found]) -> None:
    """`kill_at` ends a run by force, so it must leave room for a start-up that comes on top of the budget."""
    budget, kill_at = found.get("budget"), found.get("kill_at")
    if budget is None and kill_at is not None:
        del found["kill_at"]
        found["budget"] = Found("budget", kill_at.value, kill_at.sentence, kill_at.line)
    elif budget is not None and kill_at is not None and float(kill_at.value) <= float(budget.value):
        del found["kill_at"]
    elif budget is not None and kill_at is None and START_UP_ON_TOP.search(budget.sentence):
        note = "twice the budget, because start-up comes on top of it"
        found["kill_at"] = Found("kill_at", 2 * float(budget.value), budget.sentence, budget.line, note)
