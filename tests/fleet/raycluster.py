"""A real Ray cluster of several nodes on this machine."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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

    def add(self, *, cores: int | None = None, **resources: float) -> Any:
        """One more node, with so many of each custom resource; `cores` are those that its processes may use."""
        allowed = os.sched_getaffinity(0)
        try:
            if cores is not None:
                os.sched_setaffinity(0, set(sorted(allowed)[:cores]))
            return self.cluster.add_node(num_cpus=4, resources=resources, object_store_memory=STORE_BYTES)
        finally:
            os.sched_setaffinity(0, allowed)

    def kill(self, node: Any) -> None:
        """As a machine that loses power."""
        self.cluster.remove_node(node, allow_graceful=False)


@contextlib.contextmanager
def ray_cluster(port: int | None = None) -> Iterator[Nodes]:
    """A head, with Ray's client server at `port` if that is given; its processes end with this."""
    from ray.cluster_utils import Cluster  # noqa: PLC0415 - loads all of Ray

    folder = Path(tempfile.mkdtemp(prefix="ray", dir="/tmp"))  # Sockets lie in it: their paths must be short.
    before = dict(os.environ)
    os.environ |= {"XDG_CACHE_HOME": str(folder / "cache"), "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0"}
    cluster = None
    try:
        cluster = Cluster(
            initialize_head=True,
            head_node_args={
                "num_cpus": 0,
                "include_dashboard": False,
                "object_store_memory": STORE_BYTES,
                "temp_dir": str(folder / "ray"),
                **({"ray_client_server_port": port} if port else {}),
            },
        )
        os.environ["RAY_ADDRESS"] = str(cluster.address)
        yield Nodes(cluster, folder, folder / "cache" / "overnight")
    finally:
        if cluster is not None:
            cluster.shutdown()
        os.environ.clear()
        os.environ.update(before)
        shutil.rmtree(folder, ignore_errors=True)
