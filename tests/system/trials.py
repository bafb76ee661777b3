"""What was tried to upset a night, and what was wrong after."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.system.faults import run_to_the_end
from tests.system.whole_night import STALE_SECONDS, Night, Violation, exit_violations

Say = Callable[[str], None]


@dataclass(frozen=True)
class Trial:
    """One thing that was tried, and what was wrong after."""

    part: str
    what: str
    """Enough to do it again."""
    violations: list[Violation]
    met: bool = True
    """False where another call was met, or none: how many come before the chosen one differs a little each time."""
    kills: int = 1


@dataclass
class Torture:
    """What all parts share: where to work, chance, whom to tell, and what is to be looked at again later."""

    folder: Path
    seed: int = 0
    say: Say = print
    trials: list[Trial] = field(default_factory=list)
    _stale: list[tuple[Night, str, float]] = field(default_factory=list)
    _count: int = 0

    def place(self) -> Path:
        """A folder that is not there yet."""
        self._count += 1
        return self.folder / f"{self._count:05}"

    def take_note(self, trial: Trial, night: Night) -> None:
        """Keep the outcome; the folder goes, unless something was wrong or a later run has something to clean."""
        self.trials.append(trial)
        self._tell(trial)
        if night.stale_objects():
            self._stale.append((night, f"{trial.part} {trial.what}", time.monotonic()))
        elif not trial.violations:
            shutil.rmtree(night.folder.parent)

    def look_again(self) -> None:
        """What kills left of git's objects must be gone once it is old and the session was run again."""
        if self._stale:
            time.sleep(max(0.0, self._stale[-1][2] + STALE_SECONDS - time.monotonic()))
        for night, what, _ in self._stale:
            found = take_up(night)
            found += [Violation("left over", f"objects/{name}, later") for name in night.stale_objects()]
            trial = Trial("later", f"after {what}", found, kills=0)
            self.trials.append(trial)
            self._tell(trial)
            if not found:
                shutil.rmtree(night.folder.parent)
        self._stale.clear()

    def _tell(self, trial: Trial) -> None:
        if trial.violations:
            told = dict.fromkeys(f"    {violation.kind}: {violation.detail}" for violation in trial.violations)
            self.say("\n".join([f"{trial.part} {trial.what}", *told]))


def take_up(night: Night) -> list[Violation]:
    """Run a session without any fault: it must come to its end."""
    ended = run_to_the_end(night.folder, night.arguments, night.env, night.said)
    found = exit_violations(ended.exit_code, ended.said, ended.errors)
    if ended.exit_code == 2:
        found.append(Violation("does not go on", ended.errors.strip()[-300:]))
    return found


def summary(trials: Sequence[Trial]) -> str:
    """A table: for each part how much was tried, and how many violations of each kind there were."""
    lines = [f"{'part':<12} {'trials':>6} {'faults':>6} {'not met':>7} {'failed':>6}  violations"]
    for part in dict.fromkeys(trial.part for trial in trials):
        own = [trial for trial in trials if trial.part == part]
        kinds = Counter(violation.kind for trial in own for violation in trial.violations)
        lines.append(
            f"{part:<12} {len(own):>6} {sum(trial.kills for trial in own):>6} {sum(not trial.met for trial in own):>7} "
            f"{sum(bool(trial.violations) for trial in own):>6}  "
            + (", ".join(f"{kind}: {count}" for kind, count in kinds.most_common()) or "none")
        )
    return "\n".join(lines)
