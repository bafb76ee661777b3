"""What the ledger says about people: what they have asked of a session, and what they meet in a live one."""

from __future__ import annotations

from overnight.ledger.asking import Event, expect
from overnight.ledger.proposals import Proposals
from overnight.ledger.records import Deployed, Steered

_GRANTED = "kind = 'steered' AND payload ->> 'refused' = ''"


class People(Proposals):
    """Questions about the people around one session."""

    def steered(self) -> list[Steered]:
        """What people have asked for, in order."""
        return [expect(Steered, event) for event in self._fetch("kind = 'steered'")]

    def was_asked(self, request: str) -> bool:
        """Whether the request of that name was written down already."""
        where = "kind = 'steered' AND payload ->> 'request' = :request"
        return self._aggregate("count(*)", where, request=request) > 0

    def wishes(self) -> list[Steered]:
        """The hints, pins and forbids that stand: not withdrawn and, for a hint, not in a brief that was answered yet.

        The built-in search reads no hints, so what it proposes is no answer.
        """
        events = self._fetch(_GRANTED)
        if not events:
            return []
        answered = self._aggregate(
            "max(id)", "kind = 'proposed' AND payload ->> 'proposer' <> 'search' AND payload ->> 'commit' IS NOT NULL"
        )
        asked = [(event.id, expect(Steered, event)) for event in events]
        withdrawn = {steered.text for _, steered in asked if steered.act == "withdraw"}
        return [
            steered
            for event_id, steered in asked
            if steered.request not in withdrawn
            and (steered.act in ("pin", "forbid") or (steered.act == "hint" and event_id > answered))
        ]

    def approval(self, number: int) -> Steered | None:
        """What a person has said of a live variant before it goes out: `approve` or `reject`; None: nothing yet."""
        said = f"{_GRANTED} AND payload ->> 'act' IN ('approve', 'reject') AND number = :number"
        found = self._fetch(said, newest=1, number=number)
        return expect(Steered, found[0]) if found else None

    def ended_by_person(self, number: int) -> Steered | None:
        """The wish of a person that a live experiment end here, if there is one."""
        wish = f"{_GRANTED} AND payload ->> 'act' = 'take_back' AND number = :number"
        found = self._fetch(wish, newest=1, number=number)
        return expect(Steered, found[0]) if found else None

    def deployments(self, number: int) -> list[Event]:
        """When a live experiment went out to people, and when it was taken back, in order."""
        return self._fetch("kind = 'deployed' AND number = :number", number=number)

    def last_deployed(self) -> Deployed | None:
        """What people meet, in a live session, as far as the ledger knows."""
        found = self._fetch("kind = 'deployed'", newest=1)
        return expect(Deployed, found[0]) if found else None

    def out(self) -> int | None:
        """The live experiment whose candidate people meet now."""
        last = self.last_deployed()
        return last.number if last is not None and last.out else None
