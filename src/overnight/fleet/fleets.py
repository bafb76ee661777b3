"""The slots of a session, wherever its goal says they are."""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from overnight.errors import OvernightError, Trouble
from overnight.fleet.away import AwaySlot, Line, OneType
from overnight.fleet.custom import FleetPlan, custom_slots
from overnight.fleet.orders import Charter
from overnight.fleet.ray import HOW_TO_START, RayCluster, RayLine
from overnight.fleet.slot import Slot
from overnight.fleet.slurm import SlurmLine
from overnight.goal.sections import GpuSlots
from overnight.goal.settings import Settings
from overnight.plugins import load
from overnight.repo.bundle import Sender
from overnight.repo.git import Repository
from overnight.runs.sandbox import Sandbox


class Fleet:
    """A session's slots."""

    def __init__(self, slots: Sequence[Slot], close: Callable[[], None] = lambda: None) -> None:
        """`close` gives back what the slots share."""
        self.slots = list(slots)
        self._close = close

    def close(self) -> None:
        """Give back all that the slots hold. Nothing may be under way in them."""
        try:
            for slot in self.slots:
                slot.close()
        finally:
            self._close()


def open_fleet(
    repository: Repository,
    settings: Settings,
    base: str,
    *,
    session: str,
    work: Path,
    logs: Path,
    sandbox: Sandbox,
    should_stop: Callable[[], bool],
    machine_type: str = "",
    has_worked: bool = False,
) -> Fleet:
    """The fleet that `settings` ask for, with as many slots; `auto` takes as many as there is room for.

    `base` is the baseline's commit; `machine_type` is the type that has measured the baseline, if one has, and
    `has_worked` whether any has. Raises OvernightError when the set-up is wrong, Trouble when a fleet that has worked
    before is not to be reached now.
    """
    plan = FleetPlan(repository, settings, base, session, work, logs, sandbox, should_stop)
    if settings.fleet == "local":
        return Fleet(plan.local_slots())
    if settings.own_fleet is not None:
        return Fleet(custom_slots(load("fleet", settings.own_fleet), plan, has_worked=has_worked))
    slots = len(settings.slots.gpus) if isinstance(settings.slots, GpuSlots) else settings.slots
    charter = _charter(repository, settings, base, session=session, sandboxed=sandbox.confines)
    sender, one_type = Sender(repository, work / "parcels"), OneType(machine_type)

    if settings.fleet == "slurm":
        count = 1 if slots == "auto" else slots
        # Jobs are written to files, and have the user's environment by themselves.
        own = [replace(charter, slot=number, keys={}) for number in range(count)]
        return _away([SlurmLine(each, one_type, sender, should_stop) for each in own], one_type, logs)
    try:
        needs = {"num_cpus": 1.0, **settings.resources}
        cluster = RayCluster(settings.fleet, needs, one_type, slots=slots, work=work, should_stop=should_stop)
    except Trouble as trouble:
        if machine_type:
            raise
        raise OvernightError(f"{trouble.reason}. {HOW_TO_START}") from None
    lines = [
        RayLine(cluster, radio, replace(charter, slot=number), sender, should_stop)
        for number, radio in enumerate(cluster.radios)
    ]
    return _away(lines, one_type, logs, cluster.close)


def _away(lines: Sequence[Line], one_type: OneType, logs: Path, close: Callable[[], None] = lambda: None) -> Fleet:
    return Fleet([AwaySlot(line, one_type, logs, number) for number, line in enumerate(lines)], close)


def _charter(repository: Repository, settings: Settings, base: str, *, session: str, sandboxed: bool) -> Charter:
    place = f"{socket.gethostname()}:{repository.root}"
    return Charter(
        project=f"{repository.root.name}-{hashlib.sha256(place.encode()).hexdigest()[:8]}",
        session=session,
        # Whom to tell and where the ledger is concerns nobody there.
        settings=settings.model_copy(update={"notify": (), "mlflow": None, "ledger": None, "base_url": None}),
        prefix=repository.prefix,
        base=base,
        tree=repository.tree_of(base),
        sandboxed=sandboxed,
        keys={name: os.environ[name] for name in settings.score_env if name in os.environ},
    )
