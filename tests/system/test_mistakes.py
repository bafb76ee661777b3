"""What a user can get wrong ends in one clear sentence and exit code 2, and loses nothing."""

from __future__ import annotations

import contextlib
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.system.conftest import OVERNIGHT, SOLVE, Project


def test_no_git_repository_offers_init(bare: Project) -> None:
    said = bare.refused("run")
    assert "not in a git repository" in said
    assert "--init" in said
    assert bare.overnight("run", "--init", "--experiments", "1").returncode == 0
    assert len(bare.log()) == 2


def test_no_commit_yet(bare: Project) -> None:
    bare.git("init", "-q")
    assert "no commit yet" in bare.refused("run")
    assert "no commit yet" in bare.refused("check")


def test_edit_file_that_does_not_exist(project: Project) -> None:
    project.set(edit="slove.py")
    said = project.refused("run")
    assert "goal.md:2: `edit`: there is no file 'slove.py'; did you mean 'solve.py'?" in said


def test_edit_file_that_is_not_tracked(project: Project) -> None:
    project.write("other.py", SOLVE)
    project.set(edit="other.py")
    said = project.refused("run")
    assert "goal.md:2" in said
    assert "git add other.py" in said


def test_edit_file_that_is_a_link(project: Project) -> None:
    (project.folder / "link.py").symlink_to("solve.py")
    project.set(edit="link.py")
    project.commit("a link")
    assert "goal.md:2: `edit`: 'link.py' is a link to 'solve.py'" in project.refused("run")


def test_every_mistake_in_the_goal_is_said_at_once(project: Project) -> None:
    project.set(metrc="loss", budget="soon", metric="", edit="nothing.py")
    said = project.refused("check").splitlines()
    assert len(said) == 4
    assert any("`metrc` is not a setting; did you mean `metric`?" in line for line in said)
    assert any("'soon'" in line and "write 90s, 5m, 1h30m or 7d" in line for line in said)
    assert any("`metric` is missing" in line for line in said)
    assert all(line.startswith("goal.md:") for line in said)


def test_a_direction_that_nobody_gave_is_doubted_where_the_name_says_another(project: Project) -> None:
    solve = (project.folder / "solve.py").read_text()
    project.write("solve.py", solve.replace("loss", "accuracy"))
    project.set(metric="accuracy")
    project.commit("another metric")
    assert "of `accuracy`, more is usually better" in project.ok("check")
    project.set(direction="lower")
    assert "usually better" not in project.ok("check")


def test_metric_that_is_never_printed_shows_what_was(project: Project) -> None:
    project.set(metric="accuracy")
    for command in ("check", "run"):
        said = project.refused(command)
        assert "`accuracy` was never printed; it did print loss" in said
        assert "loss: 27" in said  # the output's tail


def test_baseline_that_crashes_shows_the_end_of_its_output(project: Project) -> None:
    project.write("solve.py", "raise SystemExit('\\x1b[2Jno data here')\n")
    project.commit()
    for command in ("check", "run"):
        said = project.refused(command)
        assert "exit code 1" in said
        assert "�[2Jno data here" in said, "nothing clears the screen"
    project.write("solve.py", SOLVE)
    project.commit()
    assert "2 experiments" in project.ok("run", "--experiments", "2")


@pytest.mark.parametrize("git_has_the_folder", [False, True])
def test_missing_data_folder_is_explained(project: Project, git_has_the_folder: bool) -> None:
    project.write(".gitignore", "data/*\n!data/.gitkeep\n")
    project.write("data/points.txt", "3")
    if git_has_the_folder:
        project.write("data/.gitkeep", "")
    project.write("solve.py", "print('loss:', float(open('data/points.txt').read()))\n")
    project.commit()
    assert ("`read: data/points.txt`" if git_has_the_folder else "`read: data`") in project.refused("run")
    project.set(read="data")
    assert "kept" in project.ok("run", "--experiments", "1")


