"""What is kept of a flood."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from overnight.runs.output import Output

MIB = 2**20


def test_numbers_come_from_standard_output_alone_and_both_are_in_the_file(tmp_path: Path) -> None:
    with Output(tmp_path / "logs" / "run.log", "loss") as output:
        output.feed(b"loss: 1\n", is_standard_output=True)
        output.feed(b"loss: 2\n", is_standard_output=False)
    assert output.numbers() == {"loss": 1}
    assert output.tail() == "loss: 1\nloss: 2"


def test_a_flood_is_bounded_on_disk_and_the_metric_before_it_is_not_missed(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    line = b"x" * 1023 + b"\n"
    with Output(path, "loss") as output:
        output.feed(b"first\nloss: 0.5\n", is_standard_output=True)
        for _ in range(40 * 1024):
            output.feed(line, is_standard_output=True)
        output.feed(b"last\n", is_standard_output=True)
    assert output.numbers()["loss"] == 0.5
    assert output.tail().endswith("last")
    content = path.read_bytes()
    assert len(content) < 11 * MIB
    assert content.startswith(b"first\n")
    assert content.endswith(b"last\n")
    assert b"bytes left out" in content


def test_the_last_of_many_metrics_counts(tmp_path: Path) -> None:
    with Output(tmp_path / "run.log", "loss") as output:
        for step in range(60_000):
            output.feed(f"step {step} of a long training, loss: {step}\n".encode(), is_standard_output=True)
    assert output.numbers()["loss"] == 59_999


@settings(max_examples=50)
@given(st.binary(max_size=300), st.lists(st.integers(1, 50), max_size=20))
def test_pieces_make_no_difference(content: bytes, cuts: list[int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        whole, pieces = Path(folder) / "whole", Path(folder) / "pieces"
        with Output(whole, "loss") as one:
            one.feed(content, is_standard_output=True)
        with Output(pieces, "loss") as other:
            rest = content
            for cut in cuts:
                other.feed(rest[:cut], is_standard_output=True)
                rest = rest[cut:]
            other.feed(rest, is_standard_output=True)
        assert whole.read_bytes() == pieces.read_bytes() == content
        assert one.tail() == other.tail()
        assert {name: str(value) for name, value in one.numbers().items()} == {
            name: str(value) for name, value in other.numbers().items()
        }
