"""What the user may write in goal.md's front matter, with a default for everything but three keys."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from overnight.errors import SessionError
from overnight.goal.durations import Seconds
from overnight.goal.sections import GuestLimits, LiveSettings, Slots, SlurmSettings, StopRules
from overnight.plugins import Kind, is_name

Direction = Literal["lower", "higher"]

PREFERENCE = "wins"
"""The metric of `compare` whose two numbers are how often each version was preferred."""
SUBMITTED = "submitted"
"""The agent that is nobody: whoever wants to hands changes in."""


def _one_or_many(value: object) -> object:
    return [value] if isinstance(value, str) else value


Strings = Annotated[tuple[str, ...], BeforeValidator(_one_or_many)]


def _none_empty(values: tuple[str, ...]) -> tuple[str, ...]:
    if not all(values):
        raise ValueError("it must not be empty")
    return values


def _stands_alone(agents: tuple[str, ...]) -> tuple[str, ...]:
    if SUBMITTED in agents and len(agents) > 1:
        raise ValueError(f"`{SUBMITTED}` stands alone; what is submitted goes in front of any other agent anyway")
    return agents


def _a_fleet(word: str) -> str:
    if not (is_name(word) or re.fullmatch(r"ray://[^\s/]+:\d+", word)):
        raise ValueError(f"it is no fleet; write {FLEETS_IN_WORDS}")
    return word


def _a_judge(word: str) -> str:
    if not is_name(word):
        raise ValueError("it is no judge; write the name of one that an installed package brings")
    return word


FLEETS = ("local", "ray", "slurm")
"""Those that are built in; any other name is that of an installed package's."""
FLEETS_IN_WORDS = "`local`, `ray`, `ray://HOST:10001`, `slurm`, or the name of one that an installed package brings"
_MOST_HERE = 256
"""More runs at a time than any one machine has use for, and each has a thread that watches it."""


def too_many_words(slots: Slots, fleet: str) -> str | None:
    """What to say of more slots than there may be on one machine, None where there are not."""
    if isinstance(slots, int) and slots > _MOST_HERE and fleet == "local":
        return f"one machine makes at most {_MOST_HERE} runs at a time; for more, name a `fleet:` of several machines"
    return None


