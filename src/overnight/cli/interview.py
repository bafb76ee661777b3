"""The five questions of `overnight init`: what is known, what the folder suggests, what the user says."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from pydantic import ValidationError

from overnight.cli.asking import Asker
from overnight.errors import OvernightError
from overnight.goal import suggest
from overnight.goal.document import is_pattern, pattern_problem
from overnight.goal.durations import format_duration, parse_duration
from overnight.goal.english import Found
from overnight.goal.settings import Settings
from overnight.goal.suggest import Suggestion
from overnight.goal.write import Written
from overnight.morning.words import duration_words

_METRIC_AND_DIRECTION = re.compile(r"(\S+?),?\s+(?:\(?(lower|higher)\b.*)", re.IGNORECASE)
_EXPERIMENTS = 100
_BY_MODEL = "the model's suggestion"


class Interview:
    """Settles one setting after another: a flag decides, else the document, else the user's answer."""

    def __init__(
        self,
        folder: Path,
        asker: Asker,
        flags: Mapping[str, str | None],
        said: Mapping[str, Found],
        *,
        believed: bool,
        frozen: tuple[str, ...] = (),
    ) -> None:
        self.folder = folder
        self.asker = asker
        self.flags = flags
        another = "metric" in said and flags["metric"] not in (None, said["metric"].value)
        self.said = {key: found for key, found in said.items() if not (another and key == "direction")}
        """What is said in English: in a document, or in the user's own words."""
        self.believed = believed
        """Whether that is taken as it is (a document, shown as a whole before writing) or only suggested."""
        self.frozen = frozen
        """Files that nobody should be offered to change: they measure."""
        self.answers: dict[str, Written] = {}
        self.why: dict[str, str] = {}

    def hold(self) -> None:
        """Questions two to five, then what needs no question."""
        offered = self._in_your_words("edit", suggest.suggest_edit(self.folder))
        if offered and offered.value in self.frozen:
            offered = None
        edit = self._ask("edit", "Which file may be changed?", offered)
        first = edit.split(",")[0].strip()
        self.answers["edit"] = _one_or_many(edit)
        offered = self._in_your_words("run", suggest.suggest_run(self.folder, first))
        run = self._ask("run", "What is the command of one run?", offered)
        scorer = self._scorer(first, run)
        self._ask_metric(suggest.suggest_metric(self.folder, first, scorer.value if scorer else None, run))
        if scorer and _is_needed(self.folder, scorer.value, run, str(self.answers["metric"])):
            self._settle("score", scorer.value, scorer.why)
        self._ask_budget(first)
        self._take_the_rest()

    def settings(self, agent: str) -> dict[str, Written]:
        """The front matter, once it is sure that `Settings` takes it."""
        limits: dict[str, str | int | float] = {}
        for key in ("experiments", "hours", "cost", "plateau"):
            if found := self.said.get(f"stop.{key}"):
                limits[key] = int(found.value) if float(found.value).is_integer() else float(found.value)
                self.why["stop"] = _quoted(found)
        longest = duration_words(_EXPERIMENTS * parse_duration(self.answers["budget"]))
        why = self.why.get("stop", f"{longest} of runs at most, and what the agent thinks")
        self._settle("stop", limits or {"experiments": _EXPERIMENTS}, why)
        self._settle("agent", agent, "it is built in and needs no model" if agent == "search" else "--agent")
        try:
            Settings.model_validate(self.answers)
        except ValidationError as error:
            raise OvernightError(f"{_flag(str(error.errors()[0]['loc'][0]))}: {_sentence(error)}") from None
        return self.answers

    def _ask(
        self, key: str, question: str, suggested: Suggestion | None, check: Callable[[str], str] | None = None
    ) -> str:
        given, found = self.flags[key], self.said.get(key)
        check = check or (lambda text: self._problem(key, text))
        if self.believed and found is not None and found.is_quoted and given is None:
            said = _spelled(found)
            problem = check(said)
            if not problem:
                return self._settle_text(key, said, _quoted(found))
            where = f"Line {found.line}" if found.line else "The problem"
            self.asker.console.print(f"{where} says {key}: {said}, but {problem}", style="yellow")
        answer = self.asker.answer(question, f"--{key}", given, suggested, check)
        taken = suggested.why if suggested and answer == suggested.value else "your answer"
        return self._settle_text(key, answer, taken if given is None else f"--{key}")

    def _in_your_words(self, key: str, suggested: Suggestion | None) -> Suggestion | None:
        """What the user's own words say, or a model makes of them, goes before what the folder suggests."""
        found = self.said.get(key)
        if found is None or self._is_said(key) or self._problem(key, _spelled(found)):
            return suggested
        return Suggestion(_spelled(found), "your goal says so" if found.is_quoted else _BY_MODEL)

    def _ask_metric(self, suggested: Suggestion | None) -> None:
        """The fourth question has two halves; one answer, `val_loss lower`, may give both."""
        suggested = self._in_your_words("metric", suggested)
        if suggested and self.flags["direction"] is None:
            way = self._in_your_words("direction", suggest.suggest_direction(suggested.value))
            suggested = Suggestion(f"{suggested.value} {way.value}", suggested.why) if way else suggested
        given = self.flags["metric"] is not None
        answer = self._ask(
            "metric",
            "Which number decides, and is lower or higher better?",
            suggested,
            lambda text: self._problem("metric", text if given else _halves(text)[0]),
        )
        metric, answered = (answer, "") if given else _halves(answer)
        self.answers["metric"] = metric
        self._settle_direction(metric, answered, taken=suggested is not None and answer == suggested.value)

    def _settle_direction(self, metric: str, answered: str, *, taken: bool) -> None:
        named = suggest.suggest_direction(metric)
        if self.flags["direction"] is None and answered:
            why = named.why if taken and named and named.value == answered else self.why["metric"]
            self._settle("direction", answered, why)
        elif self.flags["direction"] is None and named and not self._is_said("direction"):
            self._settle("direction", named.value, named.why)
        else:
            self._ask("direction", f"Is a lower or a higher {metric} better?", named)

    def _ask_budget(self, edit: str) -> None:
        offered = suggest.suggest_budget(self.folder, edit)
        answer = self._ask("budget", "How long does one run get?", self._in_your_words("budget", offered))
        budget = format_duration(parse_duration(answer))
        self.answers["budget"] = budget
        if budget == offered.value and suggest.says_its_own_budget(self.folder, edit):
            twice = format_duration(2 * parse_duration(budget))
            self._settle("kill_at", twice, "the script stops its own clock, and start-up comes on top")

    def _scorer(self, edit: str, run: str) -> Suggestion | None:
        """A scorer found in the folder, unless a document says how to measure, or `run` runs it already."""
        scorer = None if self.believed else suggest.suggest_score(self.folder, edit)
        if scorer and set(suggest.scripts_in(scorer.value)) & set(suggest.scripts_in(run)):
            return None
        return scorer

    def _take_the_rest(self) -> None:
        """What a document says beyond the questions."""
        for key in ("score", "kill_at"):
            if found := self.said.get(key):
                self._settle(key, _spelled(found), _quoted(found))
        if found := self.said.get("read"):
            self._settle("read", [part.strip() for part in str(found.value).split(",")], _quoted(found))
        if found := self.said.get("guards"):
            self._settle("guards", [str(found.value)], _quoted(found))
        kill_at = self.answers.get("kill_at")
        if kill_at is not None and parse_duration(kill_at) <= parse_duration(self.answers["budget"]):
            del self.answers["kill_at"]

    def _is_said(self, key: str) -> bool:
        """Whether the document decides it."""
        return self.believed and key in self.said and self.said[key].is_quoted

    def _problem(self, key: str, text: str) -> str:
        return _edit_problem(self.folder, text) if key == "edit" else _setting_problem(key, text)

    def _settle(self, key: str, value: Written, why: str) -> None:
        self.answers[key], self.why[key] = value, why

    def _settle_text(self, key: str, value: str, why: str) -> str:
        self._settle(key, value, why)
        return value


