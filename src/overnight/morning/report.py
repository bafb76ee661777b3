"""The morning's report: one Markdown file and one picture, made from the ledger alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from overnight.ledger.history import History
from overnight.ledger.records import Judged
from overnight.morning.chart import Staircase, write_png
from overnight.morning.summary import (
    Summary,
    cost_words,
    duration_words,
    improvement_percent,
    part_words,
    percent_words,
    trust_words,
    verified_words,
)

_MOST_FAILURES = 20
_LAST = 50


@dataclass(frozen=True)
class Report:
    """Where the report's two files are."""

    markdown: Path
    picture: Path | None
    """None while there is nothing to draw: not even the baseline is known."""


def write_report(history: History, summary: Summary, folder: Path) -> Report:
    """Write report.md and report.png into `folder`. Raises OSError when it cannot be written."""
    folder.mkdir(parents=True, exist_ok=True)
    picture = None
    if summary.baseline is not None:
        picture = folder / "report.png"
        write_png(Staircase.of(history, summary.metric, summary.direction), headline(summary), picture)
    markdown = folder / "report.md"
    markdown.write_text(report_markdown(history, summary, has_picture=picture is not None), encoding="utf-8")
    return Report(markdown, picture)


def headline(summary: Summary) -> str:
    """The night in one sentence."""
    if summary.baseline is None or summary.incumbent is None:
        return f"Overnight has not measured the baseline of {summary.metric} yet"
    done = f"Overnight ran {_count(summary.experiments, 'experiment')} in {duration_words(summary.worked_seconds)}"
    if not summary.kept:
        return f"{done} and kept none; {summary.metric} stays at {_number(summary.baseline.metric)}"
    change = f"{summary.metric} {_number(summary.baseline.metric)} → {_number(summary.incumbent.metric)}"
    claimed = percent_words(summary.improvement_percent)
    if summary.verified is None:
        return f"{done} and kept {summary.kept}; {change}, {claimed}, not verified yet"
    return f"{done} and kept {summary.kept}: {verified_words(summary.verified)}; while searching {change}, {claimed}"


def report_markdown(history: History, summary: Summary, *, has_picture: bool) -> str:
    """The report's text."""
    parts = [f"# {headline(summary)}"]
    if has_picture:
        parts.append("![every experiment, and the best so far](report.png)")
    parts.append(_kept_section(history, summary))
    parts.append(_parts_section(history))
    parts.append(_suspicious_section(history))
    parts.append(_notes_section(history))
    parts.append(_proposers_section(history, summary))
    parts.append(_verdicts_section(history, summary))
    parts.append(_next_section(summary))
    parts.append(
        f"<sub>Session {summary.session} of {_plain(summary.goal)}, proposals by {_plain(summary.agent)}, "
        + summary.state
        + (f" ({_plain(summary.last_reason)})" if summary.last_reason else "")
        + f". The metric is {trust_words(summary)}.</sub>"
    )
    return "\n\n".join(filter(None, parts)) + "\n"


def _parts_section(history: History) -> str:
    each = history.verified_each()
    if each is None:
        return ""
    rows = [f"## What each kept change adds\n\nMeasured by leaving it out, in {each.runs} runs on fresh seeds:\n"]
    for part in each.parts:
        judged = history.judged_number(part.number)
        rows.append(f"- {part.number} {_cell(judged.hypothesis if judged else '')}: {part_words(part)}")
    return "\n".join(rows)


def _notes_section(history: History) -> str:
    """In the agent's words, quoted, so that none of them can pass for the report's own."""
    review = history.review()
    if review is None:
        return ""
    words = "\n".join(f"> {_plain(line)}".rstrip() for line in review.text.strip().splitlines())
    return (
        f"## What the agent thinks it learned\n\nWritten by {_plain(review.proposer)} after experiment "
        f"{review.number}; nobody has checked it.\n\n{words}"
    )


