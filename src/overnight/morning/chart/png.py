"""The chart as a PNG file, to be sent around: the page's picture with the headline above it."""

from __future__ import annotations

import logging
import textwrap
import warnings
from pathlib import Path
from typing import Any

from overnight.morning.chart.scene import Frame, Point, Scene, lay_out
from overnight.morning.chart.staircase import Staircase

_FRAME = Frame(1200, 640, 12.0, top=72.0)
_PAPER, _INK, _FAINT, _GRID = "#ffffff", "#1d2127", "#5b6470", "#e6e8eb"
_DISCARDED, _FAILED, _KEPT, _LINE, _BAND = "#9aa2ad", "#b4541a", "#17794c", "#17794c", "#17794c"


def write_png(chart: Staircase, title: str, path: Path) -> None:
    """Draw the chart of a session that has a baseline into a file."""
    # A home that cannot be written costs it a second. That is nothing to trouble anybody with.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - takes half a second to load
    from matplotlib.figure import Figure  # noqa: PLC0415

    scene = lay_out(chart, _FRAME)
    figure = Figure(figsize=(_FRAME.width / 100, _FRAME.height / 100), dpi=150, facecolor=_PAPER)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, _FRAME.width), ylim=(_FRAME.height, 0))
    axes.axis("off")
    _draw(axes, scene)
    _write(axes, scene, f"{chart.metric}, {chart.direction} is better")
    words = textwrap.fill(title, 135, max_lines=3, placeholder="…")
    _text(axes, scene.plot.left, 14, words, size=13.5, color=_INK, va="top", linespacing=1.35)
    FigureCanvasAgg(figure)
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", "Glyph"
        )  # A script that the font lacks: the page and Markdown have the words.
        figure.savefig(path, format="png")


def _draw(axes: Any, scene: Scene) -> None:
    plot = scene.plot
    for tick in scene.y_ticks:
        axes.plot([plot.left, plot.right], [tick.at, tick.at], color=_GRID, linewidth=0.8, zorder=1)
    axes.plot([plot.left, plot.right], [plot.bottom, plot.bottom], color=_FAINT, linewidth=0.8, zorder=1)
    for band in scene.bands:
        axes.fill(*_columns(band), color=_BAND, alpha=0.16, linewidth=0, zorder=2)
    axes.scatter(*_columns(scene.dots), s=0.52 * scene.dot_size**2, color=_DISCARDED, linewidth=0, zorder=3)
    axes.scatter(*_columns(scene.beyond), s=12, color=_DISCARDED, marker="^", linewidth=0, zorder=3)
    axes.scatter(
        *_columns(scene.failed), s=0.55 * scene.failed_size**2, color=_FAILED, marker="x", linewidth=0.9, zorder=3
    )
    axes.plot(*_columns(scene.line), color=_LINE, linewidth=1.7, solid_joinstyle="miter", zorder=4)
    for label in scene.labels:
        pole = label.pole
        axes.plot([pole.left + 0.5] * 2, [pole.top, pole.bottom], color=_FAINT, linewidth=0.5, zorder=4)
    axes.scatter(*_columns([(each.x, each.y) for each in scene.kept]), s=42, color=_KEPT, edgecolor=_PAPER,
                 linewidth=0.9, zorder=5)  # fmt: skip


def _write(axes: Any, scene: Scene, words: str) -> None:
    from matplotlib.patheffects import withStroke  # noqa: PLC0415 - as above

    plot, font = scene.plot, scene.frame.font
    for tick in scene.y_ticks:
        _text(axes, plot.left - 7, tick.at, tick.text, ha="right", va="center")
    for tick in scene.x_ticks:
        _text(axes, tick.at, plot.bottom + 6, tick.text, ha="center", va="top")
    _text(axes, plot.right, scene.frame.height - 3, "experiment", ha="right", va="bottom")
    _text(axes, plot.left, scene.frame.height - 3, words, va="bottom")
    halo = [withStroke(linewidth=3, foreground=_PAPER)]
    for label in scene.labels:
        side = "left" if label.anchor == "start" else "right"
        _text(axes, label.x, label.y, label.text, size=0.94 * font, color=_INK, ha=side, va="baseline",
              path_effects=halo, zorder=6)  # fmt: skip


def _text(axes: Any, x: float, y: float, text: str, *, size: float = 11.5, color: str = _FAINT, **how: Any) -> None:
    # 72 points are 100 of the frame's units; what stands between two `$` is no formula.
    axes.text(x, y, text, fontsize=0.72 * size, color=color, parse_math=False, **how)


def _columns(points: list[Point]) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]
