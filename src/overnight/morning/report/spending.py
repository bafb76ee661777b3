"""Time, money and energy: what the night has used up, and on what."""

from __future__ import annotations

from dataclasses import dataclass

from overnight.ledger.history import History
from overnight.morning.plain import one_line
from overnight.morning.summary import Summary
from overnight.morning.words import cost_words, duration_words, energy_words, numbers_words, trouble_words

_LAST = 50


@dataclass(frozen=True)
class Part:
    """A part of the session's hours."""

    name: str
    seconds: float
    share: float
    """Of the hours, from 0 to 1."""


@dataclass(frozen=True)
class Earning:
    """One proposer's row."""

    who: str
    experiments: int
    recent: str
    """Its share of the last experiments."""
    kept: int
    gain: str
    hourly: str
    per_dollar: str
    cost: str


@dataclass(frozen=True)
class Spending:
    """All of it."""

    worked: str
    parts: list[Part]
    facts: list[tuple[str, str]]
    """What was used, and how much."""
    earnings: list[Earning]
    """Empty where one proposer did everything and nobody paid."""


def what_was_spent(history: History, summary: Summary) -> Spending:
    """Read it from the ledger."""
    used, hours = history.used(), summary.worked_seconds
    named = {"measuring": used.measuring, "proposing": used.proposing, "waiting for something outside": used.waiting}
    if summary.live:
        named = {"counting": used.measuring, "proposing": used.proposing}
    rest = hours - sum(named.values())
    if rest < 0:  # A pause that was cut short, and what is done at the same time: the parts shall be those of a whole.
        hours = sum(named.values())
    named["waiting for people" if summary.live else "everything else"] = max(rest, 0.0)
    parts = [Part(name, seconds, seconds / hours) for name, seconds in named.items() if seconds > 0.001 * hours > 0]
    if len(parts) < 2:
        parts = []
    facts = [("money", _money(history, summary))]
    if used.runs and summary.live:
        facts = [("people", f"{history.people():,}, counted in {used.runs:,} looks"), *facts]
    elif used.runs:
        facts = [
            ("runs", f"{used.runs:,}"),
            ("processor time", f"{duration_words(used.cpu)} in all runs" if used.cpu else "not measured"),
            ("energy", _energy(used.joules, used.joules_known, used.runs)),
            *facts,
        ]
        facts[1:1] = _machines(history.machines())
    if used.verifying:
        facts.insert(1, ("verification", f"{duration_words(used.verifying)} on top"))
    if summary.troubles:
        facts.append(("troubles", f"waited {trouble_words(summary.troubles)}"))
    return Spending(duration_words(summary.worked_seconds), parts, facts, _earnings(history, summary))


def _machines(runs: dict[str, int]) -> list[tuple[str, str]]:
    """Which machines made the runs, where others than the session's own did."""
    if not any(runs):
        return []
    named = [f"{many:,} on {one_line(name) or 'this one'}" for name, many in runs.items()]
    return [("machines", f"the runs were made {numbers_words(named)}")]


def _energy(joules: float, known: int, runs: int) -> str:
    if not known:
        return "not measured: this machine does not say"
    some = "" if known == runs else f", known for {known:,} of {runs:,} runs"
    return f"{energy_words(joules)} by the whole machine during runs{some}"


def _money(history: History, summary: Summary) -> str:
    if summary.cost or summary.tokens:
        return cost_words(summary.cost, summary.tokens)
    return "nobody knows" if history.agents() - {"search"} else "nothing: the built-in search asks no model"


def _earnings(history: History, summary: Summary) -> list[Earning]:
    proposing = history.by_proposer()
    if len(proposing) < 2 and not (summary.cost or summary.tokens):
        return []
    last = [judged.proposer for judged in history.judged_last(_LAST)]
    return [
        Earning(
            who=one_line(each.who),
            experiments=each.experiments,
            recent=f"{100 * last.count(each.who) / max(len(last), 1):.0f} %",
            kept=each.kept,
            gain=f"{each.gain:.3g}",
            hourly=f"{3600 * each.gain / each.seconds:.3g}" if each.seconds else "",
            per_dollar=f"{each.gain / each.cost:.3g}" if each.cost else "",
            cost=cost_words(each.cost, each.tokens),
        )
        for each in proposing
    ]
