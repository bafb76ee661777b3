"""A live session, written by hand, whose newest variant waits for a person's approval."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from overnight.ledger.records import Steered
from overnight.loop.inbox import Request
from overnight.loop.state import State
from tests.checkout import Checkout
from tests.night import Night

LIVE: dict[str, Any] = {
    "edit": ["page.html"],
    "run": None,
    "metric": "conversions",
    "direction": "higher",
    "live": {"deploy": "true", "measure": "true", "window": 3600.0, "min_samples": 100, "approve": "human"},
}


@dataclass(frozen=True)
class Waiting:
    """The folder, the ledger, and the two commits."""

    checkout: Checkout
    night: Night
    base: str

    @property
    def state(self) -> State:
        return State.of(self.checkout.folder)

    def propose(self, number: int, files: dict[str, bytes | None], hypothesis: str = "say what it costs") -> None:
        """The next variant, on what the session began with."""
        git = self.checkout.git
        git("checkout", "-q", "--detach", self.base)
        for name, content in files.items():
            path = self.checkout.folder / name
            if content is None:
                path.unlink()
            else:
                path.write_bytes(content)
        commit = self.checkout.commit(hypothesis)
        git("checkout", "-q", self.base)
        self.night.propose(number, parent=self.base, commit=commit, hypothesis=hypothesis, proposer="claude")

    def take_note(self) -> Request:
        """What the session does with the one request that waits."""
        (request,) = self.state.inbox.waiting()
        self.night.history.append(Steered(**request.model_dump(exclude={"time", "session"})))
        self.state.inbox.clear(request)
        return request


@contextlib.contextmanager
def waiting(checkout: Checkout, before: str = "<h1>Tea</h1>\n", **settings: Any) -> Iterator[Waiting]:
    """A live session in that folder, its baseline known."""
    checkout.write("page.html", before)
    base = checkout.commit("a page")
    state = State.of(checkout.folder)
    state.create()
    night = Night.begin(state.folder / "ledger.db", **{**LIVE, **settings})
    night.baseline(0.05)
    yield Waiting(checkout, night, base)
    night.ledger.close()
