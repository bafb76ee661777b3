"""One decision in plain lines: what was known before, what was measured, and why it was kept or dropped."""

from __future__ import annotations

from datetime import datetime

from overnight.ledger.history import History
from overnight.ledger.records import Judged, Measured


def explain(history: History, number: int, rule: str, live_rule: str) -> list[str]:
    """The lines on experiment `number`, none where nothing was measured for it.

    `rule` is what the judge goes by, `live_rule` the same where people decide.
    """
    verdicts = [(event.time, event.record) for event in history.verdicts(number) if isinstance(event.record, Judged)]
    runs = [run for run in history.runs(number) if run.role in ("candidate", "incumbent", "baseline")]
    if not verdicts or not runs:
        return []
    _, last = verdicts[-1]
    lines = [f"known before:  {_known_before(last)}", f"measured:      {_measured(last, runs)}"]
    if number:
        lines.append(f"decided:       {last.verdict}, {last.reason}")
    if last.flags:
        lines.append(f"look at it:    {'; '.join(last.flags)}")
    if "people" in last.evidence:
        lines.append(f"the rule:      {live_rule}")
    elif "chance" in last.evidence:
        lines.append(f"the rule:      {rule}; the rest goes on being measured with other changes")
    if len({(judged.verdict, judged.undecided) for _, judged in verdicts}) > 1:
        lines.append("how it went:")
        lines += [f"  {datetime.fromtimestamp(time):%H:%M:%S}  {judged.verdict}, {judged.reason}"
                  for time, judged in verdicts]  # fmt: skip
    return lines


def _known_before(judged: Judged) -> str:
    if judged.number == 0:
        return "nothing; this is where the session starts"
    stood = f"without the change the metric is {judged.before:.6g}" if judged.before is not None else "the incumbent"
    if "people" in judged.evidence:
        return f"{stood}, as far as rates of different days can be compared"
    if "pairs" in judged.evidence:
        return f"{stood}; the judge that `judge:` names decides"
    if not judged.evidence:
        return f"{stood}; repeating a version has always given the same number, so one run decides"
    facts = judged.evidence
    return (
        f"{stood}; repeating a version moves it by ±{facts['noise']:.2g}; of all ideas so far about "
        f"{100 * facts['good']:.0f} % helped, the typical effect being {facts['size']:.2g}"
    )


def _value(run: Measured) -> str:
    return f"{run.value:.6g}" if run.rival is None else f"{run.value:.6g} beside {run.rival:.6g}"


def _looks(runs: list[Measured]) -> str:
    shown = ", the last of them" if len(runs) > 8 else ""
    return f"{len(runs)} {'look' if len(runs) == 1 else 'looks'}{shown}"


def _people(run: Measured) -> str:
    met, other = run.trials or 0, run.rival_trials or 0
    return f"{(run.value or 0) * met:,.0f} of {met:,.0f} beside {(run.rival or 0) * other:,.0f} of {other:,.0f}"


def _measured(judged: Judged, runs: list[Measured]) -> str:
    if "people" in judged.evidence:
        return f"by people, in {_looks(runs)}: {', '.join(map(_people, runs[-8:]))}"
    good = [run for run in runs if run.value is not None]
    failed = len(runs) - len(good)
    words = ", ".join(map(_value, good[:8])) + (", …" if len(good) > 8 else "")
    parts = [f"{len(good)} {'run' if len(good) == 1 else 'runs'} in this experiment" + (f": {words}" if good else "")]
    if judged.evidence.get("runs", 0) > sum(judged.number in (run.inside or ()) for run in good):
        parts.append(f"{judged.evidence['runs']:.0f} in all that held the change, most of them with other changes too")
    if failed:
        parts.append(f"{failed} failed")
    return "; ".join(parts)
