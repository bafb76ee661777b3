"""The proposal: the proposer is asked, its answer looked at and written down."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Literal

from overnight.errors import Trouble
from overnight.ledger.history import History
from overnight.ledger.records import Proposed, Troubled
from overnight.ledger.store import Recorder
from overnight.loop.bench import Bench
from overnight.loop.briefing import make_brief
from overnight.loop.crew import Thinking, Work
from overnight.loop.events import ProposalFinished, ProposalStarted
from overnight.loop.project import Project
from overnight.propose.brief import Brief
from overnight.propose.kinds import change_of, places_of
from overnight.propose.past import effect_words
from overnight.propose.proposer import Proposal
from overnight.repo.blocks import trespass
from overnight.repo.candidate import apply_changes, fingerprint, unparsable
from overnight.runs.redact import brings_secret, redact

_TRIED = "this was tried before"


class NothingLeftError(Exception):
    """The proposer has nothing more to try; the text says why."""


def propose(
    bench: Bench,
    name: str,
    *,
    number: int,
    noise: float,
    under_way: Sequence[Proposed] = (),
    overtaken: Proposed | None = None,
) -> Thinking[Proposed]:
    """Ask a proposer, who is called `name`, for experiment `number` and write its answer down.

    `noise` is that of one run, `under_way` what has no verdict yet, and `overtaken` what was proposed for an incumbent
    that is none any more: under this number, or under another one, where it was measured and is an improvement.
    Raises NothingLeftError when the proposer has nothing left to try, Trouble when it could not be asked.
    """
    project, history, incumbent, kept = bench.project, bench.history, bench.incumbent(), bench.kept()
    yield ProposalStarted(number, name)
    brief = make_brief(project, bench.settings, history, number, incumbent, noise, under_way, overtaken)
    asked = time.monotonic()
    proposal: Proposal = yield Work(lambda proposer: proposer.propose(brief))
    for other in proposal.in_vain:
        reason = f"{other.proposer}: {other.unavailable}"
        history.append(Troubled(what="agent", reason=reason, number=number, **other.usage.model_dump()))
    if proposal.exhausted:
        raise NothingLeftError(proposal.failure or "there is nothing left to try")
    if proposal.unavailable:
        used = proposal.usage.model_dump()
        raise Trouble("agent", proposal.unavailable, retry_after=proposal.retry_after, used=used)
    parent = incumbent.commit or project.base
    files = apply_changes(brief.files, proposal.files)
    about = tuple(map(redact, places_of(brief.files, files)))
    change = None if proposal.knows_the_past else change_of(brief.files, files)
    remade = overtaken if overtaken is not None and overtaken.number != number else None
    verdict, reason = _check(project, history, brief, proposal, files)
    if verdict is None and change and remade is None and (known := repeated(history, number, change, about)):
        verdict, reason = "no_change", known
    commit = None
    if verdict is None:
        message = f"{proposal.hypothesis}\n"
        commit = bench.stored(number, lambda: project.repository.commit_files(parent, proposal.files, message))
    proposed = Proposed(
        number=number,
        hypothesis=proposal.hypothesis,
        proposer=proposal.proposer or name,
        parent=parent,
        commit=commit,
        inside=kept,
        fingerprint=fingerprint(files) if commit else None,
        about=() if verdict == "invalid" else about,
        change=change if commit else None,
        origin=dict(proposal.origin),
        verdict=verdict,
        reason=reason,
        output_tail=proposal.output,
        seconds=time.monotonic() - asked,
        again=overtaken is not None and overtaken.number == number,
        remakes=remade.number if remade is not None and not proposal.knows_the_past else None,
        request=proposal.request,
        **proposal.usage.model_dump(),
    )
    history.append(proposed)
    yield ProposalFinished(proposed)
    return proposed


def _check(
    project: Project, history: Recorder, brief: Brief, proposal: Proposal, after: Mapping[str, bytes]
) -> tuple[Literal["invalid", "no_change"] | None, str]:
    """Whether there is anything to measure, and if not, why not."""
    before = brief.files
    allowed = ", ".join(project.scope.patterns)
    outside = [*proposal.trespasses, *(path for path in proposal.files if not project.scope.allows(path))]
    if outside:
        named = ", ".join(outside[:5]) + (" …" if len(outside) > 5 else "")
        return "invalid", f"it changed {named}, but only {allowed} may be changed"
    if after == before:
        if proposal.denied:
            return "invalid", f"it tried to change more than {allowed}, which may be changed: {proposal.denied}"
        return "no_change", proposal.failure or "nothing was changed"
    for path in proposal.files:
        if reason := trespass(path, before.get(path), after.get(path)):
            return "invalid", reason
    for path in proposal.files:
        problem = unparsable(path, after[path]) if path in after else None
        if problem:
            return "invalid", f"{path} cannot be read any more: {problem}"
    for path in proposal.files:
        if brings_secret(_text(before, path), _text(after, path)):
            return "invalid", f"it writes something into {path} that looks like a key or a password"
    if not after:
        return "invalid", "it deleted everything that may be changed"
    if before_that := history.tried(fingerprint(after), besides=brief.number):
        return "no_change", f"{_TRIED}: exactly this version is that of experiment {before_that}"
    return None, ""


def repeated(history: History, number: int, change: str, about: Sequence[str]) -> str | None:
    """Why a change, made as experiment `number`, is one that was tried before, and would do the same again, if so.

    On another incumbent the same change may do something else, but only where a keep that it was not made on has
    touched the same places.
    """
    other = history.same_change(change, besides=number)
    proposed = history.proposed(other) if other is not None else None
    if proposed is None:
        return None
    judged = history.judged_number(proposed.number)
    if judged is None:
        return f"{_TRIED}: experiment {other}, which is under way, makes the same change"
    known = {judged.number, *proposed.inside}
    if any(keep.number not in known and set(keep.about) & set(about) for keep in history.kept()):
        return None
    effect = effect_words(judged)
    return f"{_TRIED}: experiment {judged.number} ({judged.verdict}{f', {effect}' if effect else ''})"


def _text(files: Mapping[str, bytes], path: str) -> str:
    return files.get(path, b"").decode("utf-8", errors="replace")