class Settings(BaseModel):
    """The front matter of goal.md. Only `edit`, `run` (or `compare`, or `live`) and `metric` must be given."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    edit: Annotated[Strings, Field(min_length=1)]
    """The one file that may be changed, relative to goal.md's folder (a list or globs where one is not enough)."""
    compare: Annotated[str, Field(min_length=1)] | None = None
    """Instead of `run`: a frozen command that measures two versions side by side."""
    live: LiveSettings | None = None
    """Instead of `run`: the candidate goes out beside the incumbent, and people decide."""
    run: Annotated[str | None, Field(min_length=1, validate_default=True)] = None
    """The shell command of one run."""
    metric: Annotated[str, Field(min_length=1)]
    """The name of the number that decides, as it is printed."""
    direction: Annotated[Direction, Field(validate_default=True)] = "lower"
    """Whether a lower or a higher metric is better."""
    score: str | None = None
    """A frozen command, run after `run`, that reads the artifacts and prints the metric."""
    verify: str | None = None
    """A second frozen scorer for `overnight verify`, held-out data say; no proposer ever sees its numbers."""
    budget: Seconds = 300.0
    """How long one run gets; the run reads it as OVERNIGHT_BUDGET_SECONDS."""
    kill_at: Seconds | None = None
    """When a run is ended by force, if that is later than the budget (start-up and evaluation come on top)."""
    overtime: Literal["score", "fail"] = "fail"
    """What a run is that had to be ended by force: scored on what it wrote so far, or a `timeout`."""
    agent: Annotated[Strings, Field(min_length=1), AfterValidator(_none_empty), AfterValidator(_stands_alone)] = (
        "search",
    )
    """Who proposes: `search` (built in, needs no model), a coding agent or a model by name (`claude`, `openai:MODEL`),
    a proposer that an installed package brings, any command that edits files; or several, which take turns as they earn
    them. `submitted` is nobody: the session waits for changes that are handed in."""
    agent_timeout: Seconds = 1800.0
    """How long the agent may think about one proposal."""
    agent_memory: Literal["fresh", "session"] = "fresh"
    """Whether a coding agent begins anew for each proposal, or goes on with its conversation for ten of them."""
    ahead: Annotated[int, Field(ge=0)] | None = None
    """How many proposals may be made in advance, beside the runs: left out, as many as keep every slot busy; 0: none,
    so that each knows all that came before it."""
    base_url: str | None = None
    """Where the models' API is, if not at its provider: any server that speaks the same."""
    brief_tokens: Annotated[int, Field(ge=1000)] = 40_000
    """How long the brief may be; what tells least is left out first."""
    review_every: Annotated[int, Field(ge=0)] = 20
    """After how many experiments the agent writes down what it has learned; 0: never."""
    prefer: Literal["simpler"] | None = None
    """`simpler` keeps a change that makes the files shorter if it is not worse than by `margin`."""
    margin: Annotated[float, Field(ge=0)] = 0.0
    """How much worse a simpler version may be, in the metric's own unit."""
    judge: Annotated[str, AfterValidator(_a_judge)] | None = None
    """Who decides, if not Overnight itself: the name of a judge that an installed package brings."""
    guards: Strings = ()
    """Must hold before a keep: commands that must succeed, or limits such as `peak_mb < 4000`."""
    read: Strings = ()
    """Paths that runs read but git does not track, such as a data folder."""
    hidden: Strings = ()
    """Paths that only the scorer sees, such as labels; inside the project or outside it."""
    run_network: bool = False
    """Whether runs have a network."""
    score_network: bool = False
    """Whether the frozen scorer has one, such as one that asks a model."""
    score_env: Strings = ()
    """Environment variables that the scorer gets besides the harmless ones, such as the key of that model."""
    agent_network: bool | None = None
    """Whether the agent has one; unless given, the coding agents that are known by name do."""
    agent_env: Strings = ()
    """Environment variables that the agent gets besides the harmless ones, such as its API key."""
    limits: GuestLimits = GuestLimits()
    """Beyond these a run is a `crash` and says so."""
    fleet: Annotated[str, AfterValidator(_a_fleet)] = "local"
    """Where runs are made: on this machine, on a Ray cluster (`ray` for the one that this machine is part of, or
    `ray://HOST:10001`), as jobs of `slurm`, or by a fleet that an installed package brings."""
    resources: dict[str, Annotated[float, Field(ge=0)]] = {}
    """What a slot on Ray holds, by Ray's own words: `{num_cpus: 8, num_gpus: 1}`, or the name of a custom resource; one
    processor unless it says otherwise."""
    slurm: SlurmSettings = SlurmSettings()
    """How jobs are submitted to Slurm."""
    setup: Annotated[str, Field(min_length=1)] | None = None
    """A command that prepares the project on each other machine, once, before its first run."""
    ledger: str | None = None
    """Where the ledger is, if not in `.overnight/`: a database's URL (`postgresql+psycopg://HOST/NAME`)."""
    notify: Annotated[Strings, AfterValidator(_none_empty)] = ()
    """Who is told of a first keep, a new best, a pause and the end: URLs as Apprise reads them, their passwords in
    $VARIABLES, which are filled in only when something is sent."""
    mlflow: Annotated[str, Field(min_length=1)] | None = None
    """The MLflow tracking server that gets each experiment as soon as it is judged; variables in it are filled in."""
    slots: Slots = 1
    """How many runs are made at a time: a number, `auto` for what the machine has, or `{gpus: [0, 1]}`, one on each."""
    stop: StopRules = StopRules()
    """When the session ends by itself."""

    @classmethod
    def recorded(cls, written: Mapping[str, object]) -> Settings:
        """The settings as a ledger has them. Raises SessionError where another Overnight's are not understood."""
        try:
            return cls.model_validate(written)
        except ValidationError as error:
            names = ", ".join(sorted({".".join(map(str, mistake["loc"])) for mistake in error.errors()}))
            raise SessionError(
                f"this session's settings were written down by another version of Overnight, and this one does not "
                f"understand {names}; use the version that began the session, or a newer one (nothing is changed)"
            ) from None

    @field_validator("run")
    @classmethod
    def _run_or_compare(cls, run: str | None, info: ValidationInfo) -> str | None:
        if run is None and info.data.get("compare") is None and info.data.get("live") is None:
            raise PydanticCustomError("missing", "Field required")
        return run

    @field_validator("live")
    @classmethod
    def _live_or_compare(cls, live: LiveSettings | None, info: ValidationInfo) -> LiveSettings | None:
        if live is not None and info.data.get("compare") is not None:
            raise ValueError("`compare` measures already; take one of the two away")
        return live

    @field_validator("run", "score", "verify", "prefer", "judge")
    @classmethod
    def _live_is_enough(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and info.data.get("live") is not None:
            raise ValueError("in a live experiment people decide; take this line away")
        return value

    @field_validator("slots")
    @classmethod
    def _not_too_many(cls, slots: Slots, info: ValidationInfo) -> Slots:
        if too_many := too_many_words(slots, str(info.data.get("fleet"))):
            raise ValueError(too_many)
        if slots != 1 and info.data.get("live") is not None:
            raise ValueError("people meet one experiment at a time; take this line away")
        return slots

    @field_validator("score_network", "score_env")
    @classmethod
    def _for_a_scorer(cls, given: object, info: ValidationInfo) -> object:
        if given and not (info.data.get("score") or info.data.get("verify")):
            raise ValueError("only a scorer gets that, and there is no `score:`")
        return given

    @field_validator("fleet")
    @classmethod
    def _people_meet_it_from_here(cls, fleet: str, info: ValidationInfo) -> str:
        if fleet != "local" and info.data.get("live") is not None:
            raise ValueError("a live experiment is let out from this machine; take this line away")
        return fleet

    @field_validator("resources", "slurm", "setup")
    @classmethod
    def _for_its_fleet(cls, given: object, info: ValidationInfo) -> object:
        fleet, name = str(info.data.get("fleet", "local")), str(info.field_name)
        its_own = {"resources": fleet.startswith("ray"), "slurm": fleet == "slurm", "setup": fleet != "local"}
        if not its_own[name] and given != cls.model_fields[name].default:
            wanted = {"resources": "`fleet: ray`", "slurm": "`fleet: slurm`", "setup": "a `fleet:` of other machines"}
            raise ValueError(f"it is for {wanted[name]}; take this line away")
        return given

    @field_validator("run", "score")
    @classmethod
    def _compare_is_enough(cls, command: str | None, info: ValidationInfo) -> str | None:
        if command is not None and info.data.get("compare") is not None:
            raise ValueError("`compare` measures by itself; take this line away")
        return command

    @field_validator("direction")
    @classmethod
    def _more_wins_are_better(cls, direction: Direction, info: ValidationInfo) -> Direction:
        if direction == "lower" and info.data.get("compare") and info.data.get("metric") == PREFERENCE:
            raise ValueError(f"more `{PREFERENCE}` are better; write `direction: higher`")
        return direction

    @field_validator("metric")
    @classmethod
    def _metric_is_one_word(cls, metric: str) -> str:
        if re.search(r"[\s:={}\"']", metric):
            raise ValueError(f"{metric!r} is not a metric's name; write the one word that is printed before the number")
        return metric

    @field_validator("judge")
    @classmethod
    def _judge_is_enough(cls, judge: str | None, info: ValidationInfo) -> str | None:
        if judge is not None and info.data.get("prefer") is not None:
            raise ValueError("it decides by itself, so that `prefer` would not count; take one of the two away")
        if judge is not None and info.data.get("compare") is not None and info.data.get("metric") == PREFERENCE:
            raise ValueError("what each version would win against the baseline, only Overnight's own judge works out")
        return judge

    @field_validator("kill_at")
    @classmethod
    def _kill_after_budget(cls, kill_at: float | None, info: ValidationInfo) -> float | None:
        if kill_at is not None and kill_at < info.data.get("budget", 0):
            raise ValueError("it is shorter than the budget; leave it out or make it longer")
        return kill_at

    @property
    def command(self) -> str:
        """What measures: the run, the comparison, or what counts the people."""
        return self.run or self.compare or (self.live.measure if self.live else "")

    @property
    def self_reported(self) -> bool:
        """Whether the metric is printed by the very code that may be changed, so that nothing vouches for it."""
        return self.score is None and self.compare is None and self.live is None

    @property
    def own_fleet(self) -> str | None:
        """The name of the fleet, where a package has to bring it."""
        return None if self.fleet in FLEETS or self.fleet.startswith("ray://") else self.fleet

    @property
    def plugins(self) -> list[tuple[Kind, str]]:
        """What decides and what measures, where packages have to bring it."""
        named: tuple[tuple[Kind, str | None], ...] = (("judge", self.judge), ("fleet", self.own_fleet))
        return [(kind, name) for kind, name in named if name is not None]

    @property
    def hard_limit(self) -> float:
        """Seconds after which a run is ended by force."""
        return self.kill_at if self.kill_at is not None else self.budget

    @property
    def who(self) -> str:
        """Who proposes, in one line."""
        return ", ".join(self.agent)

    def better(self, new: float, old: float) -> bool:
        """Whether `new` beats `old`. A tie is not an improvement."""
        return self.gain(new, old) > 0

    def gain(self, new: float, old: float) -> float:
        """How much better `new` is than `old`, in the metric's own unit; positive is better."""
        return old - new if self.direction == "lower" else new - old
