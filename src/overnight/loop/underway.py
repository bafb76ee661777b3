"""What is under way in a session: in each slot, and in the heads of those who think beside the runs.

Events of several experiments come interleaved on one stream. A slot belongs to one experiment from its first run to its
verdict; a proposal belongs to no slot until its first run.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict

from overnight.goal.settings import SUBMITTED, Settings
from overnight.ledger.records import Measured, Role
from overnight.loop.activity import Activity
from overnight.loop.events import (
    ApprovalAwaited,
    ExperimentJudged,
    GuardsStarted,
    NothingProposed,
    PersonAsked,
    ProposalFinished,
    ProposalStarted,
    Review,
    ReviewStarted,
    RunFinished,
    RunStarted,
    SessionEvent,
    StoodInLine,
    TrialLooked,
    VerdictChanged,
    Waiting,
)
from overnight.morning.words import approval_words
from overnight.runs.logs import agent_log, review_log, run_log

_WORDS: dict[Role, str] = {
    "baseline": "measuring the baseline",
    "candidate": "measuring the candidate",
    "incumbent": "measuring the incumbent again",
    "verify_baseline": "verifying: the baseline",
    "verify_best": "verifying: the best version",
    "verify_part": "verifying: the best version without some changes",
    "verify_candidate": "suspicious: measuring the candidate again",
    "verify_incumbent": "suspicious: measuring the incumbent beside it",
    "control": "is it the machine? running the incumbent",
}
_OF_PEOPLE = 0
"""The one slot of a session in which people decide."""


class Underway(BaseModel):
    """All that is under way."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    places: int = 1
    """How many slots have shown themselves."""
    slots: tuple[Activity, ...] = ()
    """What each slot is at that is at something, in the order of their numbers."""
    thinking: tuple[Activity, ...] = ()
    """Proposals and reviews."""
    ready: tuple[int, ...] = ()
    """Experiments that are proposed, and wait for a slot."""
    in_line: tuple[int, ...] = ()
    """Experiments that have won, and wait in no slot for the verdicts of others."""
    machines: dict[int, str] = {}
    """The machine of each slot that is not on the session's own."""

    @property
    def stage(self) -> tuple[Activity, ...]:
        """What is shown first: each slot; with one slot the one thing that is going on, a thought if nothing runs."""
        return self.slots if self.places > 1 else (*self.slots, *self.thinking)[:1]

    @property
    def beside(self) -> tuple[Activity, ...]:
        """Thoughts that are not on the stage."""
        return tuple(thought for thought in self.thinking if thought not in self.stage)

    def beside_words(self) -> str:
        """What is thought beside the runs, in one line: `claude is thinking about experiments 14 and 15; 1 waits`.

        "" where there is nothing to say of that.
        """
        groups: dict[str, list[Activity]] = {}
        for thought in self.beside:
            groups.setdefault(thought.words, []).append(thought)
        told = [_thoughts_words(words, thoughts) for words, thoughts in groups.items()]
        if self.ready and (told or self.places > 1):
            what = ("waits" if len(self.ready) == 1 else "wait") if told else "ready for the next free slot"
            told.append(f"{len(self.ready)} {what}")
        if winners := len(self.in_line):
            told.append(f"{winners} {'winner waits' if winners == 1 else 'winners wait'} for the verdict before")
        return "; ".join(told)

    def told(self) -> list[str]:
        """All of it for a person, a line for each slot and one for those who think beside the runs."""
        if self.places == 1:
            lines = [f"experiment {one.number}: {one.words_now()}" for one in self.stage]
        else:
            at = {one.slot: one for one in self.slots}
            lines = [f"slot {slot}: {_slot_words(at.get(slot))}" for slot in range(self.places)]
        beside = self.beside_words()
        return [*lines, beside] if beside else lines

    def as_json(self) -> dict[str, Any]:
        """What `status --json` says of it: `slots`, `thinking`, how many proposals are `waiting` for a slot, and how
        many winners wait for the verdicts of others (`in_line`)."""
        shown = Activity.model_fields.keys() - {"output", "course"}
        slots, thinking = ([one.model_dump(include=shown) for one in each] for each in (self.slots, self.thinking))
        return {"slots": slots, "thinking": thinking, "waiting": len(self.ready), "in_line": len(self.in_line)}

    def after(self, event: SessionEvent, settings: Settings | None, logs: str = "") -> Self:
        """What is under way after an event; the same object where the event says nothing about that.

        `logs` is the folder of the session's outputs, relative to `.overnight/`.
        """
        match event:
            case ProposalStarted() | ProposalFinished() | ReviewStarted() | Review():
                return self._thought(event, logs)
            case RunStarted():
                return self._run_started(event, settings, logs)
            case RunFinished(measured):
                return self._run_finished(measured)
            case GuardsStarted() | ApprovalAwaited() | TrialLooked():
                return self._went_on(event, settings)
            case ExperimentJudged(judged):
                number, rest = judged.number, self._without_proposal(judged.number)
                return rest._with(slots=_but(rest.slots, lambda one: one.course == number or _is_aside(one)))
            case NothingProposed(number):
                return self._without_proposal(number)
            case StoodInLine(number):
                rest = self._with(slots=_but(self.slots, lambda one: one.course == number))
                return rest._with(in_line=(*rest.in_line, number))
            case VerdictChanged() | PersonAsked():
                return self._with(slots=_but(self.slots, _is_aside))
            case Waiting():
                return self._with(slots=(), thinking=(), in_line=())
            case _:
                return self

    def _thought(self, event: ProposalStarted | ProposalFinished | ReviewStarted | Review, logs: str) -> Self:
        def begun(step: Literal["proposing", "reviewing"], words: str, number: int, log: str) -> Activity:
            output = f"{logs}/{log}"
            return Activity(slot=None, step=step, words=words, number=number, since=time.time(), output=output)

        match event:
            case ProposalStarted(number, proposer):
                rest = self._without_proposal(number)
                words = "waiting for a submission" if proposer == SUBMITTED else f"{proposer} is thinking"
                thought = begun("proposing", words, number, agent_log(number))
                return rest._with(thinking=(*rest.thinking, thought))
            case ReviewStarted(number, proposer):
                words = f"{proposer} writes down what it has learned"
                return self._with(thinking=(*self.thinking, begun("reviewing", words, number, review_log(number + 1))))
            case Review():
                return self._with(thinking=_but(self.thinking, lambda thought: thought.step == "reviewing"))
            case ProposalFinished(proposed):
                rest = self._without_proposal(proposed.number)
                has_verdict = proposed.commit is None  # There is nothing to measure.
                return rest if has_verdict else rest._with(ready=(*rest.ready, proposed.number))

    def _went_on(self, event: GuardsStarted | ApprovalAwaited | TrialLooked, settings: Settings | None) -> Self:
        now = time.time()
        match event:
            case GuardsStarted(number, slot):
                before = self._in(slot)
                idea = before.hypothesis if before and before.number == number else ""
                words = "trying the guards"
                course = {"course": number} if number in self.in_line else {}
                return self._at(slot, step="guarding", words=words, number=number, hypothesis=idea, since=now, **course)
            case ApprovalAwaited(proposed):
                number = proposed.number
                return self._at(
                    _OF_PEOPLE,
                    step="approving",
                    words=approval_words(number),
                    number=number,
                    hypothesis=proposed.hypothesis,
                    since=now,
                    course=number,
                )
            case TrialLooked(measured):
                enough = settings.live.min_samples if settings and settings.live else 0
                return self._at(
                    _OF_PEOPLE,
                    step="waiting",
                    words=f"out since {_clock(event.since)}, met by {_people(measured, enough)}; next look",
                    number=measured.number,
                    hypothesis=event.hypothesis,
                    since=now,
                    budget=event.next_look,
                    course=measured.number,
                )

    def _run_started(self, event: RunStarted, settings: Settings | None, logs: str) -> Self:
        before = self._in(event.slot)
        is_new = event.number in (*self.ready, *self.in_line)
        # The incumbent, measured again for its own sake: no verdict comes of that.
        course = event.number if is_new or event.role != "incumbent" else None
        if before is not None and before.course is not None and not is_new:
            course = before.course
        machine = self.machines.get(event.slot, "")
        run = Activity(
            slot=event.slot,
            step="running",
            words=_WORDS[event.role] + (f" on {machine}" if machine else ""),
            number=event.number,
            hypothesis=event.hypothesis,
            machine=machine,
            since=time.time(),
            budget=settings.budget if settings else None,
            limit=event.limit,
            output=f"{logs}/{run_log(event.number, event.role, event.seed)}",
            course=course,
        )
        rest = self._without_proposal(event.number)
        return rest._with(slots=_put(rest.slots, run), places=max(self.places, event.slot + 1))

    def _run_finished(self, measured: Measured) -> Self:
        slot, before = measured.slot, self._in(measured.slot)
        machines = {**self.machines, slot: measured.machine} if measured.machine else self.machines
        known = self._with(places=max(self.places, slot + 1), machines=machines)
        if before is not None and before.course is None:
            return known._with(slots=_but(self.slots, lambda one: one.slot == slot))
        decides = Activity(
            slot=slot,
            step="deciding",
            words="deciding",
            number=before.number if before else measured.number,
            hypothesis=before.hypothesis if before else "",
            machine=measured.machine,
            since=time.time(),
            course=before.course if before else measured.number,
        )
        return known._with(slots=_put(self.slots, decides))

    def _in(self, slot: int) -> Activity | None:
        """What a slot is at."""
        return next((one for one in self.slots if one.slot == slot), None)

    def _at(self, slot: int, **fields: object) -> Self:
        """An experiment's next step, in its slot."""
        before = self._in(slot)
        place = before.model_dump(include={"machine", "course"}) if before else {}
        step = Activity.model_validate({**place, "slot": slot, **fields})
        rest = self._without_proposal(step.number)
        return rest._with(slots=_put(self.slots, step), places=max(self.places, slot + 1))

    def _without_proposal(self, number: int) -> Self:
        """The proposal of that number is no more on its way, if it was, nor does it stand in line."""
        return self._with(
            thinking=_but(self.thinking, lambda thought: thought.step == "proposing" and thought.number == number),
            ready=tuple(idea for idea in self.ready if idea != number),
            in_line=tuple(winner for winner in self.in_line if winner != number),
        )

    def _with(self, **fields: object) -> Self:
        changed = {name: value for name, value in fields.items() if value != getattr(self, name)}
        return self.model_copy(update=changed) if changed else self


