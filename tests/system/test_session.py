"""A whole night in small: run, stop, go on, read, verify, take."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.system.conftest import SOLVE, Project
from tests.system.test_mistakes import wait_for

SLOW = SOLVE + "import time; time.sleep(0.4)\n"


def snapshot(project: Project) -> dict[str, object]:
    """Everything of the user's that a session must not touch."""
    return {
        "head": project.git("rev-parse", "HEAD"),
        "branches": [line for line in project.git("branch", "--list").splitlines() if "overnight/" not in line],
        "stash": project.git("stash", "list"),
        "index": (project.folder / ".git" / "index").read_bytes(),
        "config": (project.folder / ".git" / "config").read_bytes(),
        "worktrees": project.git("worktree", "list"),
        "files": {
            path.relative_to(project.folder).as_posix(): path.read_bytes()
            for path in sorted(project.folder.rglob("*"))
            if path.is_file() and path.relative_to(project.folder).parts[0] not in (".git", ".overnight")
        },
    }


def test_line_ends_that_git_made_for_the_checkout_are_no_change(project: Project) -> None:
    project.git("config", "core.autocrlf", "true")
    (project.folder / "solve.py").unlink()
    project.git("checkout", "solve.py")
    assert b"\r\n" in (project.folder / "solve.py").read_bytes()
    assert "not committed" not in project.ok("check")


def test_a_session_keeps_what_is_better_and_undoes_the_rest(project: Project) -> None:
    project.write("solve.py", SOLVE + "# a change of the user's that is not committed\n")
    project.write("note.txt", "untracked")
    before = snapshot(project)
    said = project.ok("run")
    assert snapshot(project) == before
    assert "solve.py has changes that are not committed" in said
    log = project.log()
    assert [record["number"] for record in log] == list(range(13))
    # The knob goes 13, 16, … 46 and is best at 37: experiment 9.
    assert [record["verdict"] for record in log] == ["baseline", *["keep"] * 9, *["discard"] * 3]
    assert log[9]["metric"] == 0
    assert log[1]["gain"] == log[1]["gain_low"] == log[1]["gain_high"] == 3
    status = project.status()
    assert (status["state"], status["experiments"], status["kept"]) == ("finished", 12, 9)
    assert (status["baseline"], status["best"], status["improvement_percent"]) == (27, 0, 100)
    branch = project.git("log", "--format=%s|%b", f"main..overnight/{status['session']}").split("\n\n")
    assert len([line for line in branch if line.strip()]) == 9
    assert "set the knob to 37|loss: 3 -> 0 (experiment 9)" in branch[0]
    refs = project.git("for-each-ref", "--format=%(refname)", f"refs/overnight/{status['session']}").split()
    assert len(refs) == 12
    assert not (project.folder / ".overnight" / "work").exists()


def test_a_finished_session_says_so_and_goes_on_when_asked_for_more(project: Project) -> None:
    project.ok("run", "--experiments", "2")
    assert "is finished: all 2 experiments are done" in project.ok("run", "--experiments", "2")
    project.ok("run", "--experiments", "3")
    assert [record["number"] for record in project.log()] == [0, 1, 2, 3]


@pytest.mark.parametrize("how", ["ctrl-c", "sigterm", "stop"])
def test_interrupted_and_taken_up_again_is_as_if_nothing_had_been(project: Project, how: str) -> None:
    project.write("solve.py", SLOW)
    project.commit()
    before = snapshot(project)
    process = project.start("run", "--plain")
    ledger = project.folder / ".overnight" / "ledger.db"
    wait_for(lambda: ledger.exists() and _count(ledger, "judged") >= 3)
    if how == "stop":
        assert f"process {process.pid}" in project.ok("stop")
    else:
        process.send_signal(signal.SIGINT if how == "ctrl-c" else signal.SIGTERM)
    assert process.wait(30) == 130
    assert process.stdout is not None
    assert "`overnight run` goes on where it was" in process.stdout.read()
    assert project.status()["state"] == "stopped"
    assert snapshot(project) == before
    assert not (project.folder / ".overnight" / "work").exists()
    assert "goes on after" in project.ok("run")
    _assert_whole_night(project)


def test_killed_hard_in_the_middle_of_a_run_it_goes_on(project: Project) -> None:
    project.write("solve.py", SLOW)
    project.commit()
    ledger = project.folder / ".overnight" / "ledger.db"
    for verdicts in (1, 4, 7):
        process = project.start("run", "--plain")
        wait_for(lambda wanted=verdicts: ledger.exists() and _count(ledger, "judged") >= wanted)
        children = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.wait()
        for child in children:
            child.kill() if child.is_running() else None
        assert project.status()["state"] == "stopped"
    project.ok("run")
    _assert_whole_night(project)


def _assert_whole_night(project: Project) -> None:
    log = project.log()
    assert [record["number"] for record in log] == list(range(13))
    assert [record["metric"] for record in log[:10]] == [27 - 3 * n for n in range(10)]
    assert project.status()["state"] == "finished"
    tip = project.git("rev-parse", f"overnight/{project.status()['session']}").strip()
    assert tip == log[9]["commit"]


