"""Slots on a Ray cluster that exists already. Ray alone decides which machine gets what."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal

from overnight.errors import Interrupted, OvernightError, Trouble
from overnight.fleet.away import LostError, OneType, Show
from overnight.fleet.orders import Answer, Charter, Hello, Order
from overnight.repo.bundle import Sender

HOW_TO_START = "Start one (`ray start --head`), or write where it is: `fleet: ray://HOST:10001`"
_MOST_SLOTS = 64
"""Where the cluster decides how many there are."""
_CONNECT_SECONDS = 150.0
_LOOK_SECONDS = 0.1
_NEWS_SECONDS = 1.0
"""How long a question to an actor waits for news."""
_END_SECONDS = 20.0
"""How long an actor gets to end what is under way."""
_PATIENCE_SECONDS = 30.0
_LACKING = "No module named 'overnight"
_MOST_WORDS = 400
_CODE = "from overnight.fleet.ray_driver import main; main()"


class Radio:
    """One pipe to the process that speaks with Ray. For one thread."""

    def __init__(self, pipe: Connection, address: str) -> None:
        self._pipe = pipe
        self._address = address
        self._count = 0
        self._is_gone = False

    def call(self, name: str, *arguments: object, should_stop: Callable[[], bool] | None, limit: float = 1e9) -> Any:
        """What comes of a method of `Booth`; `limit` is in seconds.

        Raises LostError when the actor is gone, Interrupted when asked to stop, Trouble when the cluster is, and
        OvernightError when its machines lack Overnight.
        """
        if self._is_gone:
            raise self._unreachable("it did not answer before")
        self._count += 1
        until = time.monotonic() + limit
        try:
            self._pipe.send((self._count, name, arguments))
            while True:
                while not self._pipe.poll(_LOOK_SECONDS):
                    if should_stop is not None and should_stop():
                        raise Interrupted
                    if time.monotonic() > until:
                        self._is_gone = True
                        raise self._unreachable(f"no answer for {limit:g} s")
                number, how, value = self._pipe.recv()
                if number == self._count:  # Those before were not waited for.
                    break
        except (EOFError, OSError):
            self._is_gone = True
            raise self._unreachable("the connection broke off") from None
        if how == "lost":
            raise LostError(_short(value), while_running=name in ("start", "ask"))
        if how == "failed" and _LACKING in value:
            raise OvernightError(
                f"a machine of the Ray cluster lacks this version of Overnight ({_short(value)}); install it there, too"
            )
        if how == "failed":
            raise self._unreachable(_short(value))
        return value

    def close(self) -> None:
        """Hang up."""
        self._pipe.close()

    def _unreachable(self, why: str) -> Trouble:
        return Trouble("machine", f"the Ray cluster ({self._address}) cannot be reached: {why}")


class RayCluster:
    """The connection to a cluster, and what is known of its machines."""

    def __init__(
        self,
        fleet: str,
        needs: Mapping[str, float],
        one_type: OneType,
        *,
        slots: int | Literal["auto"],
        work: Path,
        should_stop: Callable[[], bool],
    ) -> None:
        """`fleet` is the goal's word for it, `needs` what a slot holds; `auto` makes as many as there is room for.

        Raises Trouble when the cluster cannot be reached, OvernightError when it has no machine for that, Interrupted.
        """
        if importlib.util.find_spec("ray") is None:
            raise OvernightError("`fleet: ray` needs Ray; install it: `pip install 'overnight[ray]'`")
        self.needs = needs
        self.one_type = one_type
        self.avoided: frozenset[str] = frozenset()
        """Machines of another type, and such as could not do their part, by Ray's ids."""
        pipes = [Pipe() for _ in range(1 + (_MOST_SLOTS if slots == "auto" else slots))]
        self._process = _driver([theirs for _, theirs in pipes], work)
        self._control, *self.radios = (Radio(ours, fleet) for ours, _ in pipes)
        try:
            address = "auto" if fleet == "ray" else fleet
            self._control.call("connect", address, should_stop=should_stop, limit=_CONNECT_SECONDS)
            room = self._survey(should_stop)
        except BaseException:
            self._process.kill()  # It may be deep in Ray's own patience.
            self.close()
            raise
        while slots == "auto" and len(self.radios) > room:
            self.radios.pop().close()

    @property
    def wanted(self) -> str:
        """What a slot holds, in words."""
        return ", ".join(f"{name}: {need:g}" for name, need in self.needs.items())

    def _survey(self, should_stop: Callable[[], bool]) -> int:
        """How many slots there is room for now, on machines of the session's type; the others are avoided.

        Where no type is known yet, it is the one of which there is most.
        """
        found: list[tuple[str, str, int]]
        room: int
        found, room = self._control.call("survey", self.needs, should_stop=should_stop)
        most: Counter[str] = Counter()
        for _, machine_type, count in found:
            most[machine_type] += count
        if not most:
            raise OvernightError(
                f"no machine of the Ray cluster has {self.wanted}; look at `ray status`, and at `resources:`"
            )
        self.one_type.fits(most.most_common(1)[0][0])
        known = self.one_type.known
        if known not in most:
            raise OvernightError(
                f"no machine of the Ray cluster with {self.wanted} is of the type that measured the baseline ({known}),"
                " so no run could be compared with it; add one, or start afresh with --new"
            )
        self.avoided = frozenset(node for node, machine_type, _ in found if machine_type != known)
        return max(min(most[known], room), 1)

    def close(self) -> None:
        """Hang up; Ray ends whatever there still is of ours."""
        for radio in (self._control, *self.radios):
            radio.close()
        try:
            self._process.wait(_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _driver(pipes: list[Connection], work: Path) -> subprocess.Popen[bytes]:
    """The process that speaks with Ray; the pipes are its own from then on."""
    descriptors = [pipe.fileno() for pipe in pipes]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    work.mkdir(parents=True, exist_ok=True)
    with (work / "ray.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", _CODE, *map(str, descriptors)],
            env=env,
            pass_fds=descriptors,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            process_group=0,  # Ctrl-C is for us alone. It shares our terminal session: no run takes it for its orphan.
        )
    for pipe in pipes:
        pipe.close()
    return process


