"""The workflow of docs/ci.md and the two actions that it uses, run as they are written."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import overnight
from tests.checkout import Checkout
from tests.integrations.actions import ROOT, Runner, load
from tests.integrations.hub import Hub, serving
from tests.system.test_split import AGENT, SOLVE, STEPS

ACTIONS = ROOT / "integrations" / "github"
TOKEN, KEY = "ghs-of-the-second-job", "key-of-a-provider"
# Whoever sees what it must not see crashes.
RUN = """import os, solve
assert not {"ANTHROPIC_API_KEY", "GITHUB_TOKEN"} & os.environ.keys()
print("loss:", abs(solve.A - 5) + abs(solve.B - 5) + abs(solve.C - 5))
"""
GOAL = """---
edit: solve.py
run: PYTHON run.py
metric: loss
budget: 20s
agent: PYTHON agent.py
agent_env: ANTHROPIC_API_KEY
stop: {experiments: 5}
---
Make the loss small.
"""


def workflow() -> dict[str, Any]:
    """The first block of docs/ci.md."""
    found = re.search(r"```yaml\n(.*?)```", (ROOT / "docs" / "ci.md").read_text(), re.DOTALL)
    assert found
    return load(found[1])


def program(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


def a_project(folder: Path, steps: list[tuple[str, int, str]]) -> Checkout:
    """What is on GitHub: a project with a goal, in a bare repository beside it."""
    project = Checkout(folder / "project")
    project.write("goal.md", GOAL.replace("PYTHON", sys.executable))
    project.write("run.py", RUN)
    project.write("solve.py", SOLVE)
    seen = f"assert os.environ['ANTHROPIC_API_KEY'] == {KEY!r} and 'GITHUB_TOKEN' not in os.environ\n"
    project.write("agent.py", f"STEPS = {steps!r}\n{AGENT.replace('number =', f'{seen}number =', 1)}")
    project.git("init", "-q", "-b", "main")
    project.commit("start")
    project.git("clone", "-q", "--bare", ".", str(folder / "remote.git"))
    return project


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`overnight` on the path, and nobody who could change the machine."""
    folder = tmp_path_factory.mktemp("tools")
    source = Path(overnight.__file__).parents[1]
    program(folder, "overnight", f'PYTHONPATH={source} exec {sys.executable} -m overnight.cli.main "$@"')
    program(folder, "sudo", 'echo "nobody needs that here: $*"; exit 1')
    return folder


def a_runner(folder: Path, hub: Hub, tools: Path) -> Runner:
    says = {"secrets.ANTHROPIC_API_KEY": KEY, "github.token": TOKEN, "github.ref_name": "main"}
    env = {
        "PATH": f"{tools}:{os.environ['PATH']}",
        "GITHUB_API_URL": hub.address,
        "GITHUB_REPOSITORY": "ada/project",
    }
    return Runner(folder / "runner", f"file://{hub.repository}", says, env)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    with serving(Hub(tmp_path / "remote.git", TOKEN)) as hub:
        yield hub


def branches(hub: Hub) -> dict[str, str]:
    said = Checkout(hub.repository).git("for-each-ref", "--format=%(refname:short) %(objectname)", "refs/heads")
    return dict(line.split() for line in said.splitlines())  # type: ignore[misc]


def only(job: str) -> dict[str, Any]:
    return {"jobs": {job: workflow()["jobs"][job]}}


