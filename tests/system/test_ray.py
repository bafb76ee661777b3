"""A whole session on a Ray cluster of three nodes, of which one is lost and one is new."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator

import pytest

from overnight.fleet.machine import machine_name
from tests.fleet.outposts import at_work
from tests.fleet.raycluster import Nodes, ray_cluster
from tests.system.conftest import Project
from tests.system.test_slots import a_night, held, history, history_if_any, must_be_whole, spans
from tests.system.test_steering import until

EFFECTS = [1.0, -1.0, 0.5, -2.0, -0.5, 2.0] * 10


@pytest.fixture
def nodes() -> Iterator[Nodes]:
    with ray_cluster() as made:
        yield made


def test_sixty_experiments_while_a_node_dies_and_another_joins(nodes: Nodes, project: Project) -> None:
    a_night(project, EFFECTS, slots=3, seconds=0.3)
    here = Project(project.folder.with_name("here"))
    shutil.copytree(project.folder, here.folder)
    project.set(fleet="ray", resources=json.dumps({"num_cpus": 1, "usual": 1}))
    project.commit()
    doomed, *_ = [nodes.add(usual=1) for _ in range(3)]
    process = project.start("run", "--plain", "--no-sandbox")
    try:
        until(lambda: len(history_if_any(project)) >= 40, "nothing is measured")
        nodes.kill(doomed)
        nodes.add(usual=1)
        said, _ = process.communicate(timeout=300)
    finally:
        process.kill()
    assert process.returncode == 0, said
    must_be_whole(project, 60)
    assert "better" in project.ok("verify")
    assert {run.machine for run in history(project).runs(0) if run.role.startswith("verify")} == {machine_name()}
    assert "loss 100" in project.ok("check")
    assert not at_work(nodes.cache)
    told = history(project)
    prints = [(run.number, run.fingerprint) for _, _, run in spans(project)]
    assert len(prints) == len(set(prints)), "a run was written down twice"
    assert all(len(told.verdicts(number)) == 1 for number in range(1, 61)), "a verdict was given twice"
    assert all(run.machine for _, _, run in spans(project))
    here.ok("run", "--plain", "--no-sandbox")  # The same ideas.
    assert held(here) == held(project) == {f"IDEA_{n}" for n, effect in enumerate(EFFECTS, start=1) if effect > 0}