def _count(ledger: Path, kind: str) -> int:
    with sqlite3.connect(ledger) as connection:
        try:
            return int(connection.execute("SELECT count(*) FROM events WHERE kind = ?", (kind,)).fetchone()[0])
        except sqlite3.OperationalError:
            return 0


def test_a_run_that_forks_away_is_ended_with_its_session(project: Project) -> None:
    project.write("solve.py", "import subprocess\nsubprocess.Popen(['setsid', 'sleep', '98765'])\n" + SOLVE)
    project.commit()
    project.ok("run", "--experiments", "1", "--agent", "echo '#' >> solve.py")
    assert not [process for process in psutil.process_iter(["cmdline"]) if "98765" in (process.info["cmdline"] or [])]


def test_a_large_gain_in_a_noisy_metric_is_kept_with_an_honest_interval(project: Project) -> None:
    noisy = SOLVE.replace(
        "print(", "import os, random\nrandom.seed(os.environ['OVERNIGHT_SEED'] + str(KNOB))\nprint("
    ).replace("abs(KNOB - 37)", "abs(KNOB - 37) + random.gauss(0, 0.3)")
    project.write("solve.py", noisy)
    project.commit()
    project.write("agent.sh", "sed -i.bak 's/KNOB = .*/KNOB = 20/' solve.py && rm solve.py.bak\n")
    project.commit()
    project.ok("run", "--experiments", "1")
    record = project.log()[1]
    assert record["verdict"] == "keep"
    assert 0 < record["gain_low"] < 10 < record["gain_high"] < 20


def test_frozen_scorer_reads_the_artifacts_and_alone_says_the_metric(project: Project) -> None:
    project.write(
        "solve.py",
        "KNOB = 10\nimport os\n"
        "open(os.environ['OVERNIGHT_ARTIFACTS'] + '/knob', 'w').write(str(KNOB))\nprint('loss: 0')\n",
    )
    project.write(
        "score.py",
        "import os\nprint('loss:', abs(int(open(os.environ['OVERNIGHT_ARTIFACTS'] + '/knob').read()) - 37))\n",
    )
    project.set(score=f"{sys.executable} score.py")
    project.write("agent.sh", "sed -i.bak 's/KNOB = .*/KNOB = 30/' solve.py; rm solve.py.bak\n")
    project.commit()
    project.ok("run", "--experiments", "1")
    assert [record["metric"] for record in project.log()] == [27, 7]


def test_a_run_that_changes_the_scorer_is_invalid(project: Project) -> None:
    project.write("score.py", "print('loss: 5')\n")
    project.set(score=f"{sys.executable} score.py")
    project.commit()
    cheat = "for f in ../score/score.py ../../score/score.py; do test -f $f && echo \"print('loss: 1')\" > $f; done"
    agent = f'echo \'import os; os.system("""{cheat}""")\' > solve.py'
    project.write("agent.sh", agent + "\n")
    project.commit()
    project.ok("run", "--no-sandbox", "--experiments", "2")
    assert {record["verdict"] for record in project.log()[1:]} <= {"invalid", "no_change", "discard"}
    assert project.status()["kept"] == 0
    assert "changed the scorer's own copy of score.py" in project.log()[1]["reason"]


@pytest.mark.parametrize(("overtime", "verdict"), [("fail", "timeout"), ("score", "keep")])
def test_overtime(project: Project, overtime: str, verdict: str) -> None:
    project.set(budget="2s", overtime=overtime)
    project.write("agent.sh", "printf 'import time\\nprint(\"loss: 1\", flush=True)\\ntime.sleep(60)\\n' > solve.py\n")
    project.commit()
    project.ok("run", "--experiments", "1")
    assert project.log()[1]["verdict"] == verdict


def test_guards_must_hold_before_a_keep(project: Project) -> None:
    project.set(guards='["! grep 37 solve.py", "loss > 2"]')
    project.write("agent.sh", AGENT_37)
    project.commit("guards")
    # 37 stands in the formula too, so the baseline itself fails: that must be said, not found out in the morning.
    assert "the baseline itself fails: guard `! grep 37 solve.py`" in project.refused("run", "--experiments", "1")
    project.set(guards='["! grep \'KNOB = 37\' solve.py", "loss > 2"]')
    project.ok("run", "--experiments", "2")
    log = project.log()
    assert [record["verdict"] for record in log[1:]] == ["discard", "discard"]
    assert "guard `! grep 'KNOB = 37' solve.py` did not hold" in log[1]["reason"]
    assert "guard `loss > 2` did not hold: it is 1" in log[2]["reason"]


AGENT_37 = """grep -q "^# Experiment 1$" "$OVERNIGHT_BRIEF" && knob=37 || knob=36
sed -i.bak "s/^KNOB = .*/KNOB = $knob/" solve.py; rm solve.py.bak
"""