def _edit_problem(folder: Path, text: str) -> str:
    names = [name for name in (part.strip() for part in text.split(",")) if name]
    return next(filter(None, (_file_problem(folder, name) for name in names)), "" if names else "name a file")


def _file_problem(folder: Path, name: str) -> str:
    where = "here" if folder == Path() else f"in {folder}"
    path = folder / name
    if Path(name).is_absolute() or ".." in Path(name).parts:
        return f"{name} must be a file inside the project's folder, written relative to it"
    if is_pattern(name):
        return pattern_problem(folder, name) or ""
    if path.is_dir():
        return f"{name} is a folder; name a file, or {name.rstrip('/')}/*.py"
    if path.is_file():
        return ""
    siblings = [entry.name for entry in path.parent.glob("*") if entry.is_file()]
    close = difflib.get_close_matches(path.name, siblings, n=1)
    hint = f"; did you mean {Path(name).with_name(close[0]).as_posix()}?" if close else ""
    return f"there is no file {name} {where}{hint}"


def _setting_problem(key: str, value: object) -> str:
    """What `Settings` has against one value, whatever the others are."""
    try:
        Settings.model_validate({"edit": "x", "run": "x", "metric": "x", key: value})
    except ValidationError as error:
        return next((_sentence(error) for detail in error.errors() if detail["loc"][:1] == (key,)), "")
    return ""


def _sentence(error: ValidationError) -> str:
    detail = error.errors()[0]
    if detail["type"] == "literal_error":
        return f"it must be {detail['ctx']['expected']}, not {detail['input']!r}"
    if detail["type"] == "string_too_short":
        return "it must not be empty"
    return detail["msg"].removeprefix("Value error, ")


def _is_needed(folder: Path, scorer: str, run: str, metric: str) -> bool:
    """A scorer that does not print the metric, next to a run that does, is there for something else."""
    return suggest.prints(folder, scorer, metric) or not suggest.prints(folder, run, metric)


def _halves(answer: str) -> tuple[str, str]:
    match = _METRIC_AND_DIRECTION.fullmatch(answer.strip())
    return (match[1].strip("`"), match[2].lower()) if match else (answer.strip(" `"), "")


def _one_or_many(edit: str) -> Written:
    names = [name for name in (part.strip() for part in edit.split(",")) if name]
    return names[0] if len(names) == 1 else names


def _spelled(found: Found) -> str:
    in_seconds = found.key in ("budget", "kill_at")
    return format_duration(float(found.value)) if in_seconds else str(found.value)


def _quoted(found: Found) -> str:
    if not found.is_quoted:
        return _BY_MODEL
    if found.why:
        return found.why
    sentence = found.sentence if len(found.sentence) <= 160 else f"{found.sentence[:159]}…"
    return f"line {found.line}: “{sentence}”" + (f" ({found.note})" if found.note else "")


def _flag(key: str) -> str:
    return f"--{key}" if key in ("edit", "run", "metric", "direction", "budget", "agent") else f"`{key}`"
