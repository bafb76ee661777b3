"""The table of simulate.py as a picture: true gain against false keeps, one panel for each world without surprises.

python benchmarks/judge/simulate.py > table.txt
python benchmarks/judge/frontier.py table.txt docs/images/frontier.png
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

_WORLD = re.compile(r"p_good (?P<p>[\d.]+), σ (?P<sigma>[\d.]+), (?P<noise>.+)")
_LINE = re.compile(r"(?P<rule>.+?)\s{2,}(?P<gain>-?[\d.]+) ± (?P<reach>[\d.]+)\s+(?P<false>\d+)%")
_STYLES = {"overnight": ("#1a9850", "o"), "one at a time": ("#66bd63", "s")}


def read(table: str) -> dict[tuple[str, str, str], dict[str, tuple[float, float]]]:
    """World → rule → true gain and share of false keeps."""
    worlds: dict[tuple[str, str, str], dict[str, tuple[float, float]]] = {}
    current: dict[str, tuple[float, float]] = {}
    for line in table.splitlines():
        if world := _WORLD.match(line):
            current = worlds.setdefault((world["p"], world["sigma"], world["noise"]), {})
        elif found := _LINE.match(line):
            current[found["rule"]] = (float(found["gain"]), float(found["false"]))
    return worlds


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw the frontier of gain against false keeps.")
    parser.add_argument("table", type=Path)
    parser.add_argument("picture", type=Path)
    options = parser.parse_args()
    worlds = {key: rules for key, rules in read(options.table.read_text()).items() if key[2] == "normal noise"}
    noisy = [key for key in worlds if float(key[1]) > 0]
    figure = Figure(figsize=(12, 7), dpi=110, layout="constrained")
    panels = figure.subplots(2, 3, sharex=True)
    for panel, key in zip(panels.flat, noisy, strict=True):
        for rule, (gain, false) in worlds[key].items():
            color, marker = _STYLES.get(rule, ("#9aa0a8", "D"))
            panel.scatter(false, gain, color=color, marker=marker, s=70, zorder=3)
            panel.annotate(rule, (false, gain), xytext=(6, 4), textcoords="offset points", fontsize=8.5, color="#333")
        panel.set_title(f"p_good {key[0]}, σ {key[1]}", loc="left", fontsize=10)
        panel.axvspan(0, 20 if float(key[1]) == 3 else 10, color="#1a9850", alpha=0.07)
        panel.set_xlim(-4, 105)
        panel.margins(y=0.15)
        panel.grid(alpha=0.2)
        panel.spines[["top", "right"]].set_visible(False)
    for panel in panels[:, 0]:
        panel.set_ylabel("true gain of a night")
    for panel in panels[-1]:
        panel.set_xlabel("of what was kept, no improvement (%)")
    FigureCanvasAgg(figure)
    figure.savefig(options.picture)


if __name__ == "__main__":
    main()
