"""How a session stands, in one word for the page and in one sentence for its reader."""

from __future__ import annotations

import time
from typing import Any, Literal

from overnight.errors import SessionError
from overnight.ledger.history import History
from overnight.loop.live import read_live
from overnight.loop.reading import summary_of
from overnight.loop.state import State
from overnight.morning.summary import Summary, trust_words
from overnight.morning.words import cost_words, percent_words, verified_words

Stand = Literal[
    "empty", "baseline", "running", "paused", "waiting", "approval", "finished", "stopped", "failed", "cut_off"
]
GO_ON = "`overnight run` goes on where it was."


def standing(history: History, state: State) -> dict[str, Any]:
    """The summary as `status --json` has it, and what else the head of the page shows."""
    summary = summary_of(history, state)
    stand = _stand(summary, history)
    baseline, best = summary.baseline, summary.incumbent
    live = read_live(state) if stand == "running" else None
    places = live.places if live else 1
    return {
        **summary.as_json(),
        "stand": stand,
        "sentence": _sentence(stand, summary, history, places),
        "improvement_words": percent_words(summary.improvement_percent) if baseline and summary.kept else "",
        "verified_words": verified_words(summary.verified) if summary.verified else "",
        "best_low": best.metric_low if best else None,
        "best_high": best.metric_high if best else None,
        "cost_words": cost_words(summary.cost, summary.tokens),
        "trust_words": trust_words(summary),
        "wanted": summary.experiments_wanted,
        "reads_hints": bool(set(summary.agent.split(", ")) - {"search"}),
        "at_work": summary.state == "running" and history.stopped() is None,
        "as_of": time.time(),
    }


def nothing(error: SessionError) -> dict[str, Any]:
    """The same where no session was ever begun."""
    return {"session": None, "stand": "empty", "sentence": _begin(f"{str(error).rstrip('.')}."), "at_work": False}


def _stand(summary: Summary, history: History) -> Stand:
    if summary.state == "running":
        if summary.paused:
            return "paused"
        if summary.waits:
            return "waiting"
        if summary.awaits_approval is not None:
            return "approval"
        return "baseline" if summary.baseline is None else "running"
    if summary.state == "finished":
        return "finished"
    if history.stopped() is None:
        return "cut_off"
    return "failed" if summary.failed else "stopped"


def _sentence(stand: Stand, summary: Summary, history: History, places: int) -> str:
    match stand:
        case "baseline":
            return "Measuring the baseline: what every experiment will be compared with."
        case "paused":
            return f"{_begin(summary.waits)}. Nothing new is begun until it is resumed."
        case "waiting":
            return f"Waiting: {summary.waits}. Nothing is lost."
        case "approval":
            return f"Experiment {summary.awaits_approval} waits for your approval; nobody has met it yet."
        case "finished":
            return f"Finished: {summary.last_reason}."
        case "stopped":
            return f"{_begin(summary.last_reason)}. {GO_ON}"
        case "failed":
            reason = summary.last_reason.rstrip(".")
            return f"It could not go on: {reason}. {_still_out(summary)}Mend that; {GO_ON}"
        case "cut_off":
            return f"Cut off: the process ended without a word. {_still_out(summary)}Nothing is lost; {GO_ON}"
        case _ if history.stopped() is not None:
            return "Another command measures here now, such as `overnight verify`."
        case _:
            of = f" of {summary.experiments_wanted}" if summary.experiments_wanted else ""
            if summary.out:
                return f"People meet the variant of experiment {summary.out}{of} beside the present version."
            if places > 1:
                return f"At work in {places} slots; the newest is experiment {history.last_number() or 1}{of}."
            # Others may be proposed already, and wait.
            number = min((each.number for each in history.undecided()), default=history.last_number() + 1)
            return f"At work on experiment {number}{of}."


def _still_out(summary: Summary) -> str:
    """A killed process takes nothing back."""
    return f"PEOPLE STILL MEET THE VARIANT OF EXPERIMENT {summary.out}, and nobody watches it. " if summary.out else ""


def _begin(words: str) -> str:
    return words[:1].upper() + words[1:]
