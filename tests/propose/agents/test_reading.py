"""What the agents print, as they did print it, and what is read from it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overnight.ledger.records import Usage
from overnight.propose.agents import AGENTS
from overnight.propose.agents.agent import Agent, Answer

_CLAUDE = (
    '{"type":"result","subtype":"success","is_error":false,"num_turns":3,"result":"I raised it.\\n\\nhypothesis: up",'
    '"stop_reason":"end_turn","session_id":"a7c16ec8","total_cost_usd":0.01335,"usage":{"input_tokens":1800,'
    '"cache_creation_input_tokens":0,"cache_read_input_tokens":1200,"output_tokens":150,"server_tool_use":'
    '{"web_search_requests":0}},"modelUsage":{"claude-opus-4-8":{"inputTokens":1800,"costUSD":0.01335}}}\n'
)
_CLAUDE_KEY = (
    '{"type":"result","subtype":"success","is_error":true,"api_error_status":401,"num_turns":1,'
    '"result":"Invalid API key · Fix external API key","session_id":"c212","total_cost_usd":0,"modelUsage":{}}'
)
_CODEX = """\
{"type":"thread.started","thread_id":"01a2"}
{"type":"turn.started"}
{"type":"item.completed","item":{"id":"item_0","type":"agent_message","text":"First I look."}}
{"type":"item.completed","item":{"id":"item_1","type":"command_execution","command":"cat solve.py","exit_code":0}}
{"type":"item.completed","item":{"id":"item_2","type":"agent_message","text":"hypothesis: up"}}
{"type":"turn.completed","usage":{"input_tokens":3000,"cached_input_tokens":1200,"output_tokens":150}}
"""
_CODEX_CREDIT = """\
{"type":"thread.started","thread_id":"01a2"}
{"type":"error","message":"Quota exceeded. Check your plan and billing details."}
{"type":"turn.failed","error":{"message":"Quota exceeded. Check your plan and billing details."}}
"""
_GEMINI = """\
{
  "session_id": "6f8a",
  "response": "hypothesis: up",
  "stats": {
    "models": {
      "gemini-flash-lite": {
        "api": { "totalRequests": 1 },
        "tokens": { "input": 600, "prompt": 1000, "candidates": 50, "total": 1050, "cached": 400, "thoughts": 0 }
      },
      "gemini-flash": {
        "api": { "totalRequests": 3 },
        "tokens": { "input": 1800, "prompt": 3000, "candidates": 150, "total": 3150, "cached": 1200, "thoughts": 7 }
      }
    }
  }
}
"""
_OPENCODE = """\
{"type":"step_start","sessionID":"ses_1","part":{"type":"step-start"}}
{"type":"text","sessionID":"ses_1","part":{"type":"text","text":"First I look."}}
{"type":"step_finish","sessionID":"ses_1","part":{"tokens":{"input":600,"output":50,"reasoning":0,"cache":{"write":0,\
"read":400}},"cost":0.0013}}
{"type":"step_start","sessionID":"ses_1","part":{"type":"step-start"}}
{"type":"text","sessionID":"ses_1","part":{"type":"text","text":"hypothesis: up"}}
{"type":"step_finish","sessionID":"ses_1","part":{"tokens":{"input":600,"output":50,"reasoning":1,"cache":{"write":0,\
"read":400}},"cost":0.0013}}
"""
_OPENCODE_KEY = """\
{"type":"error","sessionID":"ses_1","error":{"name":"APIError","data":{"message":"Incorrect API key provided: sk-n."}}}
"""
_AIDER = """\
Aider v0.86.2
Main model: openai/gpt-5 with diff edit format
Weak model: openai/gpt-5-nano
Added solve.py to the chat.

solve.py
hypothesis: up