def test_each_kept_change_becomes_one_branch_and_one_pull_request(hub: Hub, tools: Path, tmp_path: Path) -> None:
    a_project(tmp_path, STEPS)
    runner = a_runner(tmp_path, hub, tools)
    hub.allows_pull_requests = False  # as a repository is at first
    with pytest.raises(AssertionError, match=r"::error::GitHub refuses \(403\): .*not permitted to create") as caught:
        runner.run(workflow())
    assert str(caught.value).count("::error::") == 3
    assert hub.pulls == []
    pushed = branches(hub)
    hub.allows_pull_requests = True
    runner.run(only("pull-requests"))
    assert branches(hub) == pushed
    tips = {name: tip for name, tip in pushed.items() if name != "main"}
    assert {pull["head"]: pull["commit"] for pull in hub.pulls} == {f"ada:{name}": tip for name, tip in tips.items()}
    titles = [pull["title"] for pull in hub.pulls]
    assert len(titles) == 3
    assert titles[0].startswith("raise A to 2, which is a first step")
    assert titles[0].endswith(" (and 1 more)")
    assert titles[1:] == ["raise B to 3", "raise C to 1"]
    assert {pull["base"] for pull in hub.pulls} == {"main"}
    body = hub.pulls[1]["body"]
    assert "    By itself, measured again" in body
    assert "in a sandbox" in " ".join(body.split())
    assert all(line.startswith("    ") for line in body.splitlines()[2:])  # No word of an agent's is markup.
    assert "raise B to 3" in (runner.folder / "night" / "temp" / "summary.md").read_text()
    for change in (
        lambda: None,  # the job is run again
        lambda: hub.pulls[0].update(state="closed"),  # somebody did not want one
        lambda: _found_again(runner),  # another night comes to the same
    ):
        change()
        runner.run(only("pull-requests"))
        assert runner.steps[-1].output.count("Proposed before: ") == 3
        assert len(hub.pulls) == 3
        assert branches(hub) == pushed


def _found_again(runner: Runner) -> None:
    """The same changes, as other commits."""
    bundle = runner.folder / "artifacts" / "night" / "kept.bundle"
    before = bundle.read_bytes()
    night = runner.folder / "night" / "checkout"
    command = ["overnight", "apply", "--split", "--bundle", str(bundle)]  # Not measured: so their messages differ.
    subprocess.run(command, cwd=night, env={**os.environ, **runner.env}, check=True, capture_output=True)
    assert bundle.read_bytes() != before


def test_nothing_kept_is_no_pull_request_and_no_failure(hub: Hub, tools: Path, tmp_path: Path) -> None:
    a_project(tmp_path, [("A", -1, "lower A")]).write("ignored", "")
    project = Checkout(tmp_path / "project")
    project.write("goal.md", (project.folder / "goal.md").read_text().replace("experiments: 5", "experiments: 1"))
    project.commit()
    project.git("push", "-q", str(hub.repository), "main")
    runner = a_runner(tmp_path, hub, tools)
    runner.run(workflow())
    assert "Nothing was kept, so there is nothing to propose." in runner.steps[-1].output
    assert hub.pulls == []
    assert branches(hub).keys() == {"main"}
    assert (runner.folder / "artifacts" / "night" / "report.html").exists()


