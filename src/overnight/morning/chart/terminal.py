"""The chart in characters, for a terminal."""

from __future__ import annotations

from overnight.morning.chart.staircase import Staircase, corners


def terminal_chart(chart: Staircase, width: int, height: int = 18) -> str:
    """The chart in characters, with colour codes."""
    import plotext  # noqa: PLC0415 - only needed here

    plotext.clear_figure()
    plotext.theme("clear")
    plotext.plotsize(width, height)
    low, high = chart.shown_range()
    inside = [(n, m) for n, m in zip(*chart.discarded, strict=True) if low <= m <= high]
    if inside:
        plotext.scatter([n for n, _ in inside], [m for _, m in inside], marker="·", color="gray")
    numbers, metrics = corners(*chart.steps())
    plotext.plot(numbers, metrics, marker="hd", color="green")
    plotext.scatter(*chart.kept, marker="●", color="green+")
    plotext.ylim(low, high)
    plotext.title(f"{chart.metric} ({chart.direction} is better)")
    return str(plotext.build())
