"""A machine away from the session: it gets commits in parcels, is prepared once, and makes runs as a local slot does.

Whatever carries the orders (Ray, Slurm), an outpost is the same: a folder in the machine's cache, in which every
session of a project finds what came and was prepared before.

    outposts/PROJECT/store             git's objects, as they came
    outposts/PROJECT/KEY/checkout      the project as the session began, and what `setup` made: `read`, `hidden`
    outposts/PROJECT/KEY/slots/HOST-0  a slot's own, as `.overnight/` is a session's: copies, outputs, a lock
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from overnight.errors import Interrupted, OvernightError, Trouble, explain_os
from overnight.fleet.local import LocalSlot
from overnight.fleet.machine import machine_name, machine_type
from overnight.fleet.orders import Answer, Audit, Charter, Guards, Hello, Order
from overnight.fleet.slot import Task
from overnight.folders import fresh_folder, remove, try_lock
from overnight.repo.bundle import Parcel, Store
from overnight.repo.git import Repository
from overnight.runs.leftovers import clear_leftovers, kept
from overnight.runs.output import Output
from overnight.runs.own import run_own
from overnight.runs.sandbox import NoSandbox, Sandbox, find_sandbox, why_none
from overnight.version import VERSION

SETUP_SECONDS = 3600.0
"""What `setup` gets."""
_LOOK_SECONDS = 0.1
_FORGOTTEN_DAYS = 14.0


class Outpost:
    """One slot on a machine away from the session. Opened by `opened`, since it holds a lock."""

    def __init__(self, charter: Charter, place: Path, state: Path) -> None:
        self._charter = charter
        self._place = place
        self._state = state
        self._store = Store(place / "store")
        self._logs = state / "sessions" / charter.session / "logs"
        self._here = {"machine": machine_name(), "machine_type": machine_type()}
        self._slot: LocalSlot | None = None
        self._asked_to_stop: Callable[[], bool] = lambda: False

    def log(self, order: Order) -> Path:
        """Where what an order prints can be read while it is printed."""
        return self._logs / order.log

    def do(self, order: Order, parcels: Iterable[Parcel], should_stop: Callable[[], bool]) -> Answer:
        """Carry out an order. What goes wrong is in the answer: not every exception can travel."""
        self._asked_to_stop = should_stop
        try:
            fresh_folder(self._logs)
            for parcel in parcels:
                with locked(self._place / "lock", should_stop):
                    self._store.receive(parcel)
            if self._slot is None:
                self._slot = self._prepared(should_stop)
            answer = self._done(order, self._slot)
        except Interrupted:
            return Answer(stopped=True)
        except Trouble as trouble:
            return Answer(problem=f"on {machine_name()}, {trouble.reason}")
        except OvernightError as error:
            return Answer(problem=str(error), is_mistake=True)
        except OSError as error:
            return Answer(problem=str(explain_os(error, f"{machine_name()} could not do its part")))
        return answer

    def close(self) -> None:
        """Remove the copies."""
        if self._slot is not None:
            self._slot.close()
        remove(self._state / "work")
        remove(self._state / "sessions")

    def _should_stop(self) -> bool:
        return self._asked_to_stop()

    def _done(self, order: Order, slot: LocalSlot) -> Answer:
        match order:
            case Task():
                measured = slot.measure(order).model_copy(update=self._here)
                return Answer(measured=measured, logs=self._printed())
            case Guards():
                return Answer(broken=slot.broken_guard(order.version, order.metrics), logs=self._printed())
            case Audit():
                slot.audit(order.version)
                return Answer()

    def _printed(self) -> dict[str, bytes]:
        return {place.name: place.read_bytes() for place in self._logs.iterdir()} if self._logs.is_dir() else {}

    def _prepared(self, should_stop: Callable[[], bool]) -> LocalSlot:
        """A slot in the project's checkout, which is made first if this machine has none, and set up."""
        charter, home = self._charter, self._place / _key(self._charter)
        checkout, ready = home / "checkout", home / "ready"
        sandbox = _sandbox(charter.sandboxed)
        with locked(home / "lock", should_stop):
            if not ready.is_file():
                self._store.check_out(charter.base, checkout)
                if charter.settings.setup is not None:
                    self._set_up(charter.settings.setup, checkout / charter.prefix, should_stop)
            ready.touch()
        _forget_unused(self._place)
        return LocalSlot(
            Repository.find(checkout / charter.prefix),
            charter.settings,
            charter.base,
            work=self._state / "work",
            logs=self._logs,
            sandbox=sandbox,
            should_stop=self._should_stop,
            number=charter.slot,
        )

    def _set_up(self, command: str, project: Path, should_stop: Callable[[], bool]) -> None:
        """Run the user's own command, with all that they may do there."""
        scratch = self._state / "work" / "setup"
        fresh_folder(scratch)
        _, problem = run_own(
            command,
            project,
            {"OVERNIGHT_ARTIFACTS": str(scratch)},  # By this it is known as a guest, should we be killed.
            limit=SETUP_SECONDS,
            output=Output(self._place / _key(self._charter) / "setup.log"),
            should_stop=should_stop,
        )
        if problem:
            raise OvernightError(f"on {machine_name()}, `setup: {command}` {problem}")


