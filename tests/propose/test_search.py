"""The built-in search: what it says, that it never repeats itself, and that it finds what is there to find."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overnight.ledger.records import Judged, Verdict
from overnight.propose.brief import Brief
from overnight.propose.proposer import Proposal, Proposer
from overnight.propose.search import SearchProposer

Loss = Callable[[Mapping[str, bytes]], float | None]


@dataclass
class Session:
    """A loop in miniature: an exact metric, lower is better, None for a crash."""

    loss: Loss
    files: dict[str, bytes]
    seed: int = 1
    judged: list[Judged] = field(default_factory=list)
    candidates: list[dict[str, bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.search = self.fresh()

    def fresh(self) -> SearchProposer:
        return SearchProposer(self.seed, self.judged_after, self.tried)

    def judged_after(self, number: int) -> Iterable[Judged]:
        return [judged for judged in self.judged if judged.number > number]

    def tried(self, files: Mapping[str, bytes]) -> bool:
        return dict(files) in self.candidates or dict(files) == self.files

    def propose(self, search: SearchProposer | None = None) -> Proposal:
        return (search or self.search).propose(brief(self.files, len(self.judged) + 1))

    def judge(self, proposal: Proposal, verdict: Verdict | None = None) -> Verdict:
        candidate = self.files | {path: content for path, content in proposal.files.items() if content is not None}
        self.candidates.append(candidate)
        before, after = self.loss(self.files), self.loss(candidate)
        assert before is not None
        gain = None if after is None or verdict is not None else before - after
        verdict = verdict or ("crash" if gain is None else "keep" if gain > 1e-12 else "discard")
        if verdict == "keep":
            self.files = candidate
        number = len(self.judged) + 1
        origin = dict(proposal.origin)
        self.judged.append(Judged(number=number, verdict=verdict, reason="", gain=gain, origin=origin))
        return verdict

    def run(self, experiments: int) -> Session:
        for _ in range(experiments):
            proposal = self.propose()
            if proposal.exhausted:
                break
            self.judge(proposal)
        return self


def brief(files: Mapping[str, bytes], number: int = 1) -> Brief:
    return Brief(number, "", tuple(files), "loss", "lower", 3.0, "python train.py", files, 0, 1.0, 1.0, 0.0)


def search(files: Mapping[str, bytes], tried: Callable[[Mapping[str, bytes]], bool] = lambda _: False) -> Proposal:
    proposer: Proposer = SearchProposer(1, lambda _: [], tried)
    proposal = proposer.propose(brief(files))
    proposer.close()
    return proposal


TRAIN = b"""LEARNING_RATE = 0.0003  # far too low
HIDDEN = 16
DROPOUT = 0.5
BETA = 0.9
ACTIVATION = "relu"  # try: relu, gelu, tanh
USE_NORM = False


def train(epochs=3):
    return 0.5 * epochs