def _but(activities: tuple[Activity, ...], over: Callable[[Activity], bool]) -> tuple[Activity, ...]:
    return tuple(one for one in activities if not over(one))


def _put(slots: tuple[Activity, ...], step: Activity) -> tuple[Activity, ...]:
    return tuple(sorted((*_but(slots, lambda one: one.slot == step.slot), step), key=lambda one: one.slot or 0))


def _slot_words(one: Activity | None) -> str:
    if one is None:
        return "free"
    return f"experiment {one.number}, {one.words_now()}" if one.number else one.words_now()


def _is_aside(one: Activity) -> bool:
    """Guards of a version that is no experiment by itself: they have held or not once anything is said of verdicts."""
    return one.course is None and one.step == "guarding"


def _thoughts_words(words: str, thoughts: list[Activity]) -> str:
    if thoughts[0].step == "reviewing":
        return thoughts[0].words_now()
    *others, last = [str(thought.number) for thought in thoughts]
    if not others:
        return thoughts[0].model_copy(update={"words": f"{words} about experiment {last}"}).words_now()
    return f"{words} about experiments {', '.join(others)} and {last}"


def _clock(time_then: float) -> str:
    then = datetime.fromtimestamp(time_then)
    return f"{then:%H:%M}" if then.date() == datetime.now().date() else f"{then:%Y-%m-%d %H:%M}"


def _people(measured: Measured, enough: int) -> str:
    """How many have met the candidate and the incumbent, and how many are wanted if it is not so many yet."""
    met, other = int(measured.trials or 0), int(measured.rival_trials or 0)
    of = f" of {enough:,}" if min(met, other) < enough else ""
    return f"{met:,}{of} people, the incumbent by {other:,}"
