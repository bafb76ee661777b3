"""The process beside the session that speaks with Ray.

Ray ends any process whose cluster is gone, and keeps threads and signal handlers in those that live; the session is to
outlive both. What it asks comes through pipes, one for each slot, which are served by a thread each. When they are
closed, the session has ended: then Ray ends what this process had started in the cluster.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Mapping
from multiprocessing.connection import Connection
from typing import Any

import ray
from ray.exceptions import RayActorError, RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from overnight.fleet.desk import Desk
from overnight.fleet.machine import machine_type
from overnight.fleet.orders import Charter, Hello, Order
from overnight.repo.bundle import Parcel

_LAST_SECONDS = 10.0
_CONNECT_SECONDS = 10.0
_SURVEY_SECONDS = 60.0
_LOOK_SECONDS = 0.5
_MOST_REMEMBERED = 4
_SMALL_BYTES = 2**16
_ENVIRONMENT = {"env_vars": {"RAY_kill_child_processes_on_worker_exit": "0"}}
"""Ray would kill the keeper together with the worker, before it has cleared up (`runs/leftovers.py`)."""
_NAMES = {"num_cpus": "CPU", "num_gpus": "GPU"}


class AbandonedError(Exception):
    """Whoever has asked does not wait for the answer any more."""


class Worker(Desk):
    """The actor."""

    def node(self) -> str:
        """Where Ray has put it."""
        return str(ray.get_runtime_context().get_node_id())


class Booth:
    """Serves one pipe: any of its methods may be called through it, one at a time."""

    _sent: dict[tuple[str, str | None], Any] = {}  # noqa: RUF012 - what one slot has sent serves all
    _lock = threading.Lock()

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._actor: Any = None

    def serve(self) -> None:
        """Until the other side is gone."""
        while True:
            try:
                number, name, arguments = self._pipe.recv()
            except (EOFError, OSError):
                return
            try:
                reply = ("value", getattr(self, name)(*arguments))
            except AbandonedError:
                continue
            except RayActorError as error:
                with self._lock:
                    self._sent.clear()  # Ray would look for half a minute for the copy that was there.
                reply = ("lost", str(error))
            except BaseException as error:  # Of Ray's, anything may come.
                reply = ("failed", f"{type(error).__name__}: {error}")
            self._pipe.send((number, *reply))

    def connect(self, address: str) -> None:
        """Reach a cluster that exists. Ray would try for minutes where nobody is."""
        where = os.environ.get("RAY_ADDRESS", "") if address == "auto" else address
        host, _, port = where.rpartition("/")[2].rpartition(":")
        if host and port.isdigit():
            socket.create_connection((host, int(port)), _CONNECT_SECONDS).close()
        for last in (False, False, True):
            try:
                ray.init(address=address, log_to_driver=False, logging_level="ERROR")
                return
            except ConnectionAbortedError:  # Ray's client server fails now and then (its issue 63202).
                if last:
                    raise

    def survey(self, needs: Mapping[str, float]) -> tuple[list[tuple[str, str, int]], int]:
        """The machines that could hold an actor: Ray's id, type, how many it can hold; and for how many the cluster
        has room now.
        """
        fitting = {node["NodeID"]: most for node in self._nodes() if (most := _fits(needs, node["Resources"]))}
        told = {
            ray.remote(machine_type)
            .options(num_cpus=0, scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False))
            .remote(): node
            for node in fitting
        }
        done, _ = ray.wait(list(told), num_returns=len(told), timeout=_SURVEY_SECONDS) if told else ([], [])
        found = []
        for answer in done:
            try:
                found.append((told[answer], str(ray.get(answer)), fitting[told[answer]]))
            except RayTaskError:  # Overnight is not installed there, say.
                raise
            except RayError:
                continue  # The machine has gone meanwhile.
        return found, _fits(needs, ray.available_resources())

    def others(self, needs: Mapping[str, float], avoided: frozenset[str]) -> bool:
        """Whether another machine could hold an actor."""
        return any(node["NodeID"] not in avoided and _fits(needs, node["Resources"]) for node in self._nodes())

    def place(self, charter: Charter, needs: Mapping[str, float], avoided: frozenset[str]) -> tuple[str, Hello]:
        """Have Ray start an actor, wherever it finds room but on the machines to avoid. That may take for ever."""
        self.drop()
        own = {name: needs[name] for name in ("num_cpus", "num_gpus", "memory") if name in needs}
        custom = {name: need for name, need in needs.items() if name not in own}
        where = {"label_selector": {"ray.io/node-id": f"!in({','.join(sorted(avoided))})"}} if avoided else {}
        options = {**own, "resources": custom, "runtime_env": _ENVIRONMENT, **where}
        self._actor = ray.remote(Worker).options(**options).remote()
        node = self._answer(self._actor.node.remote())
        return node, self._answer(self._actor.hello.remote(charter))

    def start(self, order: Order, parcels: list[Parcel]) -> None:
        """Have the actor begin with an order."""
        self._answer(self._actor.start.remote(order, *map(self._put, parcels)))

    def ask(self, name: str, *arguments: object) -> object:
        """What the actor says."""
        return self._answer(getattr(self._actor, name).remote(*arguments))

    def drop(self) -> None:
        """End the actor, if there is one."""
        if self._actor is not None:
            ray.kill(self._actor)
            self._actor = None

    def _answer(self, reference: Any) -> Any:
        while not ray.wait([reference], timeout=_LOOK_SECONDS)[0]:
            if self._pipe.poll():
                raise AbandonedError
        return ray.get(reference)

    def _put(self, parcel: Parcel) -> Any:
        """The parcel in the object store, where each machine that lacks it takes it; a small one is sent along."""
        if len(parcel.bundle) < _SMALL_BYTES:
            return parcel
        key = (parcel.commit, parcel.after)
        with self._lock:
            if key not in self._sent:
                self._sent[key] = ray.put(parcel)
            while len(self._sent) > _MOST_REMEMBERED:
                del self._sent[next(iter(self._sent))]
            return self._sent[key]

    def _nodes(self) -> list[dict[str, Any]]:
        return [node for node in ray.nodes() if node["Alive"]]


def _fits(needs: Mapping[str, float], has: Mapping[str, float]) -> int:
    """How often what is needed is there."""
    wanted = {_NAMES.get(name, name): need for name, need in needs.items() if need}
    return int(min((has.get(name, 0.0) / need for name, need in wanted.items()), default=1))


def main() -> None:
    """Serve the pipes whose file descriptors are given; the first is the session's own."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    booths = [Booth(Connection(int(descriptor))) for descriptor in sys.argv[1:]]
    threads = [threading.Thread(target=booth.serve, daemon=True) for booth in booths]
    for thread in threads:
        thread.start()
    threads[0].join()
    last = threading.Timer(_LAST_SECONDS, lambda: os._exit(1))  # Where the cluster is gone, Ray would wait for it.
    last.daemon = True
    last.start()
    ray.shutdown()
    os._exit(0)