def test_what_is_no_bundle_and_a_token_that_is_none_are_said(hub: Hub, tools: Path, tmp_path: Path) -> None:
    project, bundle = a_project(tmp_path, STEPS), tmp_path / "x.bundle"
    propose = [sys.executable, str(ACTIONS / "pull-requests" / "propose.py"), str(bundle), "--base", "main"]
    env = {**os.environ, **a_runner(tmp_path, hub, tools).env, "GITHUB_TOKEN": "wrong"}

    def said() -> str:
        done = subprocess.run(propose, cwd=project.folder, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        return done.stdout

    bundle.write_text("no bundle\n")
    assert "::error::`git -c fetch.fsckObjects=true fetch " in said()
    project.git("switch", "-q", "-c", "overnight-split/s/1-x")
    project.write("solve.py", SOLVE.replace("A = 0", "A = 1"))
    project.commit("::warning::x\r::error::y")
    project.git("bundle", "create", "-q", str(bundle), "overnight-split/s/1-x", "^main")
    project.git("switch", "-q", "overnight-split/s/1-x")
    assert "changes nothing here" in said()
    project.git("switch", "-q", "main")
    assert "::error::GitHub refuses (401): " in said()
    env["GITHUB_API_URL"] = "http://127.0.0.1:9"
    assert "::error::GitHub does not answer: " in said()
    env["GITHUB_API_URL"], env["GITHUB_TOKEN"] = hub.address, TOKEN
    project.git("remote", "add", "origin", str(tmp_path / "gone.git"))
    lines = said().splitlines()  # What an agent wrote begins no line, and so gives the runner no order.
    assert [line.partition(": `git push ")[0] for line in lines] == [
        f"::error::::warning::x ::error::y: {'overnight-split/'}{_patch_id(project)} cannot be pushed"
    ]


def _patch_id(project: Checkout) -> str:
    patch = project.git("diff", "main", "overnight-split/s/1-x")
    command = ["git", "patch-id", "--stable"]
    done = subprocess.run(command, input=patch, cwd=project.folder, capture_output=True, text=True, check=True)
    return done.stdout[:12]


def test_who_may_do_what() -> None:
    found = workflow()
    assert found["permissions"] == {}
    night, proposing = found["jobs"]["night"], found["jobs"]["pull-requests"]
    assert night["permissions"] == {"contents": "read"}
    assert proposing["permissions"] == {"contents": "write", "pull-requests": "write"}
    with_secrets = [step for step in night["steps"] if "secrets." in str(step)]
    assert [step["run"] for step in with_secrets] == ["overnight run --hours 2 --plain"]
    assert night["steps"][0] == {"uses": "actions/checkout@v4", "with": {"persist-credentials": False}}
    assert "token" not in str(night["steps"])
    assert "secrets." not in str(proposing)


@pytest.fixture
def bare_machine(tmp_path: Path) -> Path:
    """The folder of a machine's only programs: those of every system, and stand-ins for what changes one."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("bash", "sh", "cat", "mkdir", "chmod", "touch", "ln"):
        found = shutil.which(name)
        assert found
        (programs / name).symlink_to(found)
    there = tmp_path / "machine"
    there.mkdir()
    program(programs, "sudo", f'echo "$*" >> {there}/asked\n[ "$1" != tee ] && exec "$@"\ncat > {there}/profile')
    program(programs, "apt-get", f'[ "$1" = update ] || ln -s {there}/bwrap {programs}/bwrap')
    program(programs, "apparmor_parser", f"[ -e {there}/hopeless ] || touch {there}/loaded")
    program(there, "bwrap", f'[ -e {there}/loaded ] || {{ echo "setting up uid map: Permission denied"; exit 1; }}')
    return programs


def test_a_bare_runner_gets_overnight_and_a_sandbox_or_an_error(bare_machine: Path, tmp_path: Path) -> None:
    there = tmp_path / "machine"
    action = tmp_path / "action" / "integrations" / "github" / "setup"
    shutil.copytree(ACTIONS / "setup", action)
    (tmp_path / "action" / "scripts").mkdir()
    (tmp_path / "action" / "scripts" / "setup.sh").write_text(
        'mkdir -p "$1/bin"\necho "echo installed" > "$1/bin/overnight"\nchmod +x "$1/bin/overnight"\n'
    )
    runner = Runner(tmp_path / "runner", "", {}, {"PATH": str(bare_machine)})
    steps = [*load((action / "action.yml").read_text())["runs"]["steps"], {"run": "overnight"}]
    for step in steps:  # As `uses:` does it, from the copy.
        step.setdefault("env", {})["GITHUB_ACTION_PATH"] = str(action)
    job = {"jobs": {"night": {"steps": steps}}}
    (there / "hopeless").touch()
    with pytest.raises(AssertionError, match="::error::There is no sandbox on this runner"):
        runner.run(job)
    (there / "hopeless").unlink()
    (bare_machine / "bwrap").unlink()
    (there / "asked").unlink()
    runner.run(job)
    assert runner.steps[-1].output == "installed\n"
    assert (there / "asked").read_text().splitlines() == [
        "apt-get update -q",
        "apt-get install -q -y --no-install-recommends bubblewrap",
        "tee /etc/apparmor.d/bwrap",
        "apparmor_parser --replace /etc/apparmor.d/bwrap",
    ]
    profile = (there / "profile").read_text()
    assert profile.startswith("abi <abi/4.0>,\n")
    assert "\nprofile bwrap /usr/bin/bwrap flags=(unconfined) {\n  userns,\n}\n" in profile
    (there / "asked").unlink()
    runner.run(job)  # Where there is a sandbox already, nothing is changed.
    assert not (there / "asked").exists()