def greet(charter: Charter, cache: Path) -> Hello:
    """Say who this machine is, and which of the project's commits it has."""
    return Hello(machine_name(), machine_type(), Store(cache / "outposts" / charter.project / "store").known())


@contextlib.contextmanager
def opened(charter: Charter, cache: Path) -> Iterator[Outpost]:
    """The first outpost of the charter's project on this machine that nobody holds. What a killed one left is cleared.

    Raises OvernightError when the cache cannot be written, or the session has another version of Overnight.
    """
    if charter.overnight != VERSION:
        raise OvernightError(
            f"{machine_name()} has Overnight {VERSION} and the session {charter.overnight}; install the same there"
        )
    place = cache / "outposts" / charter.project
    slots = place / _key(charter) / "slots"
    with contextlib.ExitStack() as stack:
        try:
            slots.mkdir(parents=True, exist_ok=True, mode=0o700)
            state = _first_free(slots, stack)
            clear_leftovers(state)
            stack.enter_context(kept(state))
        except OSError as error:
            raise explain_os(error, f"the cache {cache} of {machine_name()} cannot be used") from None
        os.environ.update(charter.keys)
        outpost = Outpost(charter, place, state)
        stack.callback(outpost.close)
        yield outpost


def cache_folder() -> Path:
    """Where Overnight keeps on a machine what can be had again."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "overnight"


def _key(charter: Charter) -> str:
    """What the checkout depends on."""
    told = "\0".join((charter.tree, charter.prefix, charter.settings.setup or ""))
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _forget_unused(place: Path) -> None:
    """Remove what was prepared long ago and is held by nobody: an environment for each state of a project adds up."""
    for ready in place.glob("*/ready"):
        home = ready.parent
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            if time.time() - ready.stat().st_mtime < _FORGOTTEN_DAYS * 86_400:
                continue
            locks = [stack.enter_context(lock.open("a+")) for lock in (home / "lock", *home.glob("slots/*/lock"))]
            if all(map(try_lock, locks)):
                remove(home)


def _sandbox(sandboxed: bool) -> Sandbox:
    if not sandboxed:
        return NoSandbox()
    found = find_sandbox()
    if found is None:
        raise OvernightError(f"{machine_name()} has no sandbox, which this session's runs are to have: {why_none()}")
    return found


def _first_free(slots: Path, stack: contextlib.ExitStack) -> Path:
    number = 0
    while True:
        state = slots / f"{machine_name()}-{number}"
        state.mkdir(exist_ok=True, mode=0o700)
        lock = stack.enter_context((state / "lock").open("a+"))
        if try_lock(lock):
            return state
        number += 1


@contextlib.contextmanager
def locked(place: Path, should_stop: Callable[[], bool]) -> Iterator[None]:
    """Hold a lock, waiting for it. Raises Interrupted when asked to stop meanwhile."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("a+") as lock:
        while not try_lock(lock):
            if should_stop():
                raise Interrupted
            time.sleep(_LOOK_SECONDS)
        yield
