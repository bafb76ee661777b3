"""Judges, proposers and fleets that a package brings: what goes wrong in them, and a judge with two winners at once."""

from __future__ import annotations

import shutil

import pytest

from overnight import Goal, OvernightError, Session
from overnight.loop.checkup import check_goal
from overnight.loop.proposers import is_brought
from overnight.morning.explain import explain
from overnight.morning.summary import trust_words
from tests.system.conftest import Install, Project
from tests.system.test_slots import BOTH, a_night, held, history, must_be_whole

JUDGE = "def decide(candidate, incumbent):\n    return ANSWER\n"
FIRST_BETTER = "'keep' if candidate[-1] > incumbent[-1] else 'discard'"


def brings(install: Install, kind: str, module: str, text: str) -> None:
    """Install a package with one part, called `mine`."""
    install({"pyproject.toml": f'[project.entry-points."overnight.{kind}s"]\nmine = "{module}"\n', "mine.py": text})


@pytest.mark.parametrize("shared", [False, True])
def test_two_winners_at_once_and_a_judge(project: Project, install: Install, shared: bool) -> None:
    brings(install, "judge", "mine:decide", JUDGE.replace("ANSWER", FIRST_BETTER))
    a_night(project, [1.0, 2.0], slots=2, meet=BOTH, shared=shared)
    project.set(judge="mine")
    project.commit()
    Session(project.folder / "goal.md", sandbox=False).work()
    must_be_whole(project, 2)
    assert {judged.evidence["pairs"] for judged in history(project).judged_after(0)} == {1}
    incumbent = history(project).incumbent()
    assert incumbent is not None
    assert (held(project), incumbent.metric) in (
        [({"IDEA_2"}, 98), ({"IDEA_1"}, 99)] if shared else [({"IDEA_1", "IDEA_2"}, 97)]
    )
    why = explain(history(project), 2, "the rule", "the live rule")
    assert "the judge that `judge:` names decides" in why[0]
    assert "by the judge 'mine'" in why[2]
    assert len(why) == 3, "the built-in judge's rule is not shown"


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ("candidate[1]", r"the judge 'mine' failed: IndexError: tuple index out of range \(mine.py:2\)"),
        ("True", "it must answer 'keep', 'discard' or 'again', not True"),
        ("exit(3)", "the judge 'mine' failed: SystemExit: 3"),
    ],
)
def test_a_judge_that_fails_decides_nothing(project: Project, install: Install, answer: str, says: str) -> None:
    brings(install, "judge", "mine:decide", JUDGE.replace("ANSWER", answer))
    project.set(judge="mine")
    project.commit()
    session = Session(project.folder / "goal.md", experiments=1)
    with pytest.raises(OvernightError, match=says):
        session.work()
    assert session.summary().failed
    assert [row["number"] for row in session.experiments()] == [0]


def test_a_judge_that_was_mended_goes_on_only_in_a_new_session(project: Project, install: Install) -> None:
    brings(install, "judge", "mine:decide", JUDGE.replace("ANSWER", FIRST_BETTER))
    project.set(judge="mine")
    project.commit()
    assert Session(project.folder / "goal.md", experiments=1).work().kept == 1
    assert "decided by the judge 'mine'" in trust_words(Session(project.folder / "goal.md").summary())
    (project.folder.parent / "site" / "mine.py").write_text(JUDGE.replace("ANSWER", "'keep'"))
    with pytest.raises(OvernightError, match=r"the judge 'mine' in .*mine\.py is not what it was"):
        Session(project.folder / "goal.md", experiments=2).work()
    project.set(judge="")
    project.commit()
    with pytest.raises(OvernightError, match="`judge` was 'mine', now None"):
        Session(project.folder / "goal.md", experiments=2).work()


def test_what_a_judge_has_decided_is_read_without_it(project: Project, install: Install) -> None:
    brings(install, "judge", "mine:decide", JUDGE.replace("ANSWER", FIRST_BETTER))
    project.set(judge="mine")
    project.commit()
    Session(project.folder / "goal.md", experiments=1).work()
    shutil.rmtree(project.folder.parent / "site")
    assert project.status()["judge"] == "mine"
    assert "by the judge 'mine'" in project.log()[1]["reason"]
    assert "goal.md:2: `judge`: there is no judge 'mine' here; no installed package" in project.refused("run")


def test_what_is_built_in_comes_first_and_a_command_last(install: Install) -> None:
    names = ("search", "claude", "mine")
    entries = "".join(f'{name} = "mine:Mine"\n' for name in names)
    install({"pyproject.toml": f'[project.entry-points."overnight.proposers"]\n{entries}', "mine.py": ""})
    asked = (*names, "claude:opus", "./mine", "mine --fast", "openai:gpt-5", "other")
    assert [who for who in asked if is_brought(who)] == ["mine"]


@pytest.mark.parametrize(
    ("kind", "text", "says"),
    [
        ("judge", "import nowhere_at_all", "the judge 'mine' of parts .* cannot be loaded: ModuleNotFoundError"),
        ("judge", "exit(1)", "cannot be loaded: SystemExit: 1"),
        ("judge", "decide = 3", "is 3, which cannot be called"),
        ("judge", "", "cannot be loaded: AttributeError"),
        ("fleet", "import nowhere_at_all", "the fleet 'mine' of parts .* cannot be loaded"),
        ("agent", "import nowhere_at_all", "the proposer 'mine' of parts .* cannot be loaded"),
    ],
)
def test_what_cannot_be_loaded_is_told_before_anything_begins(
    project: Project, install: Install, kind: str, text: str, says: str
) -> None:
    brings(install, kind.replace("agent", "proposer"), "mine:decide", text)
    project.set(**{kind: "mine"})
    project.commit()
    goal = Goal.read(project.folder / "goal.md")
    with pytest.raises(OvernightError, match=says):
        Session(goal)
    with pytest.raises(OvernightError, match=says):
        list(check_goal(goal, lambda: False))
    assert not (project.folder / ".overnight").exists()


def test_a_broken_fleet_is_a_mistake_in_the_set_up(project: Project, install: Install) -> None:
    brings(install, "fleet", "mine:open_fleet", "def open_fleet(plan):\n    return plan.local_slots()[1:]\n")
    project.set(fleet="mine")
    project.commit()
    assert "the fleet 'mine' has no slot to make a run in" in project.refused("run")
