"""The session in one glance: where it began, where it is, how sure that is."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any, Literal

from overnight.goal.settings import Settings
from overnight.ledger.accounts import Spent
from overnight.ledger.history import History
from overnight.ledger.records import Judged, Troubled, Verified
from overnight.morning.words import duration_words, interval_words, metric_words, percent_words

State = Literal["running", "stopped", "finished"]


@dataclass(frozen=True)
class Summary:
    """How a session stands: what `overnight status` says. `print` shows it in one sentence."""

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
    awaits_approval: int | None
    """The experiment that goes out to people once a person has said yes."""
    troubles: dict[str, int]
    """How often something outside was wrong, by what it was."""
    cost: float
    """US dollars that the proposals have cost, as far as anybody knows."""
    tokens: int
    """Those that the proposals have used, read and written together."""
    judge: str | None
    """Who decides, where it is one that another package brings."""
    sandbox: str
    """What keeps guests in their rooms; `none` where nothing does."""
    live: bool
    """People decide: see `live:` in goal.md."""
    out: int | None
    """The live experiment whose candidate people meet now, as far as the ledger knows."""

    def __str__(self) -> str:
        return f"{headline(self)}."

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return f"<p><b>{escape(str(self))}</b><br>{escape(trust_words(self))}; branch {escape(self.branch)}</p>"

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
            "judge": self.judge,
            "sandbox": self.sandbox,
            "failed": self.failed,
            "waits": self.waits,
            "paused": self.paused,
            "awaits_approval": self.awaits_approval,
            "troubles": self.troubles,
            "cost": self.cost,
            "tokens": self.tokens,
            "reason": self.last_reason,
            "live": self.live,
            "out": self.out,
        }


def summarize(history: History, *, running: bool, awaits_approval: int | None = None) -> Summary:
    """The summary of a session; `running` says whether a process is at work on it now."""
    started = history.started()
    settings = Settings.recorded(history.settings_now())
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
        waits=waits_words(history) if running else "",
        paused=running and history.paused() is not None,
        awaits_approval=awaits_approval,
        troubles=history.troubles(),
        cost=spent.cost,
        tokens=spent.tokens,
        judge=settings.judge,
        sandbox=started.sandbox,
        live=settings.live is not None,
        out=history.out() if settings.live is not None else None,
    )


def _spent(history: History) -> Spent:
    """Summed up only where anybody could have spent anything: the search's proposals are many."""
    return history.spent() if history.agents() - {"search"} else Spent(0.0, 0, 0)


def waits_words(history: History) -> str:
    """What a session that is at work waits for, a person or the end of a trouble; "" where it does not wait."""
    if paused := history.paused():
        return f"paused by a person since {datetime.fromtimestamp(paused.time):%H:%M:%S}"
    event = history.waiting(time.time())
    if event is None or not isinstance(event.record, Troubled):
        return ""
    until = datetime.fromtimestamp(event.time + event.record.pause)
    return f"{event.record.reason}; next try at {until:%H:%M:%S}"


def trust_words(summary: Summary) -> str:
    """What vouches for the numbers: `measured by a frozen program, in a sandbox (bubblewrap)`."""
    if summary.live:  # What lets people meet a version, and counts them, is in no room: it has to reach a server.
        by = "what people did, counted by a frozen program, the agent"
    elif summary.self_reported:
        by = "self-reported: the run prints its own metric,"
    else:
        by = "measured by a frozen program,"
    where = "without a sandbox" if summary.sandbox in ("none", "") else f"in a sandbox ({summary.sandbox})"
    decided = f", decided by the judge {summary.judge!r}" if summary.judge else ""
    return f"{by} {where}{decided}"


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
    if summary.live:
        return f"{done} and kept {summary.kept}; {claimed}, as people have shown"
    if summary.verified is None:
        return f"{done} and kept {summary.kept}; {claimed}, not verified yet"
    return f"{done} and kept {summary.kept}; {claimed}, {_verified_in_short(summary.verified)}"


def _verified_in_short(verified: Verified) -> str:
    """`verified 11.1 % (95 % interval 10.6 to 11.5)`: the sentence has said already what is better."""
    told = f"verified {percent_words(verified.percent).removesuffix(' better')}"
    return told + interval_words(verified.percent_low, verified.percent_high)
