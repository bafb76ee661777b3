"""How far one loop goes: from a laptop to 10,000 runs at a time, by a small simulation and what each step costs here.

    python benchmarks/scale.py [--experiments-a-slot 8]

Simulated (virtual time, exact metric): runs of five minutes, give or take a tenth; agents that need one minute; ideas
about one of 200 places, of which 3 % are improvements. A proposal is thought about on the incumbent of its time; a keep
about the same place sends it back; a winner beside a newer incumbent is measured again on top of it, or of the last
winner in line. Figures are of the time until the last idea has begun. Measured on this machine: writing a record,
deciding under noise, storing a candidate, and carrying one over, each with the program's own code. `loop` is the share
of the loop's one thread that those steps take at that rate; beyond 100 % slots wait for it.
"""

from __future__ import annotations

import argparse
import heapq
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pygit2

from overnight.judge.judge import Judge
from overnight.judge.noise import Noise
from overnight.judge.ties import Ties
from overnight.ledger.records import Judged, Measured, Proposed
from overnight.ledger.store import Ledger, Recorder
from overnight.loop.lookahead import proposals_ahead
from overnight.repo.branch import SessionRefs
from overnight.repo.git import Repository

RUN, THINK, PLACES, GOOD = 300.0, 60.0, 200, 0.03


@dataclass(frozen=True)
class Figures:
    """What a simulated night came to."""

    busy: float
    stale: float
    sent_back: float
    again: float
    hourly: float
    carried_hourly: float


def simulate(slots: int, experiments: int, seed: int = 0) -> Figures:  # noqa: PLR0915 - a night reads top to bottom
    """A night of so many experiments."""
    random, now, ahead = Random(seed), 0.0, proposals_ahead(slots, THINK, RUN)
    keeps: list[int] = []  # The place that each keep is about.
    waiting: list[tuple[int, int, bool]] = []  # Keeps known when it was thought about, its place, whether it is good.
    events: list[tuple[float, int, str, tuple[int, int, bool], int]] = []
    thinking = busy = asked = done = sent_back = again = carried = count = 0
    stale: list[int] = []
    line: dict[tuple[int, int, bool], bool] = {}  # Winners that are to be kept one after the other; which are measured.
    starts: list[tuple[float, float]] = []
    last = (0.0, 0, 0)  # When the newest idea has begun; how many were done, and carried over, by then.

    def later(seconds: float, what: str, idea: tuple[int, int, bool], base: int) -> None:
        nonlocal count
        count += 1
        heapq.heappush(events, (now + seconds, count, what, idea, base))

    def think(place: int, *, good: bool) -> None:
        nonlocal thinking
        thinking += 1
        later(THINK * random.lognormvariate(0, 0.3), "thought", (len(keeps), place, good), len(keeps))

    def measure(idea: tuple[int, int, bool], what: str) -> None:
        takes = RUN * random.uniform(0.9, 1.1)
        starts.append((now, takes))
        later(takes, what, idea, len(keeps))

    def keep(place: int) -> None:
        nonlocal waiting, carried, sent_back
        keeps.append(place)
        carried += len(waiting)
        back = [other for other in waiting if other[1] == place]
        waiting = [other for other in waiting if other[1] != place]
        sent_back += len(back)
        for _, other, is_good in back:
            think(other, good=is_good)

    while done < experiments:
        while waiting and busy < slots:
            idea, busy = waiting.pop(0), busy + 1
            stale.append(len(keeps) - idea[0])
            last = now, done, carried
            measure(idea, "measured")
        while asked < experiments and slots - busy + ahead > len(waiting) + thinking:
            asked += 1
            think(random.randrange(PLACES), good=random.random() < GOOD)
        now, _, what, idea, base = heapq.heappop(events)
        _, place, good = idea
        if what == "thought":
            thinking -= 1
            waiting.append(idea)
        elif what == "again":
            busy, line[idea] = busy - 1, True
            while line and line[first_in_line := next(iter(line))]:
                del line[first_in_line]
                done += 1
                keep(first_in_line[1])
        elif good and (line or len(keeps) > base) and place not in (*keeps[base:], *(other[1] for other in line)):
            again += 1
            line[idea] = False
            measure(idea, "again")
        else:
            busy, done = busy - 1, done + 1
            if good and len(keeps) == base and not line:
                keep(place)
    first, (end, done, carried) = starts[0][0], last
    measuring = sum(max(min(start + takes, end) - start, 0.0) for start, takes in starts) / (slots * (end - first))
    missed, hours = sum(stale) / len(stale), end / 3600
    return Figures(measuring, missed, sent_back / experiments, again / len(starts), done / hours, carried / hours)


