"""What a judge remembers of an experiment until its last run was made: pairs on one seed, and repeats."""

from __future__ import annotations

from dataclasses import dataclass, field

from overnight.judge.effects import Run


@dataclass
class Course:
    """The runs of one experiment, told as the loop told them."""

    unpaired: dict[int, Run] = field(default_factory=dict)
    """By their seeds, the runs whose counterpart is still to come."""
    wants_repeat: bool = False
    """Whether the last run is to be made once more: decided when it was told, before others could say anything."""
    _last: Run | None = None

    def counterpart(self, seed: int | None) -> Run | None:
        """The run on this seed that has none yet; it has one now."""
        return self.unpaired.pop(seed, None) if seed is not None else None

    def repeated(self, run: Run) -> Run | None:
        """The last run, if this is of the same version and was wanted to see that once more."""
        last = self._last
        is_same = last is not None and (run.inside, run.against) == (last.inside, last.against)
        return last if self.wants_repeat and is_same else None

    def note(self, run: Run, seed: int | None = None) -> None:
        """A run was told; with its seed where a counterpart is to come."""
        if seed is not None:
            self.unpaired[seed] = run
        self._last, self.wants_repeat = run, False
