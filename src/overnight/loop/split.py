"""`apply --split`: a branch for each kept change, or for each group of changes that cannot be told apart.

Each stands on the commit that the session began with, so that it can be looked at, merged and taken back by itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pygit2

from overnight.errors import SessionError
from overnight.fleet.slot import Version
from overnight.goal.settings import Settings
from overnight.judge.noise import Noise, mean_difference
from overnight.ledger.history import History
from overnight.ledger.records import Judged, Measured
from overnight.loop.again import Again, Measuring, measuring_again
from overnight.loop.events import RunFinished, RunStarted
from overnight.loop.project import Origin
from overnight.loop.repeats import seems_exact
from overnight.loop.seeds import seeds_for
from overnight.loop.split_message import Alone, Group, message_of, names_of
from overnight.loop.state import State
from overnight.loop.weaving import commit_of, version_of, weave_of
from overnight.morning.summary import Summary
from overnight.repo.split_branches import SplitBranches
from overnight.repo.weave import Weave

_PAIRS = 5
_EXACT_PAIRS = 2


@dataclass(frozen=True)
class AloneMeasured:
    """The last event of `measure_alone`."""

    found: Mapping[Group, Alone]


@dataclass(frozen=True)
class SplitBranch:
    """A branch that was made."""

    name: str
    changes: tuple[Judged, ...]
    """In the order of its commits."""
    alone: Alone | None


def split(
    origin: Origin, history: History, summary: Summary, alone: Mapping[Group, Alone] | None = None
) -> list[SplitBranch]:
    """Make the branches, in the order of the session's.

    Raises SessionError when nothing is kept, RepositoryError when a branch of that name is the user's own by now; then
    nothing was changed.
    """
    kept = {judged.number: judged for judged in history.kept()}
    if not kept:
        raise SessionError(f"session {history.session} has kept nothing, so there is nothing to apply")
    weave = _weave(origin, history, list(kept))
    groups = groups_of(origin, weave, list(kept))
    settings = Settings.recorded(history.started().settings)
    command, is_exact, known = settings.score or settings.command, seems_exact(history), alone or {}
    tips: dict[str, str] = {}
    made: dict[str, Group] = {}
    for group in groups:
        tip = origin.base
        for place, number in enumerate(group, start=1):
            is_last = place == len(group)
            together = known.get(group) if is_last else None
            message = message_of(kept[number], summary, group, together, command=command, is_exact=is_exact)
            tip = commit_of(origin, tip, weave.version(group[:place]), message)
        name = _name_of(group, kept)
        tips[name], made[name] = tip, group
    branches = SplitBranches(origin.repository, history.session)
    branches.write(tips, origin.base)
    return [
        SplitBranch(branches.branch(name), tuple(kept[number] for number in group), known.get(group))
        for name, group in made.items()
    ]


def measure_alone(
    state: State, session: str | None, *, should_stop: Callable[[], bool]
) -> Iterator[RunStarted | RunFinished | AloneMeasured]:
    """Measure each group by itself against the baseline, in pairs of runs on seeds that nobody has used.

    Raises SessionError when nothing is kept or the baseline fails, Interrupted when asked to stop.
    """
    with measuring_again(state, session, should_stop) as again:
        history, numbers = again.history, [judged.number for judged in again.kept]
        weave = _weave(again.origin, history, numbers)
        groups = groups_of(again.origin, weave, numbers)
        versions = {group: version_of(again.origin, weave, group) for group in groups}
        baseline = version_of(again.origin, weave, ())
        # No experiment has so negative a number, and the ledger grows with each run: these seeds are nobody else's.
        seeds = seeds_for(again.started.seed, -1_000_000_000 - history.count("measured"))
        gains: dict[Group, list[float]] = {group: [] for group in groups}
        failed: dict[Group, str] = {}
        for seed in seeds[: _EXACT_PAIRS if seems_exact(history) else _PAIRS]:
            before = None
            if not again.settings.compare:
                before = yield from _value_of_baseline(again, baseline, seed)
            for group in groups:
                if group in failed:
                    continue
                words = f"{names_of(group)} alone"
                rival = baseline if again.settings.compare else None
                measured = yield from again.measure(
                    versions[group], group[-1], "verify_part", seed, words, inside=tuple(sorted(group)), rival=rival
                )
                old = measured.rival if before is None else before
                if measured.value is None or old is None:
                    failed[group] = _why(measured)
                else:
                    gains[group].append(again.settings.gain(measured.value, old))
        yield AloneMeasured({group: _alone(gains[group], again.command, failed.get(group)) for group in groups})


def _value_of_baseline(again: Again, baseline: Version, seed: int) -> Measuring[float]:
    measured = yield from again.measure(baseline, 0, "verify_baseline", seed, "the baseline, again")
    if measured.value is None:
        raise SessionError(f"the baseline gave no metric: {measured.reason}; nothing was concluded")
    return measured.value


def _why(failed: Measured) -> str:
    """Why a run gave no metric, with the last line that it printed, which mostly says more."""
    lines = failed.output_tail.strip().splitlines()
    return f"{failed.reason}: {lines[-1][:200]}" if lines else failed.reason


def _alone(gains: list[float], command: str, failed: str | None) -> Alone:
    if failed is not None:
        return Alone(None, len(gains), command, failed)
    return Alone(mean_difference(gains, Noise(0.0, 0)), len(gains), command)


def groups_of(origin: Origin, weave: Weave, numbers: Sequence[int]) -> list[Group]:
    """The kept experiments `numbers`, in groups that git can merge with each other in any order.

    Together are those of which one replaces lines of another, and those that touch lines so close that git would call
    it a conflict.
    """
    requires = {number: weave.requires()[number] & set(numbers) for number in numbers}
    excludes = weave.excludes()
    waiting = _connected(numbers, {number: requires[number] | excludes.get(number, set()) for number in numbers})
    git, base = origin.repository.git, _tree(origin, origin.base)
    trees: dict[frozenset[int], pygit2.Tree] = {}

    def tree(group: frozenset[int]) -> pygit2.Tree:
        if group not in trees:
            trees[group] = _tree(origin, version_of(origin, weave, group).commit)
        return trees[group]

    done: list[frozenset[int]] = []
    while waiting:
        group = waiting.pop()
        clash = next((other for other in done if git.merge_trees(base, tree(group), tree(other)).conflicts), None)
        if clash is None:
            done.append(group)
        else:
            done.remove(clash)
            waiting.append(group | clash)
    ordered = [_in_order(group, numbers, requires) for group in done]
    return sorted(ordered, key=lambda group: min(numbers.index(number) for number in group))


def _connected(numbers: Sequence[int], ties: Mapping[int, Iterable[int]]) -> list[frozenset[int]]:
    """The connected components, last one first."""
    found: list[frozenset[int]] = []
    for number in numbers:
        joined = frozenset((number, *ties[number])) & frozenset(numbers)
        touching = [group for group in found if group & joined]
        found = [joined.union(*touching), *(group for group in found if group not in touching)]
    return found


def _in_order(group: Iterable[int], numbers: Sequence[int], requires: Mapping[int, Iterable[int]]) -> Group:
    """In the branch's order, and each after what it needs."""
    ordered: list[int] = []

    def add(number: int) -> None:
        if number not in ordered:
            for need in sorted(requires[number], key=numbers.index):
                add(need)
            ordered.append(number)

    for number in sorted(group, key=numbers.index):
        add(number)
    return tuple(ordered)


def _weave(origin: Origin, history: History, numbers: Sequence[int]) -> Weave:
    """The weave of the kept changes. Raises SessionError where it does not give the version that is kept."""
    weave = weave_of(origin, history, numbers)
    weave.remove(set(weave.ideas) - set(numbers))
    incumbent = history.incumbent()
    if incumbent is None or weave.version(numbers) != origin.edit_files(incumbent.commit or origin.base):
        raise SessionError(
            f"the kept changes of session {history.session} cannot be told apart; take them together: `overnight apply`"
        )
    return weave


def _tree(origin: Origin, commit: str) -> pygit2.Tree:
    return origin.repository.git[commit].peel(pygit2.Tree)


def _name_of(group: Group, kept: Mapping[int, Judged]) -> str:
    numbers = "-".join(map(str, group[:4])) + (f"-and-{len(group) - 4}-more" if len(group) > 4 else "")
    words = re.findall(r"[a-z0-9]+", kept[group[0]].hypothesis.lower())
    return "-".join([numbers, *_as_many_as_fit(words, 40)])


def _as_many_as_fit(words: list[str], length: int) -> Iterator[str]:
    for word in words:
        length -= len(word) + 1
        if length < 0:
            return
        yield word