def seconds_each(times: int, step: Callable[[int], object]) -> float:
    """What a step takes, on average."""
    began = time.perf_counter()
    for number in range(times):
        step(number)
    return (time.perf_counter() - began) / times


def costs() -> tuple[float, float, float, float]:
    """Seconds for a record, a decision under noise, a candidate and a carrying over."""
    with tempfile.TemporaryDirectory(prefix="overnight-scale-") as place:
        folder = Path(place)
        ledger = Ledger.open(folder / "ledger.db")
        history = Recorder(ledger, "s")
        records = (
            lambda n: Proposed(number=n, hypothesis="an idea", proposer="agent", parent="0" * 40, commit="1" * 40),
            lambda n: Measured(
                number=n, role="candidate", commit="1" * 40, fingerprint="2" * 64, seed=1, outcome="ok", value=1.0
            ),
            lambda n: Judged(number=n, verdict="discard", reason="worse by 1", hypothesis="an idea", metric=1.0),
        )
        record = seconds_each(300, lambda n: history.append(records[n % 3](n)))
        ledger.close()
        git = pygit2.init_repository(str(folder / "project"))
        (folder / "project" / "train.py").write_text("".join(f"# {line}\n" for line in range(2 * PLACES)))
        git.index.add_all()
        who = pygit2.Signature("bench", "bench@localhost")
        base = str(git.create_commit("HEAD", who, who, "start", git.index.write_tree(), []))
        repository = Repository.find(folder / "project")
        refs = SessionRefs(repository, "s")
        text = (repository.read(base, "train.py") or b"").decode().splitlines(keepends=True)

        def changed(at: int) -> str:
            content = "".join([*text[:at], f"x = {at}\n", *text[at + 1 :]]).encode()
            commit = repository.commit_files(base, {"train.py": content}, "an idea\n")
            refs.secure(commit, at + 1)
            return commit

        candidate = seconds_each(100, lambda n: changed(2 * n))
        theirs, ours = changed(2), changed(2 * PLACES - 2)

        def carry(number: int) -> None:
            tree = repository.merged_tree(base, ours, theirs)
            refs.secure(repository.commit_tree(ours, tree or "", f"an idea {number}\n"), 1)

        carrying = seconds_each(100, carry)
    random = Random(0)
    judge = Judge("lower", [random.gauss(100, 1) for _ in range(5)], Noise(1.0, 4))

    def decide(number: int) -> None:
        version = judge.plan(number, Ties({}, {}), random)
        judge.observe(version, random.gauss(100, 1), experiment=number)
        judge.drop(judge.hopeless(Ties({}, {})))
        judge.best([], Ties({}, {}))

    return record, seconds_each(300, decide), candidate, carrying


def main() -> None:
    """Print the costs and a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experiments-a-slot", type=int, default=8)
    chosen = parser.parse_args()
    record, decision, candidate, carrying = costs()
    each = f"a record {1000 * record:.1f} ms, a decision {1000 * decision:.1f} ms"
    print(f"{each}, a candidate {1000 * candidate:.1f} ms, a carrying over {1000 * carrying:.1f} ms\n")
    print(" slots  measuring  experiments/h  keeps missed  sent back  runs again   loop")
    for slots in (1, 8, 100, 1000, 10_000):
        found = simulate(slots, max(chosen.experiments_a_slot * slots, 400))
        work = found.hourly * (3 * record + decision + candidate) + found.carried_hourly * carrying
        print(
            f"{slots:6,}  {found.busy:9.1%}  {found.hourly:13,.0f}  {found.stale:12.1f}  {found.sent_back:9.1%}  "
            f"{found.again:10.1%}  {work / 3600:5.0%}",
            flush=True,
        )


if __name__ == "__main__":
    main()
