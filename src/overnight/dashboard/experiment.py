"""One experiment as its panel shows it: what was tried, how it was decided, what was run and what that printed."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from overnight.dashboard.diff import coloured, note
from overnight.dashboard.outputs import Piece, piece_before
from overnight.dashboard.text import readable
from overnight.errors import OvernightError, SessionError
from overnight.judge.words import LIVE_RULE, RULE
from overnight.ledger.history import History
from overnight.ledger.records import Judged, Measured, Proposed
from overnight.loop.patches import candidate_patch
from overnight.loop.state import State
from overnight.morning.explain import explain
from overnight.morning.words import place_words
from overnight.repo.git import Repository
from overnight.runs.logs import agent_log

_ROLES = {
    "baseline": "baseline",
    "candidate": "candidate",
    "incumbent": "incumbent",
    "verify_baseline": "verify: baseline",
    "verify_best": "verify: best",
    "verify_part": "verify: a part left out",
    "verify_candidate": "candidate, fresh seed",
    "verify_incumbent": "incumbent, fresh seed",
    "control": "incumbent, as a control",
}
_MOST_RUNS = 200


def details(history: History, state: State, number: int) -> dict[str, Any]:
    """All about one experiment. Raises SessionError where there is none of that number."""
    judged, proposed = history.judged_number(number), history.proposed(number)
    runs = history.runs(number)
    if judged is None and proposed is None and not runs:
        raise SessionError(f"session {history.session} has no experiment {number}")
    settled, with_places = history.settled(), history.has_places()
    return {
        "number": number,
        "hypothesis": judged.hypothesis if judged else proposed.hypothesis if proposed else "",
        "verdict": judged.verdict if judged else None,
        "reason": (judged.reason if judged else "") or (proposed.reason if proposed else ""),
        "proposer": proposed.proposer if proposed else "",
        "cost": proposed.cost if proposed else None,
        "commit": (judged.commit if judged else None) or (proposed.commit if proposed else None),
        **_numbers(judged),
        "why": explain(history, number, RULE, LIVE_RULE),
        "can_be_taken_back": judged is not None and judged.verdict == "keep" and number not in settled,
        "patch": _patch(state, proposed),
        "runs": [_run(run, with_place=with_places) for run in runs[-_MOST_RUNS:]],
        "runs_in_all": len(runs),
        "logs": [{"name": name, "of": words} for name, words, _ in _logs(history, state, number, runs)],
    }


def output(history: History, state: State, number: int, name: str, end: int | None) -> Piece | None:
    """A piece of one of an experiment's outputs; None where there is no such output (any more)."""
    for known, _, path in _logs(history, state, number, history.runs(number)):
        if known == name:
            return piece_before(path, state.logs(history.session), end)
    return None


def _logs(history: History, state: State, number: int, runs: list[Measured]) -> list[tuple[str, str, Path]]:
    """Name, words and place of each output that is still there, the agent's first."""
    folder = state.logs(history.session)
    found = [("agent", "what the agent said", folder / agent_log(number))] if number else []
    for index, run in list(enumerate(runs))[-_MOST_RUNS:]:
        if run.output:
            found.append((f"run-{index}", f"run of the {_ROLES[run.role]}, seed {run.seed}", state.folder / run.output))
    return [(name, words, path) for name, words, path in found if path.is_file()]


def _numbers(judged: Judged | None) -> dict[str, Any]:
    if judged is None:
        return {}
    fields = {"metric", "before", "gain", "gain_low", "gain_high", "seconds", "flags", "undecided", "peak_mb"}
    return judged.model_dump(include=fields)


def _run(run: Measured, *, with_place: bool) -> dict[str, Any]:
    return {
        "role": _ROLES[run.role],
        "place": place_words(run.slot, run.machine) if with_place else "",
        "seed": run.seed,
        "outcome": run.outcome,
        "value": run.value,
        "rival": run.rival,
        "reason": run.reason,
        "seconds": run.wall_seconds,
        "cpu": run.cpu_seconds,
        "peak_mb": run.peak_mb,
        "tail": readable(run.output_tail.encode("utf-8", errors="replace"))[-2000:] if run.outcome != "ok" else "",
    }


def _patch(state: State, proposed: Proposed | None) -> list[dict[str, Any]]:
    if proposed is None or proposed.commit is None:
        return []
    patch = None
    with contextlib.suppress(OvernightError):
        patch = candidate_patch(Repository.find(state.folder.parent), proposed)
    return coloured(patch) if patch is not None else note("Git no longer has this candidate.")
