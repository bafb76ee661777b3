"""The brief: all that a proposer is told before it suggests the next change, as data and as one Markdown text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from overnight.ledger.records import Judged

_MAX_FILE_CHARACTERS = 200_000


@dataclass(frozen=True)
class Brief:
    """What is known when experiment `number` is to be proposed."""

    number: int
    english: str
    """The goal, word for word."""
    edit: tuple[str, ...]
    metric: str
    direction: str
    budget_seconds: float
    run: str
    files: Mapping[str, bytes]
    """The incumbent's `edit` files: path relative to goal.md's folder → contents."""
    incumbent_number: int
    """The experiment that the incumbent comes from; 0 is the baseline."""
    incumbent_metric: float
    baseline_metric: float
    noise: float
    """Standard deviation of the metric when nothing changes; 0 when it is exact."""
    recent: Sequence[Judged] = ()
    """The last experiments, oldest first."""
    best: Sequence[Judged] = ()
    """Every experiment worth remembering: the kept ones with the largest gains."""
    failed: Sequence[Judged] = ()
    """The last ones that crashed, ran out of time or broke a rule, with the tail of their output."""
    last_rule_broken: str | None = None
    """What the previous proposal did that is not allowed, if it did."""
    incumbent_commit: str = ""
    """The commit of the incumbent, for proposers that work in a copy of the whole project."""

    def text(self) -> str:
        """The brief as Markdown, as an agent gets it on standard input."""
        better = "lower" if self.direction == "lower" else "higher"
        sections = [
            f"# Experiment {self.number}\n\n"
            f"Make **one small change** that improves `{self.metric}` ({better} is better). You change files; a "
            f"program measures the result, decides, and undoes what does not help.",
            f"## The goal, in its owner's words\n\n{self.english.strip() or '(none given)'}",
            self._rules(),
            self._standing(),
            self._history(),
            *(_file_section(path, content) for path, content in self.files.items()),
        ]
        return "\n\n".join(section for section in sections if section) + "\n"

    def review_text(self) -> str:
        """What the proposer is told when it is asked what it has learned."""
        return self.text()

    def _rules(self) -> str:
        allowed = ", ".join(f"`{path}`" for path in self.edit)
        rules = [
            f"Change only {allowed}. A change to any other file makes the experiment invalid.",
            f"The result is measured by `{self.run}`, which gets {self.budget_seconds:g} seconds. Do not run it "
            "yourself and do not commit: both are done for you.",
            "Print one line `hypothesis: …` that says what you changed and why it should help.",
            "Do not repeat an experiment listed below.",
        ]
        if self.last_rule_broken:
            rules.insert(0, f"**The previous proposal was thrown away: {self.last_rule_broken}**")
        return "## Rules\n\n" + "\n".join(f"- {rule}" for rule in rules)

    def _standing(self) -> str:
        since = f"experiment {self.incumbent_number}" if self.incumbent_number else "the baseline"
        noise = (
            f"Repeating the same version moves it by about ±{self.noise:.3g}, so smaller gains cannot be seen."
            if self.noise > 0
            else "Repeating the same version gives the same number."
        )
        return (
            f"## Where it stands\n\nbaseline `{self.metric}` {self.baseline_metric:.6g}, "
            f"now {self.incumbent_metric:.6g} (from {since}). {noise}"
        )

    def _history(self) -> str:
        parts = []
        if self.best:
            parts.append("### What worked best\n\n" + "\n".join(map(_line, self.best)))
        if self.recent:
            parts.append("### The last experiments\n\n" + "\n".join(map(_line, self.recent)))
        if self.failed:
            parts.append("### What failed\n\n" + "\n\n".join(map(_failure, self.failed)))
        return "## What was tried\n\n" + "\n\n".join(parts) if parts else ""


def _line(record: Judged) -> str:
    return f"- {record.number} **{record.verdict}** {record.hypothesis}: {record.reason}"


def _failure(record: Judged) -> str:
    # Indented as a block, so that nothing a run printed can open a section of the brief by itself.
    tail = "\n".join(f"    | {line}" for line in record.output_tail.splitlines()[-20:])
    return f"{_line(record)}\n\n{tail}" if tail else _line(record)


def _file_section(path: str, content: bytes) -> str:
    text = content.decode("utf-8", errors="replace")
    if len(text) > _MAX_FILE_CHARACTERS:
        text = text[:_MAX_FILE_CHARACTERS] + "\n… (cut; read the file itself)"
    fence = "`" * max(3, 1 + max((len(run) for run in _backtick_runs(text)), default=0))
    return f"## {path} as it is now\n\n{fence}\n{text}\n{fence}"


def _backtick_runs(text: str) -> list[str]:
    runs, current = [], ""
    for character in text:
        if character == "`":
            current += character
        elif current:
            runs.append(current)
            current = ""
    return [*runs, current] if current else runs
