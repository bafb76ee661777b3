"""What the front matter may say, value by value."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from overnight.errors import OvernightError
from overnight.goal.sections import GpuSlots
from overnight.goal.settings import Settings
from overnight.loop.overrides import override

LEAST = {"edit": "train.py", "run": "python train.py", "metric": "loss"}


def test_only_three_keys_are_needed() -> None:
    settings = Settings.model_validate(LEAST)
    assert settings.edit == ("train.py",)
    assert settings.direction == "lower"
    assert settings.budget == settings.hard_limit == 300
    assert settings.agent == ("search",)
    for key in LEAST:
        with pytest.raises(ValidationError):
            Settings.model_validate({name: value for name, value in LEAST.items() if name != key})


def test_a_run_may_be_ended_later_than_its_budget_but_not_before() -> None:
    assert Settings.model_validate({**LEAST, "budget": "5m", "kill_at": "10m"}).hard_limit == 600
    with pytest.raises(ValidationError, match="shorter than the budget"):
        Settings.model_validate({**LEAST, "budget": "5m", "kill_at": "1m"})


@pytest.mark.parametrize("metric", ["val loss", "loss:", "a=b", "", '"loss"'])
def test_a_metric_is_one_word(metric: str) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate({**LEAST, "metric": metric})


@given(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9))
def test_better_in_one_direction_is_worse_in_the_other(new: float, old: float) -> None:
    lower = Settings.model_validate(LEAST)
    higher = Settings.model_validate({**LEAST, "direction": "higher"})
    assert lower.gain(new, old) == -higher.gain(new, old)
    assert not (lower.better(new, old) and higher.better(new, old))
    assert not lower.better(old, old)
    assert not higher.better(old, old)


@pytest.mark.parametrize("setting", [{"score_network": True}, {"score_env": "MODEL_KEY"}])
def test_what_only_a_scorer_gets_needs_one(setting: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="there is no `score:`"):
        Settings.model_validate({**LEAST, **setting})
    Settings.model_validate({**LEAST, **setting, "verify": "python score.py"})


LIVE = {"deploy": "python deploy.py", "measure": "python measure.py", "window": "7d", "min_samples": 400}


def test_people_may_decide_instead_of_a_run() -> None:
    settings = Settings.model_validate({"edit": "page.html", "metric": "conversions", "live": LIVE})
    assert settings.live is not None
    assert settings.live.approve == "human"
    assert settings.live.window == 604_800
    assert settings.command == "python measure.py"
    assert not settings.self_reported


@pytest.mark.parametrize("key", ["run", "score", "compare", "verify", "prefer", "judge"])
def test_what_measures_otherwise_does_not_go_with_people(key: str) -> None:
    value = {"prefer": "simpler", "judge": "careful"}.get(key, "python other.py")
    with pytest.raises(ValidationError, match="take"):
        Settings.model_validate({"edit": "page.html", "metric": "conversions", "live": LIVE, key: value})


@pytest.mark.parametrize("slots", [2, "auto", {"gpus": [0]}])
def test_people_meet_one_experiment_at_a_time(slots: object) -> None:
    live = {"edit": "page.html", "metric": "conversions", "live": LIVE}
    with pytest.raises(ValidationError, match="take this line away"):
        Settings.model_validate({**live, "slots": slots})
    with pytest.raises(OvernightError, match="leave --slots out"):
        override(Settings.model_validate(live), slots=2)


def test_one_machine_has_no_use_for_thousands_of_slots() -> None:
    with pytest.raises(ValidationError, match="at most 256"):
        Settings.model_validate({**LEAST, "slots": 4000})
    with pytest.raises(OvernightError, match="--slots 4000: one machine makes at most 256"):
        override(Settings.model_validate(LEAST), slots=4000)
    assert override(Settings.model_validate({**LEAST, "fleet": "ray"}), slots=4000).slots == 4000


@pytest.mark.parametrize(
    ("slots", "read"),
    [(4, 4), ("auto", "auto"), ({"gpus": [0, "1"]}, GpuSlots(gpus=("0", "1"))), ({"gpus": ["GPU-8a/0"]}, None)],
)
def test_slots_read_back_as_they_were_written_down(slots: object, read: object) -> None:
    settings = Settings.model_validate({**LEAST, "slots": slots})
    assert Settings.model_validate(settings.model_dump(mode="json")) == settings
    assert read in (settings.slots, None)
    assert override(settings, slots=3).slots == 3
    assert override(settings) == settings


@pytest.mark.parametrize(
    "slots", [0, -1, 1.5, True, "many", None, [0, 1], {}, {"gpus": []}, {"gpus": [-1]}, {"gpus": ["a,b"]},
              {"gpus": ["-1"]}, {"gpus": [0], "cores": 2}]
)  # fmt: skip
def test_what_is_no_number_of_slots(slots: object) -> None:
    with pytest.raises(ValidationError, match="write how many runs are made at a time"):
        Settings.model_validate({**LEAST, "slots": slots})


@pytest.mark.parametrize(
    "change", [{"deploy": ""}, {"measure": None}, {"window": "soon"}, {"min_samples": 0}, {"approve": "nobody"}]
)
def test_a_live_goal_says_how_long_and_how_many(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate({"edit": "page.html", "metric": "conversions", "live": {**LIVE, **change}})


@pytest.mark.parametrize(
    "given",
    [
        {"fleet": "ray", "resources": {"num_gpus": 1, "H100": 0.5}, "setup": "pip install ."},
        {"fleet": "ray://head.cluster:10001"},
        {"fleet": "slurm", "slurm": {"folder": "~/shared", "slurm_partition": "gpu", "gpus_per_node": 1}},
        {},
    ],
)
def test_a_fleet_is_what_it_was_after_it_was_written_down(given: dict[str, object]) -> None:
    settings = Settings.model_validate({**LEAST, **given})
    assert Settings.model_validate(settings.model_dump(mode="json")) == settings
    assert settings.slurm.parameters.keys() <= {"slurm_partition", "gpus_per_node"}


VOTES = {"run": None, "compare": "python vote.py", "metric": "wins", "direction": "higher"}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"fleet": "ray://head"}, "it is no fleet; write `local`, `ray`, `ray://HOST:10001`, `slurm`, or the name"),
        ({"fleet": "http://kubernetes"}, "it is no fleet"),
        ({"judge": "rm -rf"}, "it is no judge"),
        ({"judge": "careful", "prefer": "simpler"}, "take one of the two away"),
        ({"judge": "careful", **VOTES}, "only Overnight's own judge works out"),
        ({"resources": {"num_gpus": 1}}, "it is for `fleet: ray`; take this line away"),
        ({"fleet": "ray", "slurm": {"folder": "x"}}, "it is for `fleet: slurm`"),
        ({"fleet": "slurm", "resources": {"num_gpus": 1}}, "it is for `fleet: ray`"),
        ({"fleet": "ray", "resources": {"num_gpus": -1}}, "greater than or equal to 0"),
        ({"setup": "make"}, "it is for a `fleet:` of other machines"),
    ],
)
def test_what_belongs_to_another_fleet_is_a_mistake(given: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(says)):
        Settings.model_validate({**LEAST, **given})


def test_people_meet_a_version_from_this_machine_alone() -> None:
    live = {"deploy": "a", "measure": "b", "window": "7d", "min_samples": 10}
    with pytest.raises(ValidationError, match="a live experiment is let out from this machine"):
        Settings.model_validate({"edit": "page", "metric": "yes", "live": live, "fleet": "ray"})