def test_exports_are_what_other_programs_expect(project: Project) -> None:
    project.ok("run", "--experiments", "11")
    tsv = project.ok("export").splitlines()
    assert tsv[0] == "commit\tval_bpb\tmemory_gb\tstatus\tdescription"
    assert [line.split("\t")[3] for line in tsv[1:]] == [*["keep"] * 10, *["discard"] * 2]
    assert all(len(line.split("\t")[0]) == 7 for line in tsv[1:])
    assert tsv[1].split("\t")[1:] == ["27.000000", "0.0", "keep", "baseline"]
    rows = list(csv.DictReader(io.StringIO(project.ok("export", "--format", "csv"))))
    assert [row["verdict"] for row in rows] == [record["verdict"] for record in project.log()]
    assert json.loads(project.ok("export", "--format", "json")) == project.log()
    project.ok("export", "-o", "results.tsv")
    assert (project.folder / "results.tsv").read_text().splitlines() == tsv


def test_show_tells_everything_about_one_experiment(project: Project) -> None:
    project.ok("run", "--experiments", "2")
    shown = project.ok("show", "2")
    for part in ("set the knob to 16", "keep: better by 3", "-KNOB = 13", "+KNOB = 16", "candidate", "loss: 21"):
        assert part in shown


def test_verify_and_apply(project: Project) -> None:
    project.ok("run")
    assert "Verified 100 % better" in project.ok("verify")
    assert project.status()["verified_percent"] == 100
    assert "9 kept changes fast-forwarded" in project.ok("apply")
    assert "KNOB = 37" in (project.folder / "solve.py").read_text()
    assert "has all kept changes already" in project.ok("apply")


def test_apply_beside_the_users_own_commits(project: Project) -> None:
    project.ok("run", "--experiments", "2")
    project.write("other.txt", "mine")
    mine = project.commit("mine")
    assert "2 kept changes cherry-picked" in project.ok("apply")
    assert project.git("rev-parse", "HEAD~2").strip() == mine
    assert "KNOB = 16" in (project.folder / "solve.py").read_text()


def test_apply_refuses_a_conflict_and_a_dirty_file(project: Project) -> None:
    project.ok("run", "--experiments", "2")
    project.write("solve.py", "KNOB = 0  # dirty\n")
    before = snapshot(project)
    assert "solve.py has changes that are not committed" in project.refused("apply")
    assert snapshot(project) == before
    project.commit("mine")
    before = snapshot(project)
    assert "touch the same lines" in project.refused("apply")
    assert snapshot(project) == before


def test_goal_in_a_folder_of_a_larger_repository(project: Project) -> None:
    inner = project.folder / "models" / "small"
    for name in ("solve.py", "agent.sh", "goal.md"):
        project.write(f"models/small/{name}", (project.folder / name).read_text())
    project.commit()
    project.ok("run", "models/small", "--experiments", "2")
    assert len(Project(inner).log()) == 3
    tip = f"overnight/{Project(inner).status()['session']}"
    assert project.git("diff", "--name-only", "main", tip).split() == ["models/small/solve.py"]
    project.write("models/small/agent.sh", "echo >> ../../solve.py\n")
    project.commit()
    project.ok("run", "models/small", "--new", "--experiments", "1")
    assert "it tried to change more than solve.py" in Project(inner).log()[1]["reason"]
    project.ok("run", "models/small", "--new", "--no-sandbox", "--experiments", "1")
    assert "it changed /solve.py" in Project(inner).log()[1]["reason"]


def test_built_in_search_finds_the_knob_and_repeats_itself_by_seed(project: Project) -> None:
    histories = []
    for _ in range(2):
        project.ok("run", "--new", "--agent", "search", "--experiments", "8", "--seed", "3")
        histories.append([(record["hypothesis"], record["verdict"]) for record in project.log()])
    assert histories[0] == histories[1]
    assert project.status()["best"] < 27
    assert "raise KNOB from 10 to" in str(histories[0])


def test_the_readers_pipe_may_close_early(project: Project) -> None:
    project.ok("run", "--experiments", "3")
    command = f"{sys.executable} -m overnight.cli.main log | head -1"
    done = subprocess.run(command, shell=True, cwd=project.folder, capture_output=True, text=True, check=True)
    assert "baseline" in done.stdout
    assert "Traceback" not in done.stderr


def test_check_says_what_a_careful_colleague_would(project: Project) -> None:
    said = project.ok("check")
    for part in (
        "loss 27, lower is better",
        "exact: three runs gave the same number",
        "solve.py",
        "the other 2 files",
        "in 8 hours",
        "printed by solve.py, which may be changed",
        "`score: python score.py`",
    ):
        assert part in said
    assert not (project.folder / ".overnight" / "ledger.db").exists()


def test_library_does_what_the_command_line_does(project: Project) -> None:
    script = (
        "from overnight import Goal, Session\n"
        "for event in Session(Goal.read('goal.md'), experiments=2).run():\n"
        "    print(type(event).__name__)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=project.folder,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ},
    )
    assert done.stdout.splitlines()[0] == "SessionOpened"
    assert done.stdout.splitlines()[-1] == "SessionClosed"
    assert done.stdout.count("ExperimentJudged") == 3
