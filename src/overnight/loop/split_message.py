"""What a split branch says of itself: the message of each commit, and what its changes did."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from overnight.judge.noise import Interval
from overnight.ledger.records import Judged
from overnight.morning.plain import one_line
from overnight.morning.summary import Summary, trust_words
from overnight.morning.words import gain_words, verified_words

Group = tuple[int, ...]
"""Experiments whose changes stay together, in the order in which they are to be committed."""
_WIDTH = 72


@dataclass(frozen=True)
class Alone:
    """What a group does to the baseline by itself, measured again on fresh seeds."""

    gain: Interval | None
    """In the metric's unit, positive is better; None where it does not run by itself."""
    pairs: int
    command: str
    """What printed the metric."""
    reason: str = ""
    """Why it does not run."""


def message_of(
    judged: Judged, summary: Summary, group: Group, alone: Alone | None, *, command: str, is_exact: bool
) -> str:
    """A commit's message: what is changed, what it did to the metric, and how anybody knows."""
    hypothesis = one_line(judged.hypothesis) or f"experiment {judged.number}"
    subject = textwrap.shorten(hypothesis, _WIDTH, placeholder=" …")
    if subject == " …".strip():  # One word that is longer than the line.
        subject = f"{hypothesis[: _WIDTH - 1]}…"
    paragraphs = [hypothesis] if subject != hypothesis else []
    paragraphs.append(
        f"{summary.metric}: {judged.before or 0.0:.6g} -> {judged.metric or 0.0:.6g}, {effect_words(judged)}, measured "
        "while searching, on top of what was kept before it."
    )
    if alone is not None:
        what = "By itself" if len(group) == 1 else f"Together ({names_of(group)}), and without the other kept changes"
        paragraphs.append(f"{what}, measured again (`{alone.command}`): {alone_words(alone, summary.metric)}.")
    if judged.undecided:
        paragraphs.append("This was still provisional: more runs might have taken it back.")
    if judged.flags:
        paragraphs.append(f"It looked suspicious and wants a human eye: {one_line('; '.join(judged.flags))}.")
    runs = f"{judged.runs} {'run' if judged.runs == 1 else 'runs'}"
    how = "the metric repeats exactly" if is_exact else "the metric is noisy"
    paragraphs.append(f"The number is {trust_words(summary)} (`{command}`); {runs}, and {how}.")
    whole = verified_words(summary.verified) if summary.verified is not None else "not verified"
    who = f", proposed by {one_line(judged.proposer)}" if judged.proposer else ""
    paragraphs.append(f"All that the session kept is, together, {whole}.")
    paragraphs.append(f"Experiment {judged.number} of Overnight session {summary.session} ({summary.goal}){who}.")
    body = "\n\n".join(
        textwrap.fill(words, _WIDTH, break_long_words=False, break_on_hyphens=False) for words in paragraphs
    )
    return f"{subject}\n\n{body}\n"


def effect_words(judged: Judged) -> str:
    """What an experiment did to the metric, as sure as that is: `better by 0.06 (95 % interval 0.05 to 0.07)`."""
    if judged.gain is None:
        return "its effect is not known"
    return gain_words(judged.gain, judged.gain_low, judged.gain_high)


def alone_words(alone: Alone, metric: str) -> str:
    """What a group does by itself."""
    if alone.gain is None:
        return f"it does not run ({one_line(alone.reason)})"
    pairs = f"{alone.pairs} {'pair' if alone.pairs == 1 else 'pairs'} of runs on fresh seeds"
    return f"{metric} {gain_words(alone.gain.mean, alone.gain.low, alone.gain.high)} than the baseline, {pairs}"


def names_of(group: Group) -> str:
    """`experiment 3`, `experiments 3, 7`."""
    return f"experiment {group[0]}" if len(group) == 1 else f"experiments {', '.join(map(str, group))}"
