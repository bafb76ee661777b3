"""The story as Markdown, with everything in it that the page has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from overnight.morning.plain import one_line
from overnight.morning.report.changes import KeptChange
from overnight.morning.report.story import LIVE_WORDS, Story
from overnight.morning.report.tried import Attempt, Tried
from overnight.morning.words import metric_words, numbers_words, verified_words


def markdown_of(story: Story, *, has_picture: bool) -> str:
    """The whole report; the picture is beside it, as report.png."""
    reason = f" ({_plain(story.reason)})" if story.reason else ""
    parts = [
        f"# {_plain(story.headline)}.",
        f"{story.state}{reason}. {_plain(story.waits)}".strip()
        + f" The metric is {story.trust}. Written on {story.written}.",
        f"![every experiment, and the best so far](report.png)\n\n{story.band}".rstrip() if has_picture else "",
        _kept(story),
        _doubts(story),
        _tried(story.tried),
        _asked(story),
        _notes(story),
        _spending(story),
        _next(story),
        _diffs(story.kept),
        f"<sub>Session {story.summary.session} of {_plain(story.summary.goal)}; proposals by "
        f"{_plain(story.summary.agent)}.</sub>",
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def _kept(story: Story) -> str:
    if not story.kept:
        nothing = "Nothing was really better than the baseline." if story.chart else "Nothing yet."
        return f"## What was kept\n\n{nothing}"
    summary = story.summary
    whole = f"The whole is {verified_words(summary.verified) if summary.verified else 'not verified yet'}."
    rows = [
        f"## What was kept\n\n{LIVE_WORDS if summary.live else whole}\n",
        f"| # | change | {_plain(summary.metric)} | effect | 95 % interval | share | better than the baseline by | "
        "verified by itself | commit |",
        "|--:|---|--:|--:|--:|--:|--:|---|---|",
    ]
    metrics = metric_words(*(change.metric for change in story.kept))
    alone = "by people" if summary.live else "not tried"
    for change, metric in zip(story.kept, metrics, strict=True):
        marks = "; ".join(filter(None, (change.provisional, "look at it" if change.flags else "")))
        rows.append(
            f"| {change.number} | {_plain(change.hypothesis)}{f' ({marks})' if marks else ''} | {metric} | "
            f"{change.effect} | {change.interval} | {change.share} | {change.total} | {change.alone or alone} | "
            f"`{change.commit}` |"
        )
    return "\n".join(rows)


def _doubts(story: Story) -> str:
    if not story.doubts:
        return "## What wants a human eye\n\nNothing was flagged."
    rows = ["## What wants a human eye\n"]
    for doubt in story.doubts:
        rows.append(f"- **{doubt.title}.** {doubt.words}")
        for number, hypothesis, note in doubt.examples:
            rows.append(f"  - {number} {_plain(hypothesis)}: {_plain(note)}")
    return "\n".join(rows)


def _tried(tried: Tried) -> str:
    parts = [f"## What was tried and did not work\n\n{tried.counted or 'No experiment has a verdict yet'}."]
    if tried.near:
        parts.append("### Perhaps better\n\n" + "\n".join(map(_attempt, tried.near)))
    for group in tried.groups:
        more = [f"- and {group.more} more: `overnight log`"] if group.more else []
        title = f"### {_plain(group.place)}: {group.tried} tried, {group.kept} kept"
        parts.append(title + "\n\n" + "\n".join([*map(_attempt, group.attempts), *more]))
    if tried.failures:
        rows = [
            f"- {len(failure.numbers)} × {failure.verdict}: {_plain(failure.reason)} ({numbers_words(failure.numbers)})"
            for failure in tried.failures
        ]
        more = [f"- and {tried.more_reasons} more reasons: `overnight log`"] if tried.more_reasons else []
        parts.append("### Crashes and broken rules\n\n" + "\n".join([*rows, *more]))
    return "\n\n".join(parts)


def _attempt(attempt: Attempt) -> str:
    interval = f" ({attempt.interval})" if attempt.interval not in ("", "exact") else ""
    near = ", near miss" if attempt.is_near else ""
    effect = f": {attempt.effect}" if attempt.effect else ""  # Nobody met what was turned down.
    return f"- {attempt.number} {_plain(attempt.hypothesis)}{effect}{interval}{near}"


def _asked(story: Story) -> str:
    if not story.asked:
        return ""
    return "## What people asked for\n\n" + "\n".join(f"- {_plain(words)}" for words in story.asked)


def _notes(story: Story) -> str:
    """In the agent's words, quoted, so that none of them can pass for the report's own."""
    if story.notes is None:
        return ""
    blocks = [
        "\n".join(f"> {'- ' if block.is_list else ''}{_plain(item)}" for item in block.items)
        for block in story.notes.blocks
    ]
    return (
        f"## What the agent thinks it learned\n\nWritten by {_plain(story.notes.who)} after experiment "
        f"{story.notes.upto}; nobody has checked it.\n\n" + "\n>\n".join(blocks)
    )


def _spending(story: Story) -> str:
    spending = story.spending
    parts = ", ".join(f"{part.name} {100 * part.share:.0f} %" for part in spending.parts)
    rows = ["## Time, money and energy\n", f"- time: {spending.worked}{f' ({parts})' if parts else ''}"]
    rows += [f"- {name}: {amount}" for name, amount in spending.facts]
    if spending.earnings:
        rows += [
            "\n### Who proposed\n",
            "| who | experiments | share of the last 50 | kept | gain | gain an hour | gain a dollar | cost |",
            "|---|--:|--:|--:|--:|--:|--:|--:|",
        ]
        rows += [
            f"| {_plain(each.who)} | {each.experiments} | {each.recent} | {each.kept} | {each.gain} | {each.hourly} | "
            f"{each.per_dollar} | {each.cost} |"
            for each in spending.earnings
        ]
    return "\n".join(rows)


def _next(story: Story) -> str:
    title = "## Take it or leave it\n\n"
    if not story.take:
        return title + "There is nothing to take. `overnight log` lists everything that was tried."
    return (
        title
        + _commands(story.take)
        + "\n\nTo leave it, do nothing: your branch, your index and your files are as they were.\n\n"
        + _commands(story.leave)
    )


def _commands(commands: Iterable[tuple[str, str]]) -> str:
    return "\n".join(f"- `{command}` {does}" for command, does in commands)


def _diffs(kept: Sequence[KeptChange]) -> str:
    """Each in a fence that is longer than any in it."""
    parts = []
    for change in kept:
        if change.diff.lines:
            fence = "`" * max(3, 1 + max(_longest_ticks(line) for line in change.diff.lines))
            cut = f"\n\n{change.diff.cut} more lines: `overnight show {change.number}`." if change.diff.cut else ""
            lines = "\n".join(change.diff.lines)
            parts.append(f"### {change.number} {_plain(change.hypothesis)}\n\n{fence}diff\n{lines}\n{fence}{cut}")
    return "## The kept changes\n\n" + "\n\n".join(parts) if parts else ""


def _longest_ticks(line: str) -> int:
    longest = run = 0
    for sign in line:
        run = run + 1 if sign == "`" else 0
        longest = max(longest, run)
    return longest


def _plain(text: str) -> str:
    """Text from outside in one line, without the signs that Markdown and HTML act on."""
    escaped = "".join(f"\\{sign}" if sign in r"\`*_[]|~#$!" else sign for sign in one_line(text))
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
