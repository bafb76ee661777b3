"""A real Ray cluster of several nodes on this machine."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

STORE_BYTES = 80 * 2**20


@dataclass
class Nodes:
    """The cluster, which is empty but for a head that holds nothing."""

    cluster: Any
    folder: Path
    cache: Path
    """Of all nodes."""

    @property
    def address(self) -> str:
        """Where the head is."""
        return str(self.cluster.address)

    def add(self, *, cores: int | None = None, env: dict[str, str] | None = None, **resources: float) -> Any:
        """One more node, with so many of each custom resource; `cores` are those that its processes may use."""
        allowed = os.sched_getaffinity(0)
        try:
            if cores is not None:
                os.sched_setaffinity(0, set(sorted(allowed)[:cores]))
            return self.cluster.add_node(
                num_cpus=4, resources=resources, object_store_memory=STORE_BYTES, env_vars=env or {}
            )
        finally:
            os.sched_setaffinity(0, allowed)

    def kill(self, node: Any) -> None:
        """As a machine that loses power."""
        self.cluster.remove_node(node, allow_graceful=False)


@contextlib.contextmanager
def ray_cluster() -> Iterator[Nodes]:
    """A head, whose processes and those of all nodes end with this."""
    from ray.cluster_utils import Cluster  # noqa: PLC0415 - loads all of Ray

    with _place() as folder:
        head = {"num_cpus": 0, "include_dashboard": False, "object_store_memory": STORE_BYTES}
        cluster = Cluster(initialize_head=True, head_node_args={**head, "temp_dir": str(folder / "ray")})
        try:
            os.environ["RAY_ADDRESS"] = str(cluster.address)
            yield Nodes(cluster, folder, folder / "cache" / "overnight")
        finally:
            cluster.shutdown()


@contextlib.contextmanager
def ray_head(port: int, **resources: float) -> Iterator[Callable[[], None]]:
    """A head alone, as `ray start` makes it, with Ray's client server at `port`. Gives what kills it at once."""
    ray = Path(sys.executable).with_name("ray")
    with _place() as folder, socket.create_server(("127.0.0.1", 0)) as free:
        own_port = free.getsockname()[1]
        free.close()
        command = [
            *(str(ray), "start", "--head", "--block", f"--port={own_port}", f"--ray-client-server-port={port}"),
            *("--include-dashboard=false", "--disable-usage-stats", f"--temp-dir={folder / 'ray'}"),
            *("--num-cpus=4", f"--object-store-memory={STORE_BYTES}", f"--resources={json.dumps(resources)}"),
        ]
        quiet = subprocess.DEVNULL
        env = {**os.environ, "GRPC_ENABLE_FORK_SUPPORT": "0"}  # Or its client server fails now and then.
        with subprocess.Popen(command, env=env, stdin=quiet, stdout=quiet, stderr=quiet) as process:

            def kill() -> None:
                with contextlib.suppress(psutil.Error):
                    head = psutil.Process(process.pid)
                    for each in (head, *head.children(recursive=True)):
                        with contextlib.suppress(psutil.Error):
                            each.kill()

            try:
                yield kill
            finally:
                kill()


@contextlib.contextmanager
def _place() -> Iterator[Path]:
    """A folder for Ray's files and the machines' caches, and an environment that says so."""
    folder = Path(tempfile.mkdtemp(prefix="ray", dir="/tmp"))  # Sockets lie in it: their paths must be short.
    before = dict(os.environ)
    os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
    try:
        yield folder
    finally:
        os.environ.clear()
        os.environ.update(before)
        shutil.rmtree(folder, ignore_errors=True)