"""
_BEST = {"LEARNING_RATE": 0.004, "HIDDEN": 100, "DROPOUT": 0.15, "BETA": 0.97}


def quadratic(files: Mapping[str, bytes]) -> float | None:
    """A training run as it would be if it took no time: a bowl over the logarithm of every knob."""
    text = files["train.py"].decode()
    loss = 0.0 if "USE_NORM = True" in text else 0.5
    loss += {"relu": 0.4, "gelu": 0.0, "tanh": 0.7}[text.split('"')[1]]
    for name, best in _BEST.items():
        match = re.search(rf"^{name} = (\S+)", text, re.MULTILINE)
        assert match is not None
        if not 0 < (value := float(match[1])) < 600:
            return None
        loss += math.log2(value / best) ** 2
    return loss


@pytest.mark.parametrize(
    ("path", "source", "hypotheses"),
    [
        ("a.py", "LR = 0.01", {"raise LR from 0.01 to 0.02", "lower LR from 0.01 to 0.005"}),
        ("a.py", "USE_BIAS = True", {"turn USE_BIAS off"}),
        ("a.py", "USE_BIAS = False", {"turn USE_BIAS on"}),
        ("a.py", 'ACT = "relu"  # try: relu, tanh', {"switch ACT from relu to tanh"}),
        ("a.py", "opt = Adam(lr=1e-3)", {"raise lr of Adam from 1e-3 to 2e-3", "lower lr of Adam from 1e-3 to 5e-4"}),
        ("a.py", "f(x * 8)", {"raise 8 to 16 in `f(x * 8)`", "lower 8 to 4 in `f(x * 8)`"}),
        ("a.json", '{"opt": {"on": true}}', {"turn opt.on off"}),
    ],
)
def test_it_says_in_words_what_it_does(path: str, source: str, hypotheses: set[str]) -> None:
    assert search({path: source.encode()}).hypothesis in hypotheses


def test_it_finds_a_training_script_what_it_lacks() -> None:
    session = Session(quadratic, {"train.py": TRAIN}).run(60)
    start, end = quadratic({"train.py": TRAIN}), quadratic(session.files)
    assert start is not None
    assert end is not None
    assert end < 0.02 * start


def test_it_follows_a_winner_at_once_and_farther() -> None:
    session = Session(lambda files: -float(files["a.py"].split()[-1]), {"a.py": b"LR = 0.001"})
    while session.judge(session.propose()) != "keep":
        pass
    first = session.judged[-1].origin
    assert first["octaves"] > 0
    following = session.propose().origin
    assert following["place"] == first["place"]
    assert following["octaves"] > first["octaves"]


def test_a_steep_fall_behind_does_not_keep_it_from_following_a_winner() -> None:
    def loss(files: Mapping[str, bytes]) -> float:
        rate = float(files["a.py"].split()[2])
        return {1.5e-4: 4.62, 3e-4: 3.876, 8.5e-4: 3.581}.get(rate, 3.4)  # as measured once, on a language model

    idle = "".join(f"KNOB_{name} = 1.0\n" for name in "ABCDEFGH")
    session = Session(loss, {"a.py": f"LR = 3e-4\n{idle}".encode()})
    for octaves, new in ((-1.0, "1.5e-4"), (1.5, "8.5e-4")):
        origin = {"path": "a.py", "place": "LR", "move": "step", "octaves": octaves, "old": "3e-4", "new": new}
        session.judge(Proposal(files={"a.py": f"LR = {new}\n{idle}".encode()}, origin=origin))
    session.run(25)
    assert float(session.files["a.py"].split()[2]) > 8.5e-4


def test_it_turns_round_after_a_loss_and_then_steps_less() -> None:
    session = Session(lambda files: abs(math.log2(float(files["a.py"].split()[-1]) / 0.01)), {"a.py": b"LR = 0.01"})
    steps = []
    for _ in range(4):
        proposal = session.propose()
        steps.append(proposal.origin["octaves"])
        session.judge(proposal)
    assert steps[0] * steps[1] < 0
    assert min(map(abs, steps[2:])) < 1


def test_a_switch_that_lost_is_tried_again_when_much_else_has_changed() -> None:
    def loss(files: Mapping[str, bytes]) -> float | None:
        rate, norm = float(files["a.py"].split()[2]), b"True" in files["a.py"]
        return abs(math.log2(rate / 4)) + (norm if rate < 1 else -norm)

    session = Session(loss, {"a.py": b"LR = 0.01\nNORM = False\n"})
    session.judge(Proposal(files={"a.py": b"LR = 0.01\nNORM = True\n"}, origin=_FLIP))
    assert b"NORM = True" in session.run(25).files["a.py"]


_FLIP = {"path": "a.py", "place": "NORM", "move": "flip", "octaves": 0.0, "old": "False", "new": "True"}


def test_it_proposes_nothing_twice_and_ends_when_all_is_tried() -> None:
    session = Session(lambda _: 1.0, {"a.py": b"LR = 0.01\nBIAS = True\n"}).run(500)
    assert 10 < len(session.judged) < 40
    proposal = session.propose()
    assert proposal.exhausted
    assert proposal.failure
    assert not proposal.files
    assert len({str(candidate) for candidate in session.candidates}) == len(session.candidates)


def test_crashes_do_not_stop_it() -> None:
    session = Session(lambda files: None if b"3" not in files["a.py"] else 1.0, {"a.py": b"N = 3\nM = 10\n"}).run(100)
    assert {judged.verdict for judged in session.judged} == {"crash", "discard"}
    assert session.propose().exhausted


def test_a_value_that_crashed_is_not_tried_again_while_there_are_others() -> None:
    def loss(files: Mapping[str, bytes]) -> float | None:
        layers, rate = (float(line.split()[-1]) for line in files["a.py"].decode().splitlines())
        return None if layers < 1 else (layers - 1) + abs(math.log2(rate / 4))

    session = Session(loss, {"a.py": b"LAYERS = 1\nLR = 0.01\n"}).run(20)
    crashes = [judged.origin["new"] for judged in session.judged if judged.verdict == "crash"]
    assert crashes == ["0"]


@settings(max_examples=30)
@given(
    st.sampled_from(["2", "1", "0", "0.0", "-1", "0.9", "1_000", "1e-3"]),
    st.lists(st.none() | st.floats(-1, 1), min_size=30, max_size=30),
)
def test_no_history_makes_it_stumble(start: str, losses: list[float | None]) -> None:
    session = Session(lambda files: 0.0, {"a.py": f"N = {start}\n".encode()})
    for loss in losses:
        proposal = session.propose()
        if proposal.exhausted:
            return
        session.loss = lambda files, now=session.files, loss=loss: 0.0 if files is now else loss  # type: ignore[misc]
        session.judge(proposal)


def test_other_proposers_experiments_are_not_its_business() -> None:
    session = Session(quadratic, {"train.py": TRAIN})
    session.judged = [
        Judged(number=1, verdict="keep", reason="", gain=1.0, origin={"model": "x"}),
        Judged(number=2, verdict="discard", reason="", origin={"place": 3, "old": None}),
    ]
    assert session.propose().files


def test_verdicts_may_come_out_of_order() -> None:
    session = Session(quadratic, {"train.py": TRAIN})
    origin = {"path": "train.py", "place": "HIDDEN", "octaves": 1.0, "old": "16", "new": "32"}
    late = Judged(number=1, verdict="discard", reason="", gain=-1.0, origin=origin)
    early = Judged(number=2, verdict="discard", reason="", gain=-1.0, origin=origin | {"place": "BETA"})
    session.judged = [early]
    session.propose()
    session.judged = [late, early]
    assert session.propose() == session.propose(session.fresh())


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({"a.py": b"x = [\n"}, "a.py cannot be parsed"),
        ({"a.json": b"{"}, "a.json cannot be parsed"),
        ({"a.py": b"print('hi')\n"}, "nothing to turn in a.py"),
        ({"a.bin": b"\xff\xfe\x00"}, "a.bin is not UTF-8 text"),
        ({}, "nothing to turn"),
    ],
)
def test_a_file_with_nothing_to_turn_is_a_failure_in_plain_words(files: dict[str, bytes], sentence: str) -> None:
    proposal = search(files)
    assert proposal.failure is not None
    assert proposal.failure.startswith(sentence)
    assert not proposal.files
    assert not proposal.exhausted


def test_one_file_that_cannot_be_read_does_not_hide_the_others() -> None:
    assert set(search({"a.py": b"x = [", "b.bin": b"\xff", "c.py": b"LR = 0.1"}).files) == {"c.py"}


def test_a_byte_order_mark_and_windows_line_ends_stay() -> None:
    source = "\ufeffLR = 0.1  # é\r\nx = 'a'\r\n".encode()
    changed = search({"a.py": source}).files["a.py"]
    assert changed in {source.replace(b"0.1", b"0.2"), source.replace(b"0.1", b"0.05")}


def test_what_would_not_compile_is_never_proposed() -> None:
    proposal = search({"a.py": b"X = a  # try: a, 1a, b\n"})
    assert proposal.files == {"a.py": b"X = b  # try: a, 1a, b\n"}


def test_several_slots_get_different_ideas() -> None:
    session = Session(quadratic, {"train.py": TRAIN})
    ideas = []
    for number in range(1, 9):
        proposal = session.search.propose(brief(session.files, number))
        ideas.append(proposal.hypothesis)
        session.candidates.append({path: content for path, content in proposal.files.items() if content is not None})
    assert len(set(ideas)) == 8


@settings(max_examples=25)
@given(st.integers(0, 2**32), st.lists(st.sampled_from(["measured", "crash", "timeout"]), max_size=25))
def test_a_resumed_search_goes_on_as_if_never_interrupted(seed: int, endings: list[str]) -> None:
    session = Session(quadratic, {"train.py": TRAIN}, seed)
    for ending in endings:
        proposal = session.propose()
        assert session.propose(session.fresh()) == proposal
        changed = proposal.files["train.py"]
        assert changed is not None
        assert not session.tried({"train.py": changed})
        compile(changed, "train.py", "exec")
        session.judge(proposal, None if ending == "measured" else "crash" if ending == "crash" else "timeout")
    assert session.propose() == session.propose(session.fresh())


def test_different_seeds_search_differently() -> None:
    firsts = {Session(quadratic, {"train.py": TRAIN}, seed).propose().hypothesis for seed in range(10)}
    assert len(firsts) > 2


def test_its_memory_does_not_grow_with_the_session() -> None:
    session = Session(lambda files: -float(files["a.py"].split()[-1]), {"a.py": b"N = 1.0"}).run(40)
    places = session.search._memory._places
    assert len(places) == 1
    assert all(len(experience.seen) <= 8 for experience in places.values())


def test_only_what_is_inside_the_blocks_is_turned() -> None:
    text = "A = 1.0\n# EVOLVE-BLOCK-START\nB = 1.0\n# EVOLVE-BLOCK-END\nC = 1.0\n{}D = 1.0\n{}E = True\n"
    source = text.format("# EVOLVE-BLOCK-START\n", "# EVOLVE-BLOCK-END\n")
    session = Session(lambda _: 1.0, {"f.py": f"\ufeff{source}".encode()})
    turned = set()
    for _ in range(12):
        proposal = session.propose()
        turned.add(proposal.origin["place"])
        session.judge(proposal)
    assert len(turned) == 2
    assert all(b"A = 1.0" in files["f.py"] and b"C = 1.0" in files["f.py"] for files in session.candidates)
    assert all(b"E = True" in files["f.py"] for files in session.candidates)
