"""The session in one glance: where it began, where it is, how sure that is."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from overnight.goal.settings import Settings
from overnight.ledger.accounts import Spent
from overnight.ledger.history import History
from overnight.ledger.records import Judged, Part, Steered, Troubled, Verified

State = Literal["running", "stopped", "finished"]


@dataclass(frozen=True)
class Summary:
    """What `status` says."""

    session: str
    state: State
    goal: str
    """goal.md's name."""
    metric: str
    direction: str
    agent: str
    counts: dict[str, int]
    """Experiments by verdict."""
    baseline: Judged | None
    incumbent: Judged | None
    verified: Verified | None
    worked_seconds: float
    last_reason: str
    """Why it was put down; "" while it runs or when it was killed."""
    branch: str
    experiments_wanted: int | None
    self_reported: bool
    """Nothing but the run itself says what its metric is."""
    failed: bool
    """It could not go on, and says why in `last_reason`."""
    waits: str
    """The trouble that a running session waits out, and until when; "" when there is none."""
    paused: bool
    """A person has paused it."""
    troubles: dict[str, int]
    """How often something outside was wrong, by what it was."""
    cost: float
    """US dollars that the proposals have cost, as far as anybody knows."""
    tokens: int
    """Those that the proposals have used, read and written together."""
    sandbox: str
    """What keeps guests in their rooms; `none` where nothing does."""

    @property
    def experiments(self) -> int:
        """How many have a verdict."""
        return sum(self.counts.values())

    @property
    def kept(self) -> int:
        """How many are on the branch."""
        return self.counts.get("keep", 0)

    @property
    def improvement_percent(self) -> float | None:
        """The best against the baseline, as measured while searching; positive is better."""
        if self.baseline is None or self.incumbent is None:
            return None
        return improvement_percent(self.baseline.metric, self.incumbent.metric, self.direction)

    def as_json(self) -> dict[str, Any]:
        """`status --json`."""
        return {
            "session": self.session,
            "state": self.state,
            "goal": self.goal,
            "metric": self.metric,
            "direction": self.direction,
            "agent": self.agent,
            "experiments": self.experiments,
            "kept": self.kept,
            "verdicts": self.counts,
            "baseline": self.baseline.metric if self.baseline else None,
            "best": self.incumbent.metric if self.incumbent else None,
            "best_number": self.incumbent.number if self.incumbent else None,
            "improvement_percent": self.improvement_percent,
            "verified_percent": self.verified.percent if self.verified else None,
            "verified_low": self.verified.percent_low if self.verified else None,
            "verified_high": self.verified.percent_high if self.verified else None,
            "worked_seconds": self.worked_seconds,
            "branch": self.branch,
            "self_reported": self.self_reported,
            "sandbox": self.sandbox,
            "failed": self.failed,
            "waits": self.waits,
            "paused": self.paused,
            "troubles": self.troubles,
            "cost": self.cost,
            "tokens": self.tokens,
            "reason": self.last_reason,
        }


def summarize(history: History, *, running: bool) -> Summary:
    """The summary of a session; `running` says whether a process is at work on it now."""
    started = history.started()
    settings = Settings.model_validate(history.settings_now())
    stopped = None if running else history.stopped()
    verified = history.verified()
    incumbent = history.incumbent()
    if verified is not None and (incumbent is None or verified.best_commit != incumbent.commit):
        verified = None  # It was about an earlier best.
    spent = _spent(history)
    return Summary(
        session=history.session,
        state="running" if running else "finished" if stopped is not None and stopped.finished else "stopped",
        goal=started.goal_file,
        metric=settings.metric,
        direction=settings.direction,
        agent=settings.who,
        counts=history.counts().by_verdict,
        baseline=history.baseline(),
        incumbent=incumbent,
        verified=verified,
        worked_seconds=history.worked_seconds(time.monotonic() if running else None),
        last_reason=stopped.reason if stopped else "",
        branch=f"overnight/{history.session}",
        experiments_wanted=settings.stop.experiments,
        self_reported=settings.self_reported,
        failed=stopped is not None and stopped.failed,
        waits=_waits(history) if running else "",
        paused=running and history.paused() is not None,
        troubles=history.troubles(),
        cost=spent.cost,
        tokens=spent.tokens,
        sandbox=started.sandbox,
    )


def _spent(history: History) -> Spent:
    """Summed up only where anybody could have spent anything: the search's proposals are many."""
    return history.spent() if history.agents() - {"search"} else Spent(0.0, 0, 0)


def _waits(history: History) -> str:
    if paused := history.paused():
        return f"paused by a person since {datetime.fromtimestamp(paused.time):%H:%M:%S}"
    event = history.waiting()
    if event is None or not isinstance(event.record, Troubled):
        return ""
    until = datetime.fromtimestamp(event.time + event.record.pause)
    return f"{event.record.reason}; next try at {until:%H:%M:%S}"


def trouble_words(troubles: dict[str, int]) -> str:
    """`4 times: agent 3, disk 1`; "" where there was none."""
    each = ", ".join(f"{what} {count}" for what, count in sorted(troubles.items()))
    total = sum(troubles.values())
    return f"{'once' if total == 1 else f'{total} times'}: {each}" if troubles else ""


def trust_words(summary: Summary) -> str:
    """What vouches for the numbers: `measured by a frozen program, in a sandbox (bubblewrap)`."""
    by = "self-reported: the run prints its own metric" if summary.self_reported else "measured by a frozen program"
    where = "without a sandbox" if summary.sandbox in ("none", "") else f"in a sandbox ({summary.sandbox})"
    return f"{by}, {where}"


