"""How an agent's invocation ended: whether its model was not to be had, or else why nothing came of it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from overnight.propose.agents.agent import Answer
from overnight.propose.complaints import complaint_in, is_only_refusal, telling_line
from overnight.runs.process import Ended

_MUCH = 20 * 10**6
_SHOWN = 300
_POLICY = re.compile(r"\brefus(al|ed)\b|usage policy|content.?(filter|policy)|\bsafety\b", re.IGNORECASE)
"""How agents report that a model refused. In a model's own words this may be about anything."""


@dataclass(frozen=True)
class Said:
    """What is known of it, but for the files."""

    ended: Ended
    tail: str
    """The last lines of all that it printed."""
    printed_bytes: int
    answer: Answer

    def outage(self, login: str) -> str | None:
        """Why there will be a proposal only later; None when the agent has had its chance. `login` helps."""
        if self.ended.forced or self.ended.beyond is not None:
            return None
        if self.ended.exit_code == 0 and self.answer.complaint is None:
            return None
        words = self.answer.complaint or self.tail
        complaint = complaint_in(words)
        if complaint is None and self._is_refusal():
            return None
        reason = f"the agent could not work: {complaint}" if complaint else self._ended_how()
        if complaint and "key" in complaint and login:
            reason += f" ({login})"
        line = telling_line(words)[:_SHOWN]
        return reason + (f": {line}" if line else "")

    def failure(self, limit: float) -> str | None:
        """How it failed, in the same words for the same reason, so that they can be counted; None when it did not."""
        if self.ended.forced:
            return f"the agent was still at work after {limit:g} s and was ended before it changed anything"
        if self.ended.beyond is not None:
            return f"the agent {self.ended.beyond} and was ended before it changed anything"
        if self._is_refusal():
            return "the model refused to work on this"
        if self.ended.exit_code != 0 or self.answer.complaint is not None:
            return self._ended_how()
        if self.printed_bytes > _MUCH:
            return f"the agent printed more than {_MUCH // 10**6} MB and changed nothing"
        if not self.answer.text.strip():
            return "the agent said nothing and changed nothing"
        return None

    def came_to_nothing(self, limit: float) -> str:
        """Why nothing was changed, if nothing was."""
        if failure := self.failure(limit):
            return failure
        if self.answer.text.rstrip().endswith("?"):
            return "the agent asked a question instead of changing anything; nobody is there to answer"
        return "the agent changed nothing"

    def _is_refusal(self) -> bool:
        complaint = self.answer.complaint or ""
        return _POLICY.search(complaint) is not None or is_only_refusal((complaint or self.answer.text).strip())

    def _ended_how(self) -> str:
        code = self.ended.exit_code
        if code == 0:
            return "the agent reported a failure and changed nothing"
        how = f"with exit code {code}" if code is not None else f"by signal {self.ended.signal}"
        return f"the agent ended {how} and changed nothing"