class RayLine:
    """Leads to one actor at a time, on whichever machine Ray has put it."""

    def __init__(
        self, cluster: RayCluster, radio: Radio, charter: Charter, sender: Sender, should_stop: Callable[[], bool]
    ) -> None:
        self._cluster = cluster
        self._radio = radio
        self._charter = charter
        self._sender = sender
        self._should_stop = should_stop
        self._node: str | None = None
        self._known: set[str] = set()

    def carry(self, order: Order, show: Show) -> Answer:
        """See `Line`."""
        try:
            return self._carried(order, show)
        except Interrupted:
            self._end("stop")
            raise
        except LostError:
            self._node = None
            raise

    def avoid(self) -> bool:
        """See `Line`."""
        avoided = self._cluster.avoided | ({self._node} if self._node else set())
        if not self._call("others", self._cluster.needs, avoided):
            return False
        self._cluster.avoided |= avoided
        self._end("close")
        return True

    def close(self) -> None:
        """See `Line`."""
        self._end("close")

    def _carried(self, order: Order, show: Show) -> Answer:
        if self._node is None:
            self._place(show)
        parcels = []
        for commit in dict.fromkeys((self._charter.base, *order.commits)):
            if commit not in self._known:
                parcels.append(self._sender.pack(commit, self._known))
                self._known.add(commit)
        self._call("start", order, parcels)
        offset = 0
        while True:
            printed, answer = self._call("ask", "look", offset, _NEWS_SECONDS)
            if answer is not None:
                if answer.stopped:  # Not by us: it had not heard of us for too long.
                    raise LostError("it was out of reach for too long", while_running=True)
                assert isinstance(answer, Answer)
                return answer
            if printed:
                show(printed)
                offset += len(printed)

    def _place(self, show: Show) -> None:
        """Find a machine of the session's type. There may be none free for a long time."""
        show(f"waiting for a machine of the Ray cluster with {self._cluster.wanted}\n".encode())
        hello: Hello
        while True:
            node, hello = self._call("place", self._charter, self._cluster.needs, self._cluster.avoided)
            if self._cluster.one_type.fits(hello.machine_type):
                break
            self._cluster.avoided |= {node}
        self._node, self._known = node, set(hello.known)
        show(f"on {hello.machine} ({hello.machine_type})\n".encode())

    def _end(self, how: str) -> None:
        """Have the actor end what is under way, and whatever else `how` says; if it does not answer, end it."""
        with contextlib.suppress(LostError, Trouble):
            ended = None
            if self._node is not None:
                ended = self._radio.call("ask", how, _END_SECONDS, should_stop=None, limit=_PATIENCE_SECONDS)
            if how == "stop" and ended:
                return
            self._node = None
            self._radio.call("drop", should_stop=None, limit=_PATIENCE_SECONDS)

    def _call(self, name: str, *arguments: object) -> Any:
        return self._radio.call(name, *arguments, should_stop=self._should_stop)


def _short(text: str) -> str:
    """What Ray says, which may be pages: the last line of a traceback, or how it begins."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return (lines[-1] if "Traceback" in text or "ray::" in text else " ".join(lines))[:_MOST_WORDS]
