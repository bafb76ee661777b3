"""Changes read out of plain text, as small models write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overnight.propose.edits import Edit
from overnight.propose.models.answers import Change, read_answer

ONE = ["train.py"]
TWO = ["train.py", "lib/a.py"]
BLOCK = "<<<<<<< SEARCH\nLR = 0.1\n=======\nLR = 0.2\n>>>>>>> REPLACE\n"
LINES = Edit("train.py", "LR = 0.1", "LR = 0.2", whole_lines=True)
JSON = '{"hypothesis": "faster", "edits": [{"path": "train.py", "search": "LR = 0.1", "replace": "LR = 0.2"}]}'
FROM_JSON = Change("faster", (Edit("train.py", "LR = 0.1", "LR = 0.2"),))


@pytest.mark.parametrize(
    "text",
    [
        JSON,
        f"Here it is:\n```json\n{JSON}\n```\nGood luck.",
        f'{{"name": "propose_change", "arguments": {JSON}}}',
        '{"name": "propose_change", "parameters": ' + JSON + "}",
        f"<think>Maybe {{this}}?</think>{JSON}",
        f"I would write {{x}} and {{}} here. {JSON}",
        JSON.replace('"path": "train.py", ', ""),
    ],
)
def test_json(text: str) -> None:
    assert read_answer(text, ONE) == FROM_JSON


def test_a_call_whose_arguments_are_json_in_a_string() -> None:
    escaped = JSON.replace('"', '\\"')
    assert read_answer(f'{{"name": "propose_change", "arguments": "{escaped}"}}', ONE) == FROM_JSON


@pytest.mark.parametrize(
    "text",
    [
        f"hypothesis: faster\n\n{BLOCK}",
        f"train.py\n```python\n{BLOCK}```\n**Hypothesis:** faster",
        f"hypothesis: faster\n### train.py\n{BLOCK}".replace("\n", "\r\n"),
    ],
)
def test_search_and_replace_blocks(text: str) -> None:
    assert read_answer(text, ONE) == Change("faster", (LINES,))


def test_blocks_of_two_files() -> None:
    text = f"`train.py`:\n{BLOCK}\nlib/a.py\n{BLOCK}{BLOCK}"
    found = read_answer(text, TWO)
    assert found is not None
    assert [edit.path for edit in found.edits] == ["train.py", "lib/a.py", "lib/a.py"]
    assert read_answer(BLOCK, TWO) is None


def test_a_block_that_is_cut_off_is_none() -> None:
    assert read_answer(BLOCK.removesuffix(">>>>>>> REPLACE\n"), ONE) is None


@pytest.mark.parametrize(
    "text",
    [
        "hypothesis: x\n```python\nLR = 0.2\n```",
        "hypothesis: x\n\n**train.py**\n\n```\nLR = 0.2\n```\nRun it so:\n```sh\npython train.py\n```",
        "hypothesis: x\n```python:train.py\nLR = 0.2\n```",
        "hypothesis: x\n~~~~py\nLR = 0.2\n~~~~\nDone.",
    ],
)
def test_one_whole_file(text: str) -> None:
    assert read_answer(text, ONE) == Change("x", (Edit("train.py", "", "LR = 0.2\n", whole_file=True),))


@pytest.mark.parametrize(
    "text",
    [
        "I would raise the learning rate.",
        "```python\nLR = 0.2\n```\nor\n```python\nLR = 0.3\n```",
        "```diff\n-LR = 0.1\n+LR = 0.2\n```",
        "```python\nLR = 0.2\n",
        '{"hypothesis": "x", "edits": []}',
        '{"hypothesis": "x", "edits": [{"path": "train.py"}]}',
        "",
    ],
)
def test_no_change_is_none(text: str) -> None:
    assert read_answer(text, ONE) is None


def test_which_of_two_files_must_be_said() -> None:
    assert read_answer("```python\nLR = 0.2\n```", TWO) is None
    found = read_answer("lib/a.py\n```python\nLR = 0.2\n```", TWO)
    assert found is not None
    assert found.edits[0].path == "lib/a.py"


_PARTS = st.sampled_from(
    [*("{", "}", '"edits": [', "]", "```", "~~~~", "\n", "<think>", "</think>", "train.py", "hypothesis: x", '"'),
     *("<<<<<<< SEARCH", "=======", ">>>>>>> REPLACE", JSON, BLOCK, ":", ","), "\\ud800"]
)  # fmt: skip


@given(st.one_of(st.text(), st.lists(_PARTS, max_size=30).map("\n".join), st.lists(_PARTS, max_size=30).map("".join)))
def test_any_text_at_all_is_read_without_an_error(text: str) -> None:
    found = read_answer(text, ONE)
    assert found is None or found.edits


def test_json_nested_without_end_is_no_change() -> None:
    assert read_answer('{"a":' * 100_000, ONE) is None
    assert read_answer("[" * 100_000 + "{", ONE) is None
