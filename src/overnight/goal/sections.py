"""The settings that are more than one word: each a section of goal.md's front matter, with settings of its own."""

from __future__ import annotations

import re
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from overnight.goal.durations import Seconds


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StopRules(_Section):
    """When the night is over. Whichever rule is met first ends the session; none means: until stopped."""

    experiments: Annotated[int, Field(gt=0)] | None = None
    """Stop after this many experiments in the whole session (the baseline is not counted)."""
    hours: Annotated[float, Field(gt=0)] | None = None
    """Stop after this many hours of work, restarts added up."""
    cost: Annotated[float, Field(gt=0)] | None = None
    """Stop when the proposals have cost so many US dollars, as the agent reports it or its tokens are priced."""
    tokens: Annotated[int, Field(gt=0)] | None = None
    """Stop when the proposals have used so many tokens, read and written together."""
    plateau: Annotated[int, Field(gt=0)] | None = None
    """Stop when this many experiments in a row were not kept."""


class GuestLimits(_Section):
    """What one run, scorer or agent may use at most, all of its processes together."""

    memory_mb: Annotated[float, Field(gt=0)] | None = None
    """Memory; nine tenths of the machine's unless given."""
    processes: Annotated[int, Field(gt=0)] = 1000
    """Processes at a time."""
    disk_mb: Annotated[float, Field(gt=0)] = 20_000
    """All that it writes to disk."""


class GpuSlots(_Section):
    """A slot for each of these GPUs."""

    gpus: tuple[str, ...]
    """As CUDA_VISIBLE_DEVICES names them."""


def _slots(value: object) -> object:
    match value:
        case "auto" | GpuSlots():
            return value
        case int() if not isinstance(value, bool) and value >= 1:
            return value
        case {"gpus": [*gpus], **others} if not others and gpus and all(map(_is_gpu, gpus)):
            names = tuple(map(str, gpus))
            if len(set(names)) == len(names):
                return GpuSlots(gpus=names)
            raise ValueError("a GPU stands there twice, and two runs on it would disturb each other; name each once")
    raise ValueError(
        f"write how many runs are made at a time, such as 4; or `auto`, or GPUs, as {{gpus: [0, 1]}}; not {value!r}"
    )


def _is_gpu(name: object) -> bool:
    is_number = isinstance(name, int) and not isinstance(name, bool) and name >= 0
    return is_number or (isinstance(name, str) and re.fullmatch(r"\w[\w:/-]*", name) is not None)


Slots: TypeAlias = Annotated[int | Literal["auto"] | GpuSlots, BeforeValidator(_slots)]


class SlurmSettings(BaseModel):
    """What `fleet: slurm` hands to submitit: besides the folder, its parameters by its own names."""

    model_config = ConfigDict(extra="allow", frozen=True)

    folder: str | None = None
    """A folder that all machines share, for the project's copies and submitit's files; the cache unless given."""
    cluster: str = "slurm"
    """Which of submitit's executors takes the jobs: `slurm`, or `local` to try it without one."""

    @property
    def parameters(self) -> dict[str, object]:
        """All others."""
        return dict(self.model_extra or {})


class LiveSettings(_Section):
    """How versions are measured by the people who meet them, half of them each."""

    deploy: Annotated[str, Field(min_length=1)]
    """A frozen command that lets people meet the incumbent, and the candidate beside it if there is one."""
    measure: Annotated[str, Field(min_length=1)]
    """A frozen command that prints how many have met each so far, and how many of them did what is hoped for."""
    window: Seconds
    """A candidate is out for at most so long."""
    min_samples: Annotated[int, Field(gt=0)]
    """So many people must have met each version before anything is decided; only a broken guard does not wait."""
    approve: Literal["human", "auto"] = "human"
    """Whether a person must have said yes before anybody meets a candidate."""
