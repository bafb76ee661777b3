"""The morning's report: a page, the same as Markdown, and a picture, made from the ledger and the kept diffs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from overnight.ledger.history import History
from overnight.morning.chart.png import write_png
from overnight.morning.report.changes import PatchOf
from overnight.morning.report.markdown import markdown_of
from overnight.morning.report.page import page_of
from overnight.morning.report.story import tell
from overnight.morning.summary import Summary


@dataclass(frozen=True)
class Report:
    """Where the report's files are."""

    page: Path
    markdown: Path
    picture: Path | None
    """None while there is nothing to draw: not even the baseline is known."""

    @property
    def files(self) -> list[Path]:
        """All of them, the one to open first."""
        return [path for path in (self.page, self.markdown, self.picture) if path is not None]


def write_report(history: History, summary: Summary, folder: Path, patch_of: PatchOf) -> Report:
    """Write report.html, report.md and report.png into `folder`. Raises OSError when they cannot be written."""
    folder.mkdir(parents=True, exist_ok=True)
    story = tell(history, summary, patch_of)
    picture = folder / "report.png" if story.chart is not None else None
    if story.chart is not None and picture is not None:
        write_png(story.chart, f"{story.headline}.", picture)
    page, markdown = folder / "report.html", folder / "report.md"
    page.write_text(page_of(story), encoding="utf-8")
    markdown.write_text(markdown_of(story, has_picture=picture is not None), encoding="utf-8")
    return Report(page, markdown, picture)