def _proposers_section(history: History, summary: Summary) -> str:
    """Who earned what, where several took turns or money was spent."""
    proposing = history.by_proposer()
    if len(proposing) < 2 and not (summary.cost or summary.tokens):
        return ""
    rows = [
        f"| who | experiments | share of the last {_LAST} | kept | gain | gain an hour | gain a dollar | cost |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    last = [judged.proposer for judged in history.judged_last(_LAST)]
    for each in proposing:
        hourly = f"{3600 * each.gain / each.seconds:.3g}" if each.seconds else ""
        per_dollar = f"{each.gain / each.cost:.3g}" if each.cost else ""
        rows.append(
            f"| {_cell(each.who)} | {each.experiments} | {100 * last.count(each.who) / max(len(last), 1):.0f} % | "
            f"{each.kept} | {_gain(each.gain)} | {hourly} | {per_dollar} | {cost_words(each.cost, each.tokens)} |"
        )
    return "## Who proposed\n\n" + "\n".join(rows)


def _suspicious_section(history: History) -> str:
    flagged = history.flagged()
    if not flagged:
        return ""
    rows = ["## What wants a human eye\n\nWhat was better was measured again on fresh seeds before it was kept:\n"]
    rows += [
        f"- {judged.number} {_cell(judged.hypothesis)} ({judged.verdict}): {_cell('; '.join(judged.flags))}"
        for judged in flagged
    ]
    return "\n".join(rows)


def _kept_section(history: History, summary: Summary) -> str:
    kept = history.kept()
    if not kept or summary.baseline is None:
        return "## What was kept\n\nNothing was really better than the baseline."
    rows = [
        f"| # | change | {summary.metric} | gain | 95 % interval | better than the baseline by | commit |",
        "|--:|---|--:|--:|--:|--:|---|",
    ]
    for record in kept:
        total = improvement_percent(summary.baseline.metric, record.metric, summary.direction)
        rows.append(
            f"| {record.number} | {_cell(record.hypothesis)} | {_number(record.metric)} | {_gain(record.gain)} | "
            f"{_interval(record)} | {'' if total is None else f'{total:.3g} %'} | `{_commit(record)}` |"
        )
    return "## What was kept\n\n" + "\n".join(rows)


def _verdicts_section(history: History, summary: Summary) -> str:
    names = {"keep": "kept", "discard": "not better", "crash": "crashed", "timeout": "ran out of time",
             "invalid": "broke a rule", "no_change": "changed nothing"}  # fmt: skip
    counted = ", ".join(f"{summary.counts[key]} {words}" for key, words in names.items() if summary.counts.get(key))
    parts = [f"## What did not work\n\n{counted or 'No experiment has a verdict yet'}."]
    reasons = Counter(_cell(record.reason) for record in history.failed(1000))
    if reasons:
        lines = [f"- {count} × {reason}" for reason, count in reasons.most_common(_MOST_FAILURES)]
        parts.append("### Crashes and broken rules\n\n" + "\n".join(lines))
    return "\n\n".join(parts)


def _next_section(summary: Summary) -> str:
    if not summary.kept:
        return "## What to do with it\n\nThere is nothing to take. `overnight log` lists everything that was tried."
    verify = (
        "" if summary.verified else "- `overnight verify` measures baseline and best again, on seeds nobody has used.\n"
    )
    return (
        "## What to do with it\n\n"
        f"{verify}"
        f"- `git diff {_commit(summary.baseline)} {summary.branch}` shows all kept changes.\n"
        "- `overnight show N` shows one experiment.\n"
        "- `overnight apply` puts the kept changes on your branch."
    )


def _interval(record: Judged) -> str:
    if record.gain_low is None or record.gain_high is None:
        return ""
    if record.gain_low == record.gain_high:
        return "exact"
    return f"{_gain(record.gain_low)} to {_gain(record.gain_high)}"


def _commit(record: Judged | None) -> str:
    return (record.commit or "")[:7] if record else ""


def _gain(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")


def _plain(text: str) -> str:
    """Text from outside in one line, without the signs that Markdown and HTML act on."""
    escaped = "".join(f"\\{sign}" if sign in r"\`*_[]|~#$!" else sign for sign in " ".join(text.split()))
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _cell(text: str) -> str:
    return _plain(text[:300])
