"""A change asked of a model: what it is told about answering, and how its answer becomes new contents of files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from pydantic import BaseModel, Field
from pydantic_ai import ModelRetry, TextOutput, ToolOutput

from overnight.propose.complaints import is_refusal
from overnight.propose.edits import Edit, EditError, Problem, apply_edits
from overnight.propose.models.answers import read_answer
from overnight.propose.models.asking import Asker, Heard
from overnight.propose.models.failures import MISMATCH, NOTHING, REFUSED, Outage, has_no_tools, why

TOOL = "propose_change"
INSTRUCTIONS = f"""\
You improve a program by one small change at a time. Each message is the brief of one experiment. Think about what is
most likely to make the metric better, given what was tried before, and answer with exactly one idea.

Answer by calling `{TOOL}`, once. `search` is copied from the file word for word, blanks included, with as many lines as
it takes to occur exactly once in the file as it is shown; `replace` takes its place. Ask no questions: nobody is there.

If you cannot call it, write one line `hypothesis: …`, then for each edit the file's name and a SEARCH/REPLACE block of
whole lines:

train.py
<<<<<<< SEARCH
the lines as they are now
=======
the lines as they shall be
>>>>>>> REPLACE
"""
_SAY_IT = (
    f"There is no change in this answer that could be read. Call `{TOOL}`, or write a line `hypothesis: …` and "
    "SEARCH/REPLACE blocks. Nobody is there to answer questions: decide yourself."
)


class EditArgument(BaseModel):
    """One place of one file."""

    path: str = Field(description="The file, as the brief names it.")
    search: str = Field(
        description="What stands there now, copied word for word; must occur exactly once. Empty for a new file only."
    )
    replace: str = Field(description="What is to stand there instead.")


@dataclass(frozen=True)
class Applied:
    """A change that could be made."""

    hypothesis: str
    files: Mapping[str, bytes]
    """Empty where the model refused."""


@dataclass(frozen=True)
class Changing:
    """How asking for a change ended."""

    applied: Applied | None
    failure: str | None
    outage: Outage | None
    trespass: str
    """A file that it wanted to change, also after it was told that it may not."""
    heard: Heard[Applied]


class ChangeAsker:
    """Asks for changes. It remembers whether the model can be given tools, and nothing else."""

    def __init__(self, asker: Asker, allows: Callable[[str], bool]) -> None:
        self._asker = asker
        self._allows = allows
        self._has_tools = True

    def ask(self, told: tuple[str, str], files: Mapping[str, bytes]) -> Changing:
        """Ask for one change of `files`; what is told first stays the same for many changes.

        Raises Interrupted when asked to stop meanwhile.
        """
        answering = _Answering(files, self._allows)
        heard = self._ask(told, answering)
        if self._has_tools and has_no_tools(heard.error):
            self._has_tools = False
            heard = self._ask(told, answering)
        failure, outage, trespass = None, None, ""
        if heard.error is not None:
            found = why(heard, who=self._asker.who, limit=self._asker.limit)
            failure, outage = (None, found) if isinstance(found, Outage) else (found, None)
            if failure and not heard.cut_off and answering.problem:
                failure = {"mismatch": MISMATCH, "nothing": NOTHING, "elsewhere": failure}[answering.problem]
                trespass = answering.trespass
        elif heard.output is not None and not heard.output.files:
            failure = REFUSED
        return Changing(heard.output, failure, outage, trespass, heard)

    def _ask(self, told: tuple[str, str], answering: _Answering) -> Heard[Applied]:
        text = TextOutput(answering.in_words)
        tool = ToolOutput(answering.by_tool, name=TOOL, description="Suggest one change, to be measured.")
        return self._asker.ask(
            told,
            instructions=INSTRUCTIONS,
            output_type=[tool, text] if self._has_tools else text,
            expected=Applied,
        )


class _Answering:
    """What the model may answer with. An answer that cannot be used goes back with what is wrong with it."""

    def __init__(self, files: Mapping[str, bytes], allows: Callable[[str], bool]) -> None:
        self._files = files
        self._allows = allows
        self.problem: Problem | None = None
        """Why the last answer could not be used, if it was a change."""
        self.trespass = ""

    def by_tool(self, hypothesis: str, edits: list[EditArgument]) -> Applied:
        return self._apply(hypothesis, [Edit(edit.path, edit.search, edit.replace) for edit in edits])

    def in_words(self, text: str) -> Applied:
        self.problem = None
        change = read_answer(text, sorted(self._files))
        if change is None and is_refusal(text):
            return Applied("", {})
        if change is None:
            raise ModelRetry(_SAY_IT)
        return self._apply(change.hypothesis, list(change.edits))

    def _apply(self, hypothesis: str, edits: list[Edit]) -> Applied:
        self.problem, self.trespass = None, ""
        if len(self._files) == 1:  # Which file is meant is clear then, also if its name was left out.
            only = next(iter(self._files))
            edits = [replace(edit, path=edit.path.strip() or only) for edit in edits]
        try:
            return Applied(hypothesis, apply_edits(self._files, edits, self._allows))
        except EditError as error:
            self.problem = error.problem
            self.trespass = error.path if error.problem == "elsewhere" else ""
            raise ModelRetry(str(error)) from None
