"""Every attack gains nothing: in a sandbox, and, as far as that can be, without one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from overnight.runs.sandbox import find_sandbox
from tests.attacks import clock, files, git, harness, resources, scoreboard, secrets
from tests.attacks.attack import Attack
from tests.attacks.launcher import Launcher
from tests.attacks.victim import SECRET_NAME, SECRET_VALUE, Victim, victim_at

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="these attacks are written for Linux")

GROUPS = (scoreboard, files, clock, resources, secrets, git, harness)
ATTACKS = [attack for group in GROUPS for attack in group.ATTACKS]
WITHOUT = [attack for attack in ATTACKS if not attack.only_sandboxed]


@pytest.fixture(scope="module")
def launcher() -> Iterator[Launcher]:
    """What runs the command lines."""
    started = Launcher(**{SECRET_NAME: SECRET_VALUE})
    yield started
    started.close()


@pytest.fixture
def victim(launcher: Launcher) -> Iterator[Victim]:
    """Whom it is done to."""
    with victim_at(launcher) as made:
        yield made


def test_every_attack_has_a_name_of_its_own() -> None:
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_gains_nothing(attack: Attack, victim: Victim) -> None:
    if find_sandbox() is None:
        pytest.skip("there is no working sandbox on this machine")
    harm = _harm_of(attack, victim, sandboxed=True)
    assert not harm, f"{attack.tries} {harm}"
    assert not _broken_history(attack, victim, sandboxed=True)


@pytest.mark.parametrize("attack", WITHOUT, ids=lambda attack: attack.name)
def test_without_sandbox(attack: Attack, victim: Victim) -> None:
    harm = _harm_of(attack, victim, sandboxed=False)
    if attack.holds_without_sandbox:
        assert not harm, f"{attack.tries} {harm}"
    elif attack.always_works:
        assert harm, f"{attack.tries} It gained nothing though nothing stops it: is it an attack?"
    if not attack.forges_history:
        assert not _broken_history(attack, victim, sandboxed=False)


def _harm_of(attack: Attack, victim: Victim, *, sandboxed: bool) -> list[str]:
    """Run a session with the attack in it. Returns everything that it gained or left, in words."""
    attack.arm(victim, sandboxed=sandboxed)
    before = victim.snapshot()
    finished = victim.overnight("run", "--plain", *([] if sandboxed else ["--no-sandbox"]))
    harm = [f"`overnight run` ended with {finished.code}: {finished.said[-2000:]}"] if finished.code else []
    harm += [f"{process} is still there" for process in victim.processes()]
    after = victim.snapshot()
    changed = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    harm += [f"{name}: was {before.get(name)}, is {after.get(name)}" for name in changed]
    harm += [f"it left {path}" for path in victim.planted()]
    harm += [f"it connected to {name}" for name in victim.called()]
    outputs, told = victim.outputs(), {"the record": victim.record(), "git": victim.objects()}
    # What was killed, or destroyed its own record, has left no word of how it began.
    assert f"TRYING {victim.mark}" in outputs or harm, f"the attack was not even begun: {finished.said} {outputs}"
    harm += [line for line in outputs.splitlines() if line.startswith(f"LOOT {victim.mark}")]
    for what, secret in ("the API key", SECRET_VALUE), ("the private key", victim.private_key):
        harm += [f"{what} is in {place}" for place, text in told.items() if secret in text]
    if finished.code == 0 and not changed:
        harm += _gained(attack, victim)
    if attack.check is not None and (trace := attack.check(victim)):
        harm.append(trace)
    return harm


def _gained(attack: Attack, victim: Victim) -> list[str]:
    """Whether anything was kept, or anything was left that the next experiment saw."""
    gained = [f"experiment {row['number']} was kept" for row in victim.read("log") if row["verdict"] == "keep"]
    (status,) = victim.read("status")
    if status["best"] != 1.0:
        gained.append(f"the best is {status['best']}")
    if (tip := victim.git("rev-parse", status["branch"]).strip()) != victim.git("rev-parse", "HEAD").strip():
        gained.append(f"the session's branch ends at {tip}")
    if not attack.twice:
        around = victim.surroundings()
        if around.get(0) != around.get(2):
            gained.append(f"the next experiment found other files than the baseline: {around}")
    return gained


def _broken_history(attack: Attack, victim: Victim, *, sandboxed: bool) -> list[str]:
    """What is wrong with the ledger; an interrupted session is taken up first, by an honest agent."""
    if victim.runs[0].code:
        honest = """sh -c 'echo "# an honest idea, $$" >> solve.py'"""
        again = victim.overnight("run", "--plain", "--agent", honest, *([] if sandboxed else ["--no-sandbox"]))
        if again.code:
            return [f"`overnight run` did not go on: {again.said[-2000:]}"]
    rows: list[dict[str, Any]] = victim.read("log")
    verdicts, metrics = ([row[key] for row in rows] for key in ("verdict", "metric"))
    broken = []
    if [row["number"] for row in rows] != [0, 1, 2] or verdicts[0] != "baseline" or metrics[0] != 1.0:
        broken.append(f"the history is {rows}")
        return broken
    if verdicts[1] not in attack.allowed(sandboxed=sandboxed):
        broken.append(f"experiment 1 is {verdicts[1]}: {rows[1]['reason']}")
    if verdicts[1] != "keep" and not attack.twice and (verdicts[2], metrics[2]) != ("discard", 1.0):
        broken.append(f"experiment 2, an honest one, is {verdicts[2]} ({metrics[2]}): {rows[2]['reason']}")
    return broken
