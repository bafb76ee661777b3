"""A simulated night: ideas with known true effects, a noisy and perhaps drifting machine, a budget of runs."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Literal

Tails = Literal["normal", "heavy"]
Version = frozenset[int]
"""The ideas that are in a version; the empty one is the baseline."""


class OutOfRunsError(Exception):
    """The night is over."""


@dataclass(frozen=True)
class World:
    """What kind of night. Effects have the typical size 1; a higher metric is better."""

    p_good: float
    """Share of ideas that are real improvements, of exponential size. A quarter does nothing, the rest harms."""
    sigma: float
    """Standard deviation of one run, in typical effects."""
    tails: Tails = "normal"
    """`heavy` is Student's t with 3 degrees of freedom, scaled to the same standard deviation."""
    drift: float = 0.0
    """How far the machine wanders over the night, in sigmas: half of it steadily, half of it to and fro."""
    alike: float = 0.0
    """The correlation of the noise of two runs on one seed."""
    budget: int = 700


@dataclass
class Night:
    """One night in a world. Rules see `measure` and `idea`; only the score looks at `effects`."""

    world: World
    seed: int
    runs: int = 0
    effects: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._ideas = Random(f"ideas {self.seed}")
        self._noise = Random(f"noise {self.seed}")

    def idea(self) -> int:
        """A fresh idea, by its number. The same seed brings the same ideas in the same order to every rule."""
        chance, size = self._ideas.random(), self._ideas.expovariate(1.0)
        good = self.world.p_good
        self.effects.append(size if chance < good else 0.0 if chance < good + 0.25 else -size)
        return len(self.effects) - 1

    def again(self, idea: int) -> int:
        """The same idea as one that is made on top of something else, by its number."""
        self.effects.append(self.effects[idea])
        return len(self.effects) - 1

    def measure(self, version: Version, seed: int | None = None) -> float:
        """One run, on a seed of its own unless one is given. Raises OutOfRunsError when the budget is spent."""
        if self.runs >= self.world.budget:
            raise OutOfRunsError
        now = self.runs / self.world.budget
        self.runs += 1
        drift = self.world.drift * (now + math.sin(6 * math.pi * now)) / 2
        error = self._error()
        if seed is not None and self.world.alike:
            common = Random(f"seed {self.seed} {seed}").gauss(0, 1)
            error = math.sqrt(self.world.alike) * common + math.sqrt(1 - self.world.alike) * error
        return self.truth(version) + self.world.sigma * (error + drift)

    def baseline(self) -> float:
        """One run of the baseline, before the night begins: those are not in the budget, whatever the rule."""
        value, self.runs = self.measure(frozenset()), 0
        return value

    def truth(self, version: Iterable[int]) -> float:
        """How much better than the baseline a version really is."""
        return math.fsum(self.effects[number] for number in version)

    def _error(self) -> float:
        if self.world.tails == "normal":
            return self._noise.gauss(0, 1)
        squares = math.fsum(self._noise.gauss(0, 1) ** 2 for _ in range(3))
        return self._noise.gauss(0, 1) / math.sqrt(squares / 3) / math.sqrt(3)
