"""How a model's answer becomes a change, and what it is told when it does not."""

from __future__ import annotations

import pytest
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.messages import ModelResponse, TextPart, ThinkingPart, ToolCallPart

from overnight.propose.models import failures
from overnight.propose.models.changing import INSTRUCTIONS, TOOL, ChangeAsker, Changing
from tests.propose.models.playing import Answer, Played, calls, says

FILES = {"train.py": b"LR = 0.1\nB = 2\n"}


def edit(search: str, replace: str, path: str = "train.py") -> ModelResponse:
    return calls(TOOL, {"hypothesis": "faster", "edits": [{"path": path, "search": search, "replace": replace}]})


GOOD = edit("LR = 0.1", "LR = 0.2")
BAD = edit("LR = 0.3", "LR = 0.2")


def change(*answers: Answer) -> tuple[Changing, Played]:
    played = Played(answers)
    return ChangeAsker(played.asker(), {"train.py", "new.py"}.__contains__).ask(
        ("The goal.\n\n", "Now!"), FILES
    ), played


def test_a_tool_call_is_a_change() -> None:
    changed, played = change(GOOD)
    assert changed.applied is not None
    assert changed.applied.files == {"train.py": b"LR = 0.2\nB = 2\n"}
    assert changed.applied.hypothesis == "faster"
    assert (changed.failure, changed.outage, changed.heard.usage.turns) == (None, None, 1)
    assert "The goal.\\n\\nNow!" in played.told(0)


def test_what_did_not_match_goes_back_once() -> None:
    changed, played = change(BAD, GOOD)
    assert changed.applied is not None
    assert "`search` does not occur in train.py" in played.told(1)
    assert "LR = 0.1" in played.told(1)
    assert changed.heard.usage.turns == 2


@pytest.mark.parametrize(
    ("answers", "failure"),
    [
        ([BAD, BAD], failures.MISMATCH),
        ([edit("B = 2", "B = 2")] * 2, failures.NOTHING),
        ([calls(TOOL, {"hypothesis": "x", "edits": []})] * 2, failures.NOTHING),
        ([calls(TOOL, "{not json"), calls(TOOL, {"edits": 3})], failures.MALFORMED),
        ([calls("another_tool", {})] * 2, failures.MALFORMED),
        ([says("I have thought about it.")] * 2, failures.UNREADABLE),
        ([BAD, says("I have thought about it.")], failures.UNREADABLE),
        ([says("Shall I raise the learning rate?")] * 2, failures.ASKED_BACK),
        ([says("")] * 2, failures.SILENT),
        ([ModelResponse(parts=[])] * 2, failures.SILENT),
        ([ModelResponse(parts=[ThinkingPart("Hm.")])] * 2, failures.SILENT),
        ([says("I'm sorry, but I can't help with that.")], failures.REFUSED),
        ([ModelResponse(parts=[], finish_reason="content_filter")], failures.REFUSED),
        ([ModelResponse(parts=[], finish_reason="length")], failures.CUT_OFF),
        ([ModelResponse(parts=[ToolCallPart(TOOL, '{"hyp')], finish_reason="length")] * 2, failures.CUT_OFF),
        ([ModelResponse(parts=[TextPart("First, ")], finish_reason="length")] * 2, failures.CUT_OFF),
    ],
)
def test_each_reason_has_its_own_words(answers: list[Answer], failure: str) -> None:
    changed, played = change(*answers)
    assert changed.failure == failure
    assert changed.outage is None
    assert not (changed.applied and changed.applied.files)
    assert len(played.asked) == changed.heard.usage.turns == len(answers)


def test_a_file_out_of_bounds_is_a_trespass_only_the_second_time() -> None:
    assert change(edit("", "x", path="score.py"), GOOD)[0].trespass == ""
    assert change(*[edit("", "x", path="score.py")] * 2)[0].trespass == "score.py"


def test_text_instead_of_a_call_is_read() -> None:
    changed, _ = change(says("hypothesis: less\n<<<<<<< SEARCH\nLR = 0.1\n=======\nLR = 0.05\n>>>>>>> REPLACE"))
    assert changed.applied is not None
    assert changed.applied.files == {"train.py": b"LR = 0.05\nB = 2\n"}
    assert changed.applied.hypothesis == "less"


def test_a_model_without_tools_is_asked_without_them_from_then_on() -> None:
    no_tools = ModelHTTPError(400, "llama", {"error": "llama:1b does not support tools"})
    whole = says("hypothesis: less\n```python\nLR = 0.05\nB = 2\n```")
    played = Played([no_tools, whole, whole])
    asker = ChangeAsker(played.asker(), "train.py".__eq__)
    for _ in range(2):
        applied = asker.ask(("", "Now!"), FILES).applied
        assert applied is not None
        assert applied.files == {"train.py": b"LR = 0.05\nB = 2\n"}
    assert [bool(info.output_tools) for _, info in played.asked] == [True, False, False]


def test_the_instructions_never_change() -> None:
    _, played = change(BAD, GOOD)
    assert [info.instructions for _, info in played.asked] == [INSTRUCTIONS.strip()] * 2


def test_whatever_is_raised_is_an_outage() -> None:
    changed, _ = change(RuntimeError("something new"))
    assert changed.outage is not None
    assert changed.outage.reason == "openai:played could not be asked: something new"


def test_a_key_in_an_answer_is_not_shown() -> None:
    secret = "sk-" + "a1" * 20
    changed, _ = change(says(f"My key is {secret}."), says(f"My key is {secret}."))
    assert secret not in changed.heard.text
    assert "My key is" in changed.heard.text
