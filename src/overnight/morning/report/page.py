"""The story as one HTML file that needs nothing else: no script, no request, no font."""

from __future__ import annotations

import re
from collections.abc import Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from overnight.morning.chart.scene import NARROW, WIDE
from overnight.morning.chart.svg import staircase_svg
from overnight.morning.plain import printable
from overnight.morning.report.colours import coloured
from overnight.morning.report.story import LIVE_WORDS, Story
from overnight.morning.report.tried import Group
from overnight.morning.words import metric_words, numbers_words, verified_words

_STRIP_WIDTH, _STRIP_HEIGHT = 132.0, 18.0


def page_of(story: Story) -> str:
    """The whole page."""
    pages = Environment(
        loader=PackageLoader("overnight.morning.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    pages.filters.update(sentence=_sentence, tied=_tied, coloured=coloured, numbers=numbers_words)
    return pages.get_template("report.html").render(
        story=story,
        summary=story.summary,
        charts=_charts(story),
        live_words=LIVE_WORDS if story.summary.live else "",
        verified=verified_words(story.summary.verified) if story.summary.verified else "",
        metrics=metric_words(*(change.metric for change in story.kept)),
        strips=_strips(story.tried.groups),
    )


def _shown(value: object) -> object:
    """Whatever stands in the page: without signs that act, unless we have made it."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return printable(value)


def _sentence(text: str) -> Markup:
    """One of our own sentences: what stands in backticks is a command or a name."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(Markup.escape(text))))


def _tied(text: str) -> str:
    """A headline in which no line ends between a number and what belongs to it."""
    return re.sub(r"(?<=\d) (?=%|(?:h|min|s)\b|→)|(?<=kept) (?=\d)|(?<=→) ", "\N{NO-BREAK SPACE}", text)


def _charts(story: Story) -> list[Markup]:
    """The same picture for a wide and for a narrow page; each page shows one of them."""
    if story.chart is None:
        return []
    chart, summary = story.chart, story.summary
    title = f"{summary.metric} of every experiment, and the best so far"
    return [
        Markup(staircase_svg(chart, frame, name=name, title=title, description=f"{story.headline}."))
        for frame, name in ((WIDE, "wide"), (NARROW, "narrow"))
    ]


def _strips(groups: Sequence[Group]) -> list[Markup]:
    """For each group a line of dots, one for each effect, on one scale: left of the middle is worse."""
    sizes = sorted(abs(effect) for group in groups for effect, _ in group.effects)
    scale = (sizes[int(0.9 * (len(sizes) - 1))] if sizes else 0.0) or 1.0
    return [_strip(group, scale) for group in groups]


def _strip(group: Group, scale: float) -> Markup:
    middle, half = _STRIP_WIDTH / 2, _STRIP_WIDTH / 2 - 5
    places = [(middle + half * max(-1.0, min(1.0, effect / scale)), kept) for effect, kept in group.effects]
    lost = "".join(f"M{x:g} 9h0" for x in sorted({round(x) for x, kept in places if not kept}))
    kept = "".join(f"M{x:g} 9h0" for x in sorted({round(x) for x, kept in places if kept}))
    return Markup(
        '<svg class="strip" viewBox="0 0 {} {}" aria-hidden="true"><path class="zero" d="M{} 1v16"/>'
        '<path class="lost" d="{}"/><path class="won" d="{}"/></svg>'
    ).format(f"{_STRIP_WIDTH:g}", f"{_STRIP_HEIGHT:g}", f"{middle:g}", lost, kept)