def test_what_a_run_may_not_see_is_told_from_what_is_not_there(project: Project) -> None:
    outside = project.folder.parent / "points.txt"
    outside.write_text("3")
    for path, hint in (
        (outside, f"`read: {outside}`"),
        ("nothing.txt", "it must work as it is before it can be improved\n"),
    ):
        program = f"from pathlib import Path\nprint('loss:', float(Path({str(path)!r}).read_text()))\n"
        project.write("solve.py", program)  # The standard library's own files are in its traceback.
        project.commit()
        assert hint in project.refused("run")
    project.set(run=f"{sys.executable} slove.py")
    assert "`read:" not in project.refused("run")  # Python names itself in that line.


def test_the_goal_itself_cannot_be_changed(project: Project) -> None:
    project.set(edit='["*.py", "*.md"]')
    project.commit()
    assert "goal.md:2: `edit`: goal.md says what is measured; it cannot be changed" in project.refused("run")


def test_agent_that_is_not_found(project: Project) -> None:
    said = project.refused("run", "--agent", "no-such-agent --now")
    assert "'no-such-agent' was not found" in said
    assert "`search`" in said
    assert not (project.folder / ".overnight" / "ledger.db").exists()


def test_an_agent_that_is_not_committed_is_not_in_its_copy(project: Project) -> None:
    project.write("agents/mine.sh", "true\n")
    for command in ("check", "run"):
        project.set(agent="sh agents/mine.sh")
        assert "the agent's agents/mine.sh is not committed" in project.refused(command)
    for settings in ({"read": "agents"}, {"read": "", "agent": f"sh {project.folder}/agents/mine.sh"}):
        project.set(**settings)
        project.ok("check")


def test_an_agent_known_by_name_that_is_not_installed(project: Project) -> None:
    assert "see https://block.github.io/goose" in project.refused("run", "--agent", "goose")


@pytest.mark.parametrize(
    ("script", "verdict", "words"),
    [
        ("true", "no_change", "the agent said nothing and changed nothing"),
        ("echo 1 > helper.py", "invalid", "it changed helper.py, but only solve.py may be changed"),
        ("echo x >> goal.md", "invalid", "goal.md"),
        ("rm agent.sh", "invalid", "agent.sh"),
        ("rm solve.py; ln -s /etc/passwd solve.py", "invalid", "solve.py"),
        ("rm solve.py", "invalid", "deleted"),
        ("echo 'def (' > solve.py", "invalid", "solve.py cannot be read any more: line 1"),
    ],
)
def test_proposals_that_break_a_rule_never_run(project: Project, script: str, verdict: str, words: str) -> None:
    project.write("agent.sh", script + "\n")
    project.commit()
    project.ok("run", "--experiments", "1")
    record = project.log()[1]
    assert (record["verdict"], record["runs"]) == (verdict, 0)
    assert words in record["reason"]
    assert (project.folder / "solve.py").read_text() == SOLVE


def test_what_was_not_allowed_is_said_in_the_next_brief(project: Project) -> None:
    project.write("agent.sh", 'grep "thrown away" && cp "$OVERNIGHT_BRIEF" solve.py || echo 1 > helper.py\n')
    project.commit()
    project.ok("run", "--experiments", "2")
    assert "it changed helper.py" in project.ok("show", "2")


def test_an_agent_that_only_fails_does_not_burn_the_night(project: Project) -> None:
    project.write("agent.sh", "true\n")
    project.commit()
    for done in (10, 20):  # Somebody has looked and let it go on: it gets another chance, and no more.
        said = project.refused("run", "--experiments", "500")
        assert "the last 10 proposals came to nothing, each because the agent said nothing and changed nothing" in said
        assert project.status()["experiments"] == done
        assert project.status()["state"] == "stopped"


def test_second_run_on_the_same_session(project: Project) -> None:
    project.write("solve.py", SOLVE + "import time; time.sleep(1)\n")
    project.commit()
    first = project.start("run")
    try:
        wait_for((project.folder / ".overnight" / "ledger.db").exists)
        said = project.refused("run")
        assert "a session is running here already" in said
        assert f"process {first.pid}" in said
        assert project.status()["state"] == "running"
    finally:
        first.send_signal(signal.SIGINT)
        assert first.wait(30) == 130


