"""A look back asked of a model: plain words, for the briefs to come and for the morning."""

from __future__ import annotations

from overnight.propose.complaints import is_only_refusal
from overnight.propose.models.asking import Asker, Heard
from overnight.propose.models.failures import REFUSED, SILENT, Outage, why

INSTRUCTIONS = """\
You look back on experiments that tried to improve a program. Write down what has been learned, in plain words: what
helps, what does not, and what is worth trying next. Answer in Markdown and without questions; change nothing.
"""


def ask_for_review(asker: Asker, told: str) -> tuple[Heard[str], str | None, Outage | None]:
    """What the model has learned, or why it did not say. Raises Interrupted when asked to stop meanwhile."""
    heard = asker.ask(told, instructions=INSTRUCTIONS, output_type=str, expected=str)
    if heard.error is not None:
        found = why(heard, who=asker.who, limit=asker.limit)
        return (heard, None, found) if isinstance(found, Outage) else (heard, found, None)
    words = heard.words.strip()
    if not words:
        return heard, SILENT, None
    return heard, REFUSED if is_only_refusal(words) else None, None
