"""The chart as SVG that a page can colour: what has a meaning has a class, and nothing has a colour of its own."""

from __future__ import annotations

from html import escape

from overnight.morning.chart.scene import Frame, Point, Scene, lay_out
from overnight.morning.chart.staircase import Staircase


def staircase_svg(chart: Staircase, frame: Frame, *, name: str, title: str, description: str) -> str:
    """The chart of a session that has a baseline. `name` makes ids in the page its own."""
    scene = lay_out(chart, frame)
    parts = [
        f'<svg class="chart {name}" viewBox="0 0 {frame.width:g} {frame.height:g}" role="img" '
        f'aria-labelledby="{name}-title {name}-desc" font-size="{frame.font:g}">',
        f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-desc">{escape(description)}</desc>',
        *_axes(scene, f"{chart.metric}, {chart.direction} is better"),
        *(f'<path class="band" d="{_outline(band)}z"/>' for band in scene.bands),
        *_dots(scene),
        f'<path class="line" d="{_outline(scene.line)}"/>',
        *_kept(scene),
        "</svg>",
    ]
    return "\n".join(part for part in parts if part)


def _axes(scene: Scene, words: str) -> list[str]:
    plot, font, foot = scene.plot, scene.frame.font, scene.frame.height - 3
    lines = "".join(f"M{plot.left:g} {tick.at:g}H{plot.right:g}" for tick in scene.y_ticks)
    marks = "".join(f"M{tick.at:g} {plot.bottom:g}v4" for tick in scene.x_ticks)
    return [
        f'<path class="grid" d="{lines}"/>',
        f'<path class="axis" d="M{plot.left:g} {plot.bottom:g}H{plot.right:g}{marks}"/>',
        *(_tick(plot.left - 7, tick.at + 0.35 * font, tick.text, "end") for tick in scene.y_ticks),
        *(_tick(tick.at, plot.bottom + 6 + font, tick.text, "middle") for tick in scene.x_ticks),
        _tick(plot.left, foot, words, "start"),
        _tick(plot.right, foot, "experiment", "end"),
    ]


def _tick(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text class="tick" x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(text)}</text>'


def _dots(scene: Scene) -> list[str]:
    dots = "".join(f"M{x:g} {y:g}h0" for x, y in scene.dots)
    middle = (scene.plot.top + scene.plot.bottom) / 2
    beyond = "".join(f"M{x - 3:g} {y + (4 if y < middle else -4):g}L{x:g} {y:g}l3 {4 if y < middle else -4}"
                     for x, y in scene.beyond)  # fmt: skip
    size = scene.failed_size
    failed = "".join(
        f"M{x - size / 2:g} {y - size / 2:g}l{size:g} {size:g}m0-{size:g}l-{size:g} {size:g}" for x, y in scene.failed
    )
    return [
        f'<path class="dots" stroke-width="{scene.dot_size:g}" d="{dots}"/>' if dots else "",
        f'<path class="beyond" d="{beyond}"/>' if beyond else "",
        f'<path class="failed" d="{failed}"/>' if failed else "",
    ]


def _kept(scene: Scene) -> list[str]:
    poles = "".join(f"M{label.pole.left + 0.5:g} {label.pole.top:g}V{label.pole.bottom:g}" for label in scene.labels)
    return [
        f'<path class="pole" d="{poles}"/>' if poles else "",
        *(
            f'<circle class="{"kept" if each.number else "base"}" cx="{each.x:g}" cy="{each.y:g}" r="4.5">'
            f"<title>{escape(each.title)}</title></circle>"
            for each in scene.kept
        ),
        *(
            f'<text class="label" x="{label.x:g}" y="{label.y:.1f}" text-anchor="{label.anchor}">'
            f"{escape(label.text)}</text>"
            for label in scene.labels
        ),
    ]


def _outline(points: list[Point]) -> str:
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in points)
