"""What was proposed and waits for a slot, kept fit for the incumbent; and which experiments are there to be proposed.

All of it follows from the ledger, so a session that was killed goes on as one that was not.
"""

from __future__ import annotations

from dataclasses import dataclass

from overnight.ledger.records import Proposed
from overnight.loop.bench import Bench
from overnight.loop.experiment import Experimenter


@dataclass(frozen=True)
class Vacancy:
    """An experiment that is to be proposed."""

    number: int
    overtaken: Proposed | None = None
    """What was proposed for an incumbent that is none any more: under this number, or as an experiment of its own that
    was measured, and is an improvement that does not go together with what was kept meanwhile."""


class Queue:
    """Proposals without a verdict that no slot has taken up, in the order in which they will be."""

    def __init__(self, bench: Bench, experimenter: Experimenter) -> None:
        """Begin with what an earlier session has left."""
        self._bench = bench
        self._experimenter = experimenter
        self._proposals = bench.history.undecided()
        self._fits = ""
        """The incumbent that they are known to fit."""
        self._overtaken: list[Proposed] = []
        """Those that do not fit the incumbent any more: to be proposed again."""
        self._remaking: set[int] = set()
        """Improvements that somebody thinks about making again."""
        self._missing = bench.history.missing_numbers()
        self._next = bench.history.last_number() + 1

    @property
    def all(self) -> list[Proposed]:
        """Whatever waits, for a slot or for another one's verdict."""
        return list(self._proposals)

    @property
    def ready(self) -> list[Proposed]:
        """What waits for nothing but a slot."""
        return [each for each in self._proposals if not self._experimenter.waits(each)]

    @property
    def in_line(self) -> list[Proposed]:
        """What waits for another one's verdict."""
        return [each for each in self._proposals if self._experimenter.waits(each)]

    @property
    def next_number(self) -> int:
        """The next experiment that nobody has proposed."""
        return self._missing[0] if self._missing else self._next

    def carry_over(self) -> None:
        """There may be another incumbent than the one that what waits was made for."""
        incumbent = self._bench.incumbent().commit or self._bench.project.base
        if self._fits == incumbent:
            return
        self._fits = incumbent
        proposals, self._proposals = self._proposals, []
        for proposed in proposals:
            self.add(proposed)

    def add(self, proposed: Proposed) -> None:
        """Have it wait, or be proposed again where it does not fit the incumbent any more.

        What was submitted goes in front of what agents have thought of.
        """
        carried = self._experimenter.carried_over(proposed)
        if carried is None:
            self._overtaken.append(proposed)
        elif carried.request:
            waits = self._experimenter.waits
            agents = [n for n, each in enumerate(self._proposals) if not each.request and not waits(each)]
            self._proposals.insert(min(agents, default=len(self._proposals)), carried)
        else:
            self._proposals.append(carried)

    def take(self, proposed: Proposed) -> None:
        """A slot takes it up."""
        self._proposals.remove(proposed)

    def put_back(self, proposed: Proposed) -> bool:
        """A slot gives it back without a verdict. Returns whether it stands in line; if not, it is proposed again."""
        if self._experimenter.waits(proposed):
            self._proposals.insert(0, proposed)
            return True
        self._overtaken.append(proposed)
        return False

    def pop_overtaken(self, *, submitted: bool = False) -> list[Proposed]:
        """Take out what would have to be proposed again; with `submitted`, only what nobody here has thought of."""
        gone = [each for each in self._overtaken if each.request or not submitted]
        self._overtaken = [each for each in self._overtaken if each not in gone]
        return gone

    def has_vacancy(self, *, anew: bool = True) -> bool:
        """Whether there may be one more experiment; with `anew` also one that has to be proposed again."""
        most = self._bench.settings.stop.experiments
        return bool((anew and self._overtaken) or self._missing) or most is None or self._next <= most

    def fill(self, *, anew: bool = True) -> Vacancy:
        """Somebody begins to think about the next experiment, until it is `filled`; with `anew` perhaps about one that
        was proposed before."""
        if anew and self._overtaken:
            overtaken = self._overtaken.pop(0)
            return Vacancy(overtaken.number, overtaken)
        if self._missing:
            number = self._missing.pop(0)
        else:
            number, self._next = self._next, self._next + 1
        return Vacancy(number, self._to_remake() if anew else None)

    def filled(self, vacancy: Vacancy, *, is_answered: bool) -> None:
        """Nobody thinks about it any more; if that came to no answer, somebody else may."""
        overtaken = vacancy.overtaken
        if overtaken is not None:
            self._remaking.discard(overtaken.number)
        if not is_answered and overtaken is not None and overtaken.number == vacancy.number:
            self._overtaken.insert(0, overtaken)
        elif not is_answered:
            self._missing.insert(0, vacancy.number)

    def _to_remake(self) -> Proposed | None:
        history = self._bench.history
        number = next((each for each in history.to_remake() if each not in self._remaking), None)
        if number is None:
            return None
        self._remaking.add(number)
        return history.proposed(number)
