"""A workflow of GitHub's, run as it is written: real shells, real git; what a runner brings is as simple as can be."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
_OURS = "OWNER/overnight/"


def load(text: str) -> dict[str, Any]:
    """YAML as GitHub reads it: `on` is a word, `0 1 * * *` too."""
    loaded = YAML(typ="safe", pure=True).load(text)
    assert isinstance(loaded, dict)
    return loaded


@dataclass
class Step:
    """What one shell was given, and what it said."""

    job: str
    run: str
    env: dict[str, str]
    """Beyond the runner's own."""
    output: str = ""


@dataclass
class Runner:
    """One run of a workflow. Each job has a folder of its own, as it has a machine of its own."""

    folder: Path
    remote: str
    """The repository that is checked out; a URL."""
    says: dict[str, str]
    """What expressions stand for: `github.token`, `secrets.KEY`, …"""
    env: dict[str, str]
    """Of every shell."""
    steps: list[Step] = field(default_factory=list)

    def run(self, workflow: dict[str, Any]) -> None:
        """All jobs, in the order in which they stand. Raises AssertionError with the output of a step that failed."""
        for name, job in workflow["jobs"].items():
            work = self.folder / name
            shutil.rmtree(work, ignore_errors=True)
            (work / "temp").mkdir(parents=True)
            for step in job["steps"]:
                self._step(name, work / "checkout", step, {})

    def _step(
        self, job: str, work: Path, step: dict[str, Any], inputs: dict[str, str], action: Path | None = None
    ) -> None:
        if "if" in step:
            assert step["if"] == "runner.os == 'Linux'", "the only condition that is understood here"
        given = {key: self._filled(value, inputs) for key, value in {**step.get("with", {})}.items()}
        if "run" in step:
            self._shell(job, work, step, inputs, action)
        elif step["uses"].startswith(_OURS):
            self._action(job, work, ROOT / step["uses"].removeprefix(_OURS).partition("@")[0], given)
        else:
            self._known(step["uses"].partition("@")[0], work, given)

    def _action(self, job: str, work: Path, folder: Path, given: dict[str, str]) -> None:
        """A composite action of ours."""
        action = load((folder / "action.yml").read_text())
        assert action["runs"]["using"] == "composite"
        wanted = action.get("inputs", {})
        assert given.keys() <= wanted.keys()
        inputs = {}
        for name, details in wanted.items():
            assert name in given or not details.get("required"), f"{folder.name} wants {name}"
            inputs[name] = given.get(name, self._filled(details.get("default", ""), {}))
        for step in action["runs"]["steps"]:
            assert step["shell"] == "bash"
            self._step(job, work, step, inputs, folder)

    def _known(self, action: str, work: Path, given: dict[str, str]) -> None:
        """GitHub's own actions, as far as they are used."""
        store = self.folder / "artifacts"
        match action:
            case "actions/checkout":
                subprocess.run(["git", "clone", "-q", "--depth", "1", self.remote, str(work)], check=True)
            case "actions/upload-artifact":
                shutil.copytree(work / given["path"], store / given["name"], dirs_exist_ok=True)
            case "actions/download-artifact":
                shutil.copytree(store / given["name"], work / given["path"])
            case _:
                raise AssertionError(f"nobody knows {action} here")

    def _shell(self, job: str, work: Path, step: dict[str, Any], inputs: dict[str, str], action: Path | None) -> None:
        """As GitHub starts bash."""
        assert "${{" not in step["run"], "what is filled into a script may be an agent's words"
        temp = work.parent / "temp"
        added = temp / "path"
        script = temp / "script.sh"
        script.write_text(step["run"])
        own = {key: self._filled(value, inputs) for key, value in step.get("env", {}).items()}
        if action is not None:
            own["GITHUB_ACTION_PATH"] = str(action)
        more = ":".join(reversed(added.read_text().split("\n")[:-1])) + ":" if added.exists() else ""
        env = {
            **os.environ,
            **self.env,
            "PATH": more + self.env.get("PATH", os.environ["PATH"]),
            "RUNNER_TEMP": str(temp),
            "GITHUB_PATH": str(added),
            "GITHUB_STEP_SUMMARY": str(temp / "summary.md"),
            **own,
        }
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
            cwd=work if work.is_dir() else temp,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=300,
        )
        self.steps.append(Step(job, step["run"], own, done.stdout))
        assert done.returncode == 0, f"{step['run']}\n{done.stdout}"

    def _filled(self, value: object, inputs: dict[str, str]) -> str:
        def meaning(found: re.Match[str]) -> str:
            kind, _, name = found[1].partition(".")
            return inputs[name] if kind == "inputs" else self.says[found[1]]

        return re.sub(r"\$\{\{ ([\w.]+) \}\}", meaning, str(value))
