"""Experiments woven together: any set of them as one version of the origin."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from overnight.fleet.slot import Version
from overnight.ledger.history import History
from overnight.ledger.records import Proposed
from overnight.loop.project import Origin
from overnight.repo.candidate import fingerprint
from overnight.repo.weave import Weave


def weave_of(origin: Origin, history: History, numbers: Iterable[int]) -> Weave:
    """A weave of these experiments and of all that they were proposed on top of."""
    wanted: dict[int, Proposed] = {}
    waiting = list(numbers)
    while waiting:
        number = waiting.pop()
        proposed = history.proposed(number)
        if number not in wanted and proposed is not None and proposed.commit is not None:
            wanted[number] = proposed
            waiting += proposed.inside
    weave = Weave(origin.edit_files(origin.base))
    for proposed in _after_what_they_hold(wanted):
        weave.add(proposed.number, proposed.inside, origin.edit_files(proposed.commit or ""))
    return weave


def _after_what_they_hold(proposals: Mapping[int, Proposed]) -> Iterator[Proposed]:
    """In the order of their numbers, but for one that was carried over to a later number's keep: that comes first."""
    waiting, done = sorted(proposals), set[int]()
    while waiting:
        held_up = []
        for number in waiting:
            if done.issuperset(set(proposals[number].inside) & proposals.keys()):
                done.add(number)
                yield proposals[number]
            else:
                held_up.append(number)
        assert len(held_up) < len(waiting), "nobody holds what was made on top of it"
        waiting = held_up


def base_version(origin: Origin) -> Version:
    """What there is before any experiment."""
    return Version(origin.base, fingerprint(origin.edit_files(origin.base)))


def version_of(origin: Origin, weave: Weave, ideas: Iterable[int]) -> Version:
    """A commit that holds these experiments' changes, which no branch points at."""
    held = sorted(ideas)
    files = weave.version(held)
    message = f"a combination of experiments {', '.join(map(str, held))}\n" if held else "the baseline\n"
    return Version(commit_of(origin, origin.base, files, message), fingerprint(files))


def commit_of(origin: Origin, parent: str, files: dict[str, bytes], message: str) -> str:
    """A commit on top of `parent` in which the `edit` files are exactly these."""
    gone = {path: None for path in origin.edit_files(parent) if path not in files}
    return origin.repository.commit_files(parent, {**files, **gone}, message)


def lines_saved(origin: Origin, proposed: Proposed) -> int:
    """By how many lines a proposal makes the `edit` files shorter."""

    def lines(commit: str) -> int:
        return sum(len(content.splitlines()) for content in origin.edit_files(commit).values())

    return lines(proposed.parent) - lines(proposed.commit or proposed.parent)
