"""The judge of a session that goes on: told again all that the ledger has, in its order, it comes out the same."""

from __future__ import annotations

from overnight.errors import SessionError
from overnight.goal.settings import Settings
from overnight.judge.judge import Judge
from overnight.judge.noise import Noise, pooled_noise
from overnight.ledger.history import VERIFYING, History
from overnight.ledger.records import Judged, Measured, Settled
from overnight.loop.meter import Meter

_KNOWN_AS_WELL_AS = 20
"""Repeats that the noise of a rate is known as well as from, because its counts say it."""


def judge_again(settings: Settings, history: History, meter: Meter) -> Judge:
    """The judge as it was when the last of the ledger's runs and verdicts was written down."""
    baseline = history.baseline_runs()
    values = [meter.read(run)[0] for run in baseline]
    by_chance = meter.read(baseline[0])[1]
    # Chance alone moves a rate by so much; more is learned from the runs.
    noise = Noise(by_chance, _KNOWN_AS_WELL_AS) if by_chance else _noise_when_noticed(history, meter)
    if noise.sd == 0:
        # Two equal versions always came out alike, but never with the same number: others will differ by chance.
        own = [meter.scale.inner(run.value) for run in baseline if run.value is not None]
        noise = Noise(pooled_noise([own]).sd, 1)
    compares = settings.compare is not None
    judge = Judge(settings.direction, values, noise, side_by_side=compares)
    for record in history.runs_and_verdicts():
        if isinstance(record, Judged):
            judge.finish(record.number)
            if record.number and record.verdict != "keep" and not record.undecided:
                judge.drop([record.number])
        elif isinstance(record, Settled):
            judge.settle(record.numbers)
        elif record.role not in VERIFYING and record.role != "baseline":
            tell(judge, meter, record)
    return judge


def tell(judge: Judge, meter: Meter, run: Measured) -> None:
    """A run was made: if it gave a metric, the judge learns of it."""
    if run.value is not None:
        value, sd = meter.read(run)
        seed = run.seed if run.against is None else None  # Both sides of a comparison have the same already.
        judge.observe(inside_of(run), value, sd, experiment=run.number, seed=seed, against=run.against or ())


def inside_of(run: Measured) -> tuple[int, ...]:
    """The experiments whose changes a run held. Raises SessionError where that was not written down."""
    if run.inside is None:
        raise SessionError(
            "this session was begun by an older Overnight, which did not write down what a run held; "
            "start afresh with --new"
        )
    return run.inside


def _noise_when_noticed(history: History, meter: Meter) -> Noise:
    """What was known of the noise when it was first seen; what came after it, the judge is told run by run."""
    groups: dict[str, list[float]] = {}
    is_seen = False
    for record in history.runs_and_verdicts():
        if not isinstance(record, Measured) or record.value is None or record.role in VERIFYING:
            continue
        if is_seen and record.role != "baseline":
            break
        group = groups.setdefault(f"{record.fingerprint} {record.rival_fingerprint}", [])
        group.append(meter.read(record)[0])
        is_seen |= min(group) != max(group)
    return pooled_noise(list(groups.values()))