def improvement_percent(old: float | None, new: float | None, direction: str) -> float | None:
    """By how many percent of `old` `new` is better; None where that has no meaning."""
    if old is None or new is None or old == 0:
        return None
    change = old - new if direction == "lower" else new - old
    return 100 * change / abs(old)


def headline(summary: Summary) -> str:
    """The night in one sentence, without its full stop."""
    if summary.baseline is None or summary.incumbent is None:
        return f"Overnight has not measured the baseline of {summary.metric} yet"
    noun = "experiment" if summary.experiments == 1 else "experiments"
    done = f"Overnight ran {summary.experiments:,} {noun} in {duration_words(summary.worked_seconds)}"
    old, new = metric_words(summary.baseline.metric, summary.incumbent.metric)
    if not summary.kept:
        return f"{done} and kept none; {summary.metric} stays at {old}"
    claimed = f"{summary.metric} {old} → {new}, {percent_words(summary.improvement_percent)}"
    if summary.verified is None:
        return f"{done} and kept {summary.kept}; {claimed}, not verified yet"
    return f"{done} and kept {summary.kept}; {claimed}, {_verified_in_short(summary.verified)}"


def metric_words(*values: float | None) -> list[str]:
    """Metrics to be compared, with as many decimals as their difference needs, and none as a zero that it is not."""
    known = [value for value in values if value is not None]
    apart = max(known) - min(known) if known else 0.0
    if not apart or max(map(abs, known)) >= 1e7:
        return [f"{value:.6g}" if value is not None else "" for value in values]
    decimals = min(max(2 - math.floor(math.log10(apart)), 0), 12)
    texts = [f"{value:.{decimals}f}" for value in known]
    if any(value and not float(text) for value, text in zip(known, texts, strict=True)):
        return [f"{value:.3g}" if value is not None else "" for value in values]
    while decimals and all(text.endswith("0") for text in texts):
        decimals -= 1
        texts = [text[:-1].removesuffix(".") for text in texts]
    return [f"{value:.{decimals}f}" if value is not None else "" for value in values]


def percent_words(percent: float | None) -> str:
    """`11.4 % better`, `0.3 % worse`, `no better`."""
    if percent is None:
        return "improvement in percent has no meaning from 0"
    if abs(percent) < 5e-5:
        return "no better"
    return f"{abs(percent):.3g} % {'better' if percent > 0 else 'worse'}"


def verified_words(verified: Verified) -> str:
    """`verified 11.1 % better (95 % interval 10.6 to 11.5, 5 pairs of runs on new seeds)`."""
    if verified.percent_low is None or verified.percent_high is None or verified.percent_low == verified.percent_high:
        return f"verified {percent_words(verified.percent)} ({verified.pairs} pairs of runs, all alike)"
    interval = f"95 % interval {verified.percent_low:.3g} to {verified.percent_high:.3g}"
    return f"verified {percent_words(verified.percent)} ({interval}, {verified.pairs} pairs of runs on new seeds)"


def _verified_in_short(verified: Verified) -> str:
    """`verified 11.1 % (95 % interval 10.6 to 11.5)`: the sentence has said already what is better."""
    told = f"verified {percent_words(verified.percent).removesuffix(' better')}"
    if verified.percent_low is None or verified.percent_high is None or verified.percent_low == verified.percent_high:
        return told
    return f"{told} (95 % interval {verified.percent_low:.3g} to {verified.percent_high:.3g})"


def cost_words(dollars: float, tokens: int) -> str:
    """What proposing has cost, as far as anybody knows."""
    return ", ".join([f"${dollars:.2f}"] * (dollars > 0) + [f"{tokens:,} tokens"] * (tokens > 0))


def duration_words(seconds: float) -> str:
    """`8 h 03 min`, `3 min 20 s`, `45 s`."""
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    if whole >= 60:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole} s" if whole or not seconds else f"{seconds:.2g} s"


def steered_words(steered: Steered) -> str:
    """What a person has asked for, and what became of it: `pinned: experiment 12`."""
    done = {
        "pause": "paused by a person; nothing runs until it is resumed",
        "resume": "resumed by a person",
        "finish": "a person has asked to put the session down here",
        "take_back": "taken back by a person",
        "hint": "a person's hint for the next brief",
        "pin": "pinned by a person",
        "forbid": "forbidden by a person",
        "withdraw": "a person's wish is withdrawn",
    }[steered.act]
    about = [f"experiment {steered.number}"] if steered.number is not None else []
    told = [" ".join(steered.text.split())] if steered.text and steered.act != "withdraw" else []
    words = done + (f": {', '.join([*about, *told])}" if about or told else "")
    return f"{words} (refused: {steered.refused})" if steered.refused else words


def part_words(part: Part) -> str:
    """What one kept change adds, in words: a keep that adds nothing is named."""
    if part.gain is None or part.gain_low is None or part.gain_high is None:
        return "cannot be told apart from the changes that build on it"
    bounds = "" if part.gain_low == part.gain_high else f" (95 % interval {part.gain_low:.3g} to {part.gain_high:.3g})"
    if part.gain_low > 0:
        return f"adds {part.gain:.3g}{bounds}"
    if part.gain_high < 0:
        return f"HARMS by {-part.gain:.3g}{bounds}"
    return f"adds nothing that can be seen: {part.gain:.3g}{bounds}"
