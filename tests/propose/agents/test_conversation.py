"""A conversation that goes on over several proposals."""

from __future__ import annotations

from overnight.ledger.records import Usage
from overnight.propose.agents.agent import Answer
from overnight.propose.agents.conversation import Conversation


def test_it_begins_anew_after_ten_proposals() -> None:
    conversation = Conversation()
    names = []
    for _ in range(11):
        conversation.went_on(Answer(conversation="a"))
        names.append(conversation.name)
    assert names == ["a"] * 9 + [None] + ["a"]


def test_it_begins_anew_where_the_agent_lost_it() -> None:
    conversation = Conversation()
    conversation.went_on(Answer(conversation="a"))
    conversation.went_on(Answer())
    assert conversation.name is None


def test_sums_over_the_whole_conversation_are_split() -> None:
    conversation = Conversation()
    used = [
        conversation.went_on(
            Answer(usage=Usage(input_tokens=total, output_tokens=total // 10), conversation="a", adds_up=True)
        )
        for total in (1000, 2500)
    ]
    assert [(each.input_tokens, each.output_tokens) for each in used] == [(1000, 100), (1500, 150)]


def test_usage_of_each_answer_is_left_as_it_is() -> None:
    conversation = Conversation()
    usage = Usage(input_tokens=1000, output_tokens=10)
    assert [conversation.went_on(Answer(usage=usage, conversation="a")) for _ in range(2)] == [usage, usage]