Tokens: 1.2k sent, 400 cache hit, 50 received. Cost: $0.0013 message, $0.0013 session.
Applied edit to solve.py
"""
_AIDER_KEY = """\
Added solve.py to the chat.
litellm.AuthenticationError: AuthenticationError: OpenAIException - Incorrect API key provided: sk-n.
The API provider is not able to authenticate you. Check your API key.
"""
_MINI = json.dumps(
    {
        "info": {
            "model_stats": {"instance_cost": 0.0026, "api_calls": 2},
            "config": {"model": {"model_name": "openai/gpt-5"}},
            "exit_status": "Submitted",
            "submission": "",
        },
        "messages": [
            {"role": "system", "content": "You are a helpful assistant."},
            {
                "role": "assistant",
                "content": "First I look.",
                "extra": {"response": {"usage": {"prompt_tokens": 1000, "completion_tokens": 50}}},
            },
            {"role": "tool", "content": "KNOB = 10"},
            {
                "role": "assistant",
                "content": "hypothesis: up",
                "extra": {"response": {"usage": {"prompt_tokens": 1100, "completion_tokens": 60}}},
            },
            {"role": "exit", "content": ""},
        ],
    },
    indent=2,
)


@pytest.mark.parametrize(
    ("name", "printed", "answer"),
    [
        (
            *("claude", _CLAUDE),
            Answer(
                "I raised it.\n\nhypothesis: up",
                Usage(cost=0.01335, input_tokens=3000, output_tokens=150, turns=3, model="claude-opus-4-8"),
                conversation="a7c16ec8",
            ),
        ),
        (
            *("codex", _CODEX),
            Answer("hypothesis: up", Usage(input_tokens=3000, output_tokens=150), "01a2", adds_up=True),
        ),
        (
            *("gemini", _GEMINI),
            Answer(
                "hypothesis: up",
                Usage(input_tokens=4000, output_tokens=207, turns=4, model="gemini-flash-lite, gemini-flash"),
                conversation="6f8a",
            ),
        ),
        (
            *("opencode", _OPENCODE),
            Answer("hypothesis: up", Usage(cost=0.0026, input_tokens=2000, output_tokens=101, turns=2), "ses_1"),
        ),
        (
            *("aider", _AIDER),
            Answer(
                "solve.py\nhypothesis: up",
                Usage(cost=0.0013, input_tokens=1200, output_tokens=50, turns=1, model="openai/gpt-5"),
                conversation="aider.chat.md",
            ),
        ),
        (
            *("mini", _MINI),
            Answer(
                "hypothesis: up",
                Usage(cost=0.0026, input_tokens=2100, output_tokens=110, turns=2, model="openai/gpt-5"),
            ),
        ),
        ("goose", "I raised it.\nhypothesis: up\n", Answer("I raised it.\nhypothesis: up")),
    ],
)
def test_what_a_good_end_says(name: str, printed: str, answer: Answer) -> None:
    assert AGENTS[name].read(printed) == answer


@pytest.mark.parametrize(
    ("name", "printed", "complaint"),
    [
        ("claude", _CLAUDE_KEY, "Invalid API key"),
        ("codex", _CODEX_CREDIT, "Quota exceeded"),
        ("gemini", '{"session_id": "x", "error": {"type": "Error", "message": "blocked"}}', "blocked"),
        ("opencode", _OPENCODE_KEY, "Incorrect API key"),
        ("aider", _AIDER_KEY, "Incorrect API key"),
        (
            "mini",
            '{"info": {"exit_status": "AuthenticationError"}, "messages": [{"role": "exit", "content": "bad key"}]}',
            "AuthenticationError: bad key",
        ),
        ("goose", "error: 401 Unauthorized", "401"),
    ],
)
def test_what_a_bad_end_says(name: str, printed: str, complaint: str) -> None:
    assert complaint in (AGENTS[name].read(printed).complaint or "")


def test_aider_asking_about_an_empty_answer_is_no_question_of_the_model() -> None:
    printed = "Added a.py to the chat.\nEmpty response received from LLM. Check your provider account?\n"
    assert AGENTS["aider"].read(f"{printed}Tokens: 9 sent, 0 received.\n").text == ""


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_KEYS = (
    *("type", "result", "usage", "modelUsage", "total_cost_usd", "num_turns", "is_error", "item", "error", "part"),
    *("stats", "models", "tokens", "cache", "info", "messages", "model_stats", "response", "session_id", "message"),
)
_KINDS = ("result", "turn.completed", "turn.failed", "item.completed", "thread.started", "text", "step_finish", "error")
_EVENTS = st.dictionaries(st.sampled_from(_KEYS), _VALUES | st.sampled_from(_KINDS), max_size=6)
_LINES = st.lists(
    st.text(max_size=30)
    | st.builds(json.dumps, _EVENTS)
    | st.from_regex(
        r"Tokens: [\d.]{1,5}[kM]? sent, [\d.]{1,4} received\. Cost: \$[\d.]{1,6} message, \$[\d.]{1,6} session\."
    )
)


@pytest.mark.parametrize("agent", AGENTS.values(), ids=list(AGENTS))
@given(lines=_LINES)
def test_nothing_that_is_printed_is_too_much(agent: Agent, lines: list[str]) -> None:
    answer = agent.read("\n".join(lines))
    assert isinstance(answer.text, str)
    assert (answer.usage.cost or 0.0) >= 0.0
    assert answer.usage.tokens >= 0


@pytest.mark.parametrize("agent", AGENTS.values(), ids=list(AGENTS))
def test_deep_nesting_is_no_trap(agent: Agent) -> None:
    assert agent.read('{"type":"result","usage":' + "[" * 100_000).usage == Usage()