def test_settings_that_change_measuring_need_a_new_session(project: Project) -> None:
    project.ok("run", "--experiments", "2")
    project.set(budget="30s", stop="{experiments: 4}")
    said = project.refused("run")
    assert "`budget` was 20.0, now 30.0" in said
    assert "--new" in said
    assert project.overnight("run", "--new", "--experiments", "1").returncode == 0
    assert project.status()["session"].endswith("-2")


def test_numbers_out_of_range_on_the_command_line(project: Project) -> None:
    assert "--experiments must be more than zero" in project.refused("run", "--experiments", "0")
    assert "--hours must be more than zero" in project.refused("run", "--hours", "nan")
    assert "--slots must be at least 1, or `auto`, not 0" in project.refused("run", "--slots", "0")
    assert "--slots is a number of runs at a time, or `auto`, not 'all'" in project.refused("run", "--slots", "all")
    project.refused("run", "--experiments", "many")
    project.refused("no-such-command")


def test_reading_before_anything_was_run(project: Project) -> None:
    for command in ("status", "log", "report", "export", "apply", "verify"):
        assert "nothing was run" in project.refused(command)
    assert "No session is running" in project.ok("stop")


def test_reading_what_is_not_there(project: Project) -> None:
    project.ok("run", "--experiments", "1")
    assert "has no experiment 99; the last one is 1" in project.refused("show", "99")
    assert "there is no session 'nope'" in project.refused("log", "--session", "nope")


def test_a_ledger_that_is_none(project: Project) -> None:
    project.ok("run", "--experiments", "1")
    (project.folder / ".overnight" / "ledger.db").write_bytes(b"this is no database, only some text" * 100)
    for command in ("status", "run"):
        assert "damaged or no Overnight ledger" in project.refused(command)


def rewrite(project: Project, kinds: str, change: str) -> None:
    """As another version would have written some records: `change` is an SQL expression for the payload."""
    with contextlib.closing(sqlite3.connect(project.folder / ".overnight" / "ledger.db")) as ledger, ledger:
        ledger.execute("DROP TRIGGER events_are_never_changed")
        ledger.execute(f"UPDATE events SET payload = {change} WHERE kind IN ({kinds})")


def test_settings_that_a_newer_version_wrote_down(project: Project) -> None:
    project.set(agent="search")
    project.ok("run", "--no-sandbox", "--experiments", "1")
    rewrite(project, "'session_started', 'resumed'", "json_set(payload, '$.settings.novel', 3)")
    for command in ("status", "report", "verify", "brief", "run"):
        said = project.refused(command, *(["--no-sandbox", "--experiments", "2"] if command == "run" else []))
        assert "another version of Overnight, and this one does not understand novel" in said
    assert len(project.log()) == 2, "what can be read is read"


def test_records_that_a_newer_version_wrote_down(project: Project) -> None:
    project.set(agent="search")
    project.ok("run", "--no-sandbox", "--experiments", "1")
    rewrite(project, "'judged'", "json_set(payload, '$.verdict', 'novel')")
    for command in ("status", "log", "report", "show"):
        said = project.refused(command, *(["1"] if command == "show" else []))
        assert "(judged) cannot be read: either a newer Overnight wrote it" in said


def test_the_session_branch_must_not_be_checked_out(project: Project) -> None:
    project.ok("run", "--experiments", "1")
    project.git("switch", "-q", f"overnight/{project.status()['session']}")
    assert "switch back to your own" in project.refused("run", "--experiments", "3")


def test_no_goal_here(tmp_path: Path) -> None:
    done = subprocess.run([*OVERNIGHT, "run"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "`overnight init`" in done.stderr


def wait_for(condition, seconds: float = 30.0) -> None:  # type: ignore[no-untyped-def]
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def test_markers_that_do_not_pair_are_named_with_their_line(project: Project) -> None:
    project.write("solve.py", f"# EVOLVE-BLOCK-START\n{SOLVE}")
    project.commit()
    said = project.refused("check")
    assert "goal.md:2: `edit`: solve.py:1: EVOLVE-BLOCK-START without an EVOLVE-BLOCK-END after it" in said
