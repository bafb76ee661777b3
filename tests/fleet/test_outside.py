"""The two commands of a live goal: what they see, and what they may say."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from overnight.errors import Interrupted, Trouble
from overnight.fleet.outside import Outside
from overnight.fleet.slot import Version
from overnight.goal.settings import Settings
from overnight.repo.git import Repository
from overnight.runs.output import of_the_run
from tests.checkout import Checkout

TELL = """import json, os, pathlib
names = [name for name in os.environ if name.startswith("OVERNIGHT_")]
folders = {name: os.environ[name] for name in names}
pages = {name: (pathlib.Path(place) / "page.txt").read_text() for name, place in folders.items()
         if name in ("OVERNIGHT_INCUMBENT", "OVERNIGHT_CANDIDATE")}
told = {"folders": folders, "pages": pages, "secret": os.environ.get("MY_SECRET"), "here": os.getcwd()}
(pathlib.Path(os.environ["OVERNIGHT_PROJECT"]) / "told.json").write_text(json.dumps(told))
pathlib.Path("page.txt").write_text("scribbled")
"""


@pytest.fixture
def project(tmp_path: Path) -> Checkout:
    made = Checkout(tmp_path / "project")
    made.write("site/page.txt", "old")
    made.write("site/tell.py", TELL)
    made.write(".gitignore", "told.json\n")
    made.git("init", "-q")
    return made


def outside_of(project: Checkout, measure: str, **more: object) -> tuple[Outside, Version, Version]:
    """The outside, the version that the goal was committed with, and one on top of it."""
    project.write("site/measure.py", measure)
    base = project.commit()
    project.write("site/page.txt", "new")
    project.write("site/tell.py", "raise SystemExit('an agent was here')")
    candidate = project.commit()
    python = sys.executable
    live = {"deploy": f"{python} tell.py", "measure": f"{python} measure.py", "window": "7d", "min_samples": 10}
    settings = Settings.model_validate(
        {"edit": "page.txt", "metric": "yes", "direction": "higher", "live": live, **more}
    )
    state = project.folder / "site" / ".overnight"
    repository = Repository.find(project.folder / "site")
    outside = Outside(
        repository, settings, base, session="s", work=state / "work", logs=state / "sessions" / "s" / "logs"
    )
    return outside, Version(base, "old"), Version(candidate, "new")


def test_deploy_is_the_baselines_and_sees_both_versions_and_what_the_user_has(
    project: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_SECRET", "the server's")
    monkeypatch.setenv("OVERNIGHT_CANDIDATE", "/of/somebody/else")
    outside, base, candidate = outside_of(project, "")
    outside.deploy(3, base, candidate, seed=5)
    told = json.loads((project.folder / "site" / "told.json").read_text())
    assert told["pages"] == {"OVERNIGHT_INCUMBENT": "old", "OVERNIGHT_CANDIDATE": "new"}
    assert told["folders"]["OVERNIGHT_TRIAL"] == "s-3"
    assert told["folders"]["OVERNIGHT_SEED"] == "5"
    assert told["folders"]["OVERNIGHT_PROJECT"] == str(project.folder / "site")
    assert told["secret"] == "the server's"
    assert told["here"] != told["folders"]["OVERNIGHT_PROJECT"]
    outside.deploy(3, candidate, None, seed=5)
    told = json.loads((project.folder / "site" / "told.json").read_text())
    assert told["pages"] == {"OVERNIGHT_INCUMBENT": "new"}
    outside.close()
    assert not list((project.folder / "site" / ".overnight" / "work").iterdir())


@pytest.mark.parametrize("hides", [False, True])
def test_measure_reads_the_counts_of_both_sides_and_other_numbers(project: Checkout, hides: bool) -> None:
    measure = "print('incumbent.yes: 3/40')\nprint('candidate.yes: 0/0')\nprint('candidate.complaints: 1')"
    outside, base, candidate = outside_of(project, measure, **({"hidden": "people.txt"} if hides else {}))
    measured = outside.measure(3, "candidate", base, candidate, seed=5)
    assert (measured.value, measured.trials, measured.rival, measured.rival_trials) == (0, 0, 3 / 40, 40)
    assert measured.metrics["complaints"] == 1
    assert (measured.fingerprint, measured.rival_fingerprint, measured.outcome) == ("new", "old", "ok")
    assert "complaints: 1" in measured.output_tail
    assert ("complaints: 1" in of_the_run(measured.output_tail)) == (not hides), "then it is for people alone"


@pytest.mark.parametrize(
    ("measure", "says"),
    [
        ("raise SystemExit('no database')", "stopped with exit code 1: no database"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "137"),
        ("print('candidate.yes: 1/2')", "did not print a line such as `incumbent.yes: 31/400`"),
        ("print('candidate.yes: 0.5', 'incumbent.yes: 1/2')", "did not print a line such as `candidate.yes: 31/400`"),
        ("print('candidate.yes: 3/2', 'incumbent.yes: 1/2')", "printed `candidate.yes: 3/2` instead of"),
        ("print('candidate.yes: 1/2.5', 'incumbent.yes: 1/2')", "printed `candidate.yes: 1/2.5` instead of"),
    ],
)
def test_what_is_no_count_is_trouble(project: Checkout, measure: str, says: str) -> None:
    outside, base, candidate = outside_of(project, measure)
    with pytest.raises(Trouble) as trouble:
        outside.measure(3, "candidate", base, candidate, seed=5)
    assert trouble.value.kind == "live"
    assert says in trouble.value.reason


def test_a_deploy_ends_when_somebody_wants_to_stop(project: Checkout) -> None:
    outside, base, candidate = outside_of(project, "import time; time.sleep(60)")
    with pytest.raises(Interrupted):
        outside.measure(3, "candidate", base, candidate, seed=5, should_stop=lambda: True)
