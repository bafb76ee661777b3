"""How each block and each command of the documentation is tried.

A new block needs nothing here where it is one of these: a goal.md, settings, JSON, TOML, Python that runs in a
project's folder, or commands that run in the folder of a finished session. Any other gets an entry, in one of these:

- `BLOCKS`: what a whole block is tried by;
- `COMMANDS`: what one command is run by, on all pages or on one, where it needs another folder or somebody who answers;
- `NOT_HERE`: commands that cannot be run in a test, with the reason. That they exist, with their flags, is looked at.
"""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from contextlib import AbstractContextManager

from overnight.cli.check import _slots_words
from overnight.goal.document import Goal
from overnight.loop.inbox import Request
from overnight.loop.neighbours import Beside
from overnight.loop.state import State
from overnight.runs.metrics import numbers_in, read_pair
from tests.checkout import Checkout
from tests.dashboard.waiting import waiting
from tests.docs.blocks import ROOT, Block, commands_of
from tests.docs.commands import check
from tests.docs.places import Places, shell
from tests.integrations.test_github import workflow
from tests.system.test_steering import until

CI = "docs/ci.md"
ARCHITECTURE, CONTRACTS, DECIDING = "docs/architecture.md", "docs/contracts.md", "docs/deciding.md"
FOREIGN, LIVE, SKILL = "docs/foreign.md", "docs/live.md", "src/overnight/cli/instructions/skill.md"

NOT_HERE = {
    "make demo": "takes five minutes; tests/system/test_demo.py runs what it runs",
    "make test": "is the suite that this is part of",
    "pip install 'overnight[models]'": "needs a package index",
    "pip install 'overnight[mcp]'": "needs a package index",
    "overnight mcp": "serves whoever started it; tests/mcp has real clients",
    "overnight mcp path/to/goal.md": "as above",
    "overnight mcp --http": "as above",
    "ssh -L 8712:127.0.0.1:8712 HOST": "needs another machine",
    "python benchmarks/judge/simulate.py > table.txt": "takes twenty minutes",
    "OPENBLAS_NUM_THREADS=1 python benchmarks/judge/parallel.py --nights 200": "takes hours",
    "overnight export --to mlflow --uri http://localhost:5000": "needs a server; tests/system/test_mlflow.py has one",
    "python -m tests.system.torture": "takes hours; tests/system/test_torture.py runs a part",
    "python -m tests.system.torture --kills 300": "takes half an hour",
    "python -m tests.system.torture --every-step": "takes half an hour",
    "python -m tests.system.torture --errors --limit 500": "takes half an hour",
    "python -m tests.system.torture --git": "takes minutes",
}


def a_drawing(_: Block, __: Places) -> None:
    """Nothing to run."""


def rooms(block: Block, _: Places) -> None:
    """Every room and every file that the drawing names is there."""
    for room, rest in re.findall(r"^[ ├└─│]*(\w+)/ +(.*)$", block.text, re.MULTILINE):
        folder = ROOT / "src" / "overnight" / room
        assert folder.is_dir(), room
        for name in re.findall(r"[\w]+\.py|[\w]+/", rest):
            assert (folder / name).exists(), f"{room}/{name}"


def whole_program(block: Block, places: Places) -> None:
    """The command exists, and its output looks like that."""
    command, *shown = block.text.splitlines()
    check(command)
    folder = places.top / "program"
    folder.mkdir()
    said = shell(
        folder,
        "python -c 'from rules import Result; from whole_program import line\n"
        'print(line("program", [Result(1.0, 0, 3, 1.0, 150, 150)]))\'',
        PYTHONPATH=os.pathsep.join([f"{ROOT}/benchmarks/judge", os.environ.get("PYTHONPATH", "")]),
        PYTHONDONTWRITEBYTECODE="1",
    )
    lines = [line.strip() for line in shown if line.strip().startswith(("program", "simulation"))]
    assert {shape(line.replace("simulation", "program")) for line in lines} == {shape(said.strip())}


def shape(text: str) -> str:
    """A line of output without its numbers."""
    return re.sub(r"\s+", " ", re.sub(r"\d+(?:\.\d+)?", "N", text))


def slots_line(block: Block, _: Places) -> None:
    """`check` says it in these words."""
    beside = Beside(slots=4, slowdown=1.02, is_slower=False, shift=0.0, moves=False)
    assert block.text.split(maxsplit=1)[1].strip() == _slots_words((beside,), is_exact=True)


def pairs(metric: str) -> Callable[[Block, Places], None]:
    """Lines that a comparison prints: both sides are read."""

    def case(block: Block, _: Places) -> None:
        numbers = numbers_in(block.text, metric)
        candidate, incumbent, problem = read_pair(metric, numbers)
        assert candidate is not None, problem
        assert incumbent is not None, problem
        assert len(numbers) == len(block.text.splitlines())

    return case


def agent_of_three_lines(block: Block, places: Places) -> None:
    """It improves a program."""
    project = places.fresh("agent")
    project.write("agent.sh", block.text)
    project.set(edit="train.py", run=f"{sys.executable} train.py")
    project.commit()
    places.overnight(project, "run", "--plain", "--experiments", "1")
    first = project.log()[1]
    assert (first["verdict"], first["hypothesis"]) == ("keep", "a learning rate of 0.1")


def wish(block: Block, places: Places) -> None:
    """A session finds it in its inbox."""
    wanted = Request.model_validate_json(block.text)
    inbox = State.of(places.finished().folder).inbox
    inbox.folder.mkdir(exist_ok=True)
    (inbox.folder / f"{wanted.request}.json").write_text(block.text)
    assert inbox.waiting() == [wanted]
    inbox.clear(wanted)


def deploy(block: Block, places: Places) -> None:
    """It puts both versions where the server finds them, and takes the candidate's trial back."""
    top = places.top / "deploy"
    for name in ("site", "incumbent", "candidate"):
        (top / name).mkdir(parents=True)
    for name in ("incumbent", "candidate"):
        (top / name / "page.html").write_text(name)
    assert "/srv/site" in block.text
    script = block.text.replace("/srv/site", str(top / "site"))
    sides = {"OVERNIGHT_TRIAL": "t1", "OVERNIGHT_INCUMBENT": str(top / "incumbent")}
    both = {**sides, "OVERNIGHT_CANDIDATE": str(top / "candidate")}
    for env, trial in ((both, "t1"), (sides, "")):
        subprocess.run([sys.executable, "-c", script], env={**os.environ, **env}, check=True)
        assert (top / "site" / "trial").read_text() == trial
    assert (top / "site" / "candidate.html").read_text() == "candidate"


def foreign(block: Block, places: Places) -> None:
    """From somebody else's problem to a session, which is cut short."""
    init, change, *commands = commands_of(block.text)
    assert init == "overnight init --from path/to/the/problem"
    assert change == "cd path/to/the/problem"
    theirs = places.foreign()
    assert "an OpenEvolve example" in places.overnight(theirs, *init.split()[1:], says="y\n")
    problem = Checkout(theirs.folder / "path" / "to" / "the" / "problem")
    goal = (problem.folder / "goal.md").read_text()
    problem.write("goal.md", re.sub(r"experiments: \d+", "experiments: 1", goal))
    problem.commit()
    said = [places.overnight(problem, *command.split()[1:]) for command in commands]
    assert "Overnight ran 1 experiment " in said[-1]


def ci(block: Block, _: Places) -> None:
    """Run step by step in tests/integrations/test_github.py."""
    assert workflow()["jobs"].keys() == {"night", "pull-requests"}
    assert block.text.startswith("# .github/workflows/overnight.yml")


def skills_scorer(block: Block, places: Places) -> None:
    """It reads what a run made, and what was wanted, and prints the share that is right."""
    folder = places.top / "scorer"
    folder.mkdir()
    (folder / "labels.json").write_text("[1, 2, 3, 4]")
    (folder / "predictions.json").write_text("[1, 2, 3, 5]")
    (folder / "score.py").write_text(block.text)
    said = shell(folder, "python score.py", OVERNIGHT_ARTIFACTS=str(folder))
    assert numbers_in(said) == {"accuracy": 0.75}


BLOCKS: dict[tuple[str, str], Callable[[Block, Places], None]] = {
    (ARCHITECTURE, "goal.md ──► brief ──► proposal ──► candidate ──► run ──► ver"): a_drawing,
    (ARCHITECTURE, "cli/        commands, thin; each loads only what it needs"): rooms,
    (CI, "# .github/workflows/overnight.yml"): ci,
    (CONTRACTS, "slots         4 slots: a run beside 3 others takes 1.02 time"): slots_line,
    (CONTRACTS, "incumbent.p95_ms: 12.5"): pairs("p95_ms"),
    (CONTRACTS, "incumbent.conversions: 31/400"): pairs("conversions"),
    (CONTRACTS, "n=$(sed -n 's/^# Experiment //p' \"$OVERNIGHT_BRIEF\" | head -"): agent_of_three_lines,
    (CONTRACTS, '{"act": "hint", "text": "try a shorter warm-up", "request":'): wish,
    (DECIDING, "python benchmarks/judge/whole_program.py --nights 8 --experi"): whole_program,
    (FOREIGN, "overnight init --from path/to/the/problem"): foreign,
    (LIVE, "import os, pathlib, shutil"): deploy,
    (LIVE, "incumbent.conversions: 31/400"): pairs("conversions"),
    (SKILL, "# score.py: run after each run, in a copy of the project as"): skills_scorer,
}


def init(_: str, places: Places) -> None:
    """Five times Enter."""
    project = places.fresh("init")
    (project.folder / "goal.md").unlink()
    places.overnight(project, "init", says="\n" * 5)
    assert Goal.read(project.folder / "goal.md").settings.metric == "loss"


def init_from(command: str, places: Places) -> None:
    """Of somebody else's problem, with a yes."""
    theirs = places.foreign()
    places.overnight(theirs, *command.split()[1:], says="y\n")
    assert (theirs.folder / "path" / "to" / "the" / "problem" / "goal.md").exists()


def serve(command: str, places: Places) -> None:
    """The page can be opened."""
    _open(places.started(places.finished(), *command.split()[1:]))


def run_and_serve(command: str, places: Places) -> None:
    """The same, beside a session."""
    project = places.fresh("served")
    project.set(run=f"sleep 0.3; {sys.executable} solve.py")
    project.commit()
    _open(places.started(project, *command.split()[1:]))


def _open(started: AbstractContextManager[tuple[subprocess.Popen[str], str]]) -> None:
    with started as (_, address), urllib.request.urlopen(address, timeout=60) as page:
        assert page.status == 200


def watch(command: str, places: Places) -> None:
    """From the beginning of a session to its end."""
    project = places.fresh("watched")
    project.set(run=f"sleep 0.5; {sys.executable} solve.py")
    project.commit()
    running = project.start("run", "--plain")
    until((project.folder / ".overnight" / "now.json").exists, "it never began")
    assert "Finished: all 3 experiments are done" in places.overnight(project, *command.split()[1:])
    assert running.wait(60) == 0


def answered(command: str, places: Places) -> None:
    """`approve 3` and `reject 3 "…"`, where experiment 3 waits."""
    folder = places.fresh("waiting").folder
    with waiting(Checkout(folder)) as shop:
        shop.propose(3, {"page.html": b"<h1>Tea</h1>\n<p>One pound</p>\n"})
        words = [word.strip('"') for word in re.findall(r'"[^"]*"|\S+', command)]
        places.overnight(shop.checkout, *words[1:], says="y\n")
        assert shop.take_note().number == 3


def sql(command: str, places: Places) -> None:
    """Put to SQLite itself: its program is not on every machine."""
    found = re.fullmatch(r'sqlite3 (\S+) "(.*)"', command)
    assert found
    with sqlite3.connect(places.finished().folder / found[1]) as ledger:
        assert [row[0] for row in ledger.execute(found[2])] == [0, 1, 2, 3]


def frontier(command: str, places: Places) -> None:
    """From the table that is in the repository."""
    folder = places.top / "frontier"
    (folder / "docs" / "images").mkdir(parents=True)
    (folder / "table.txt").write_bytes((ROOT / "benchmarks" / "judge" / "table.txt").read_bytes())
    shell(folder, command.replace("benchmarks/", f"{ROOT}/benchmarks/"))
    assert (folder / "docs" / "images" / "frontier.png").stat().st_size > 10_000


def fetch(command: str, places: Places) -> None:
    """In another checkout."""
    project = places.finished()
    places.once(project, "apply", "--split", "--bundle", "kept.bundle")
    project.git("clone", "-q", ".", str(places.top / "other"))
    other = Checkout(places.top / "other")
    (other.folder / "kept.bundle").write_bytes((project.folder / "kept.bundle").read_bytes())
    shell(other.folder, command)
    assert len(other.git("branch", "--list", "overnight-split/*").split()) == 1


def apply(command: str, places: Places) -> None:
    """And then as it was: a session whose changes are on the branch is done with."""
    project = places.finished()
    before = project.git("rev-parse", "HEAD").strip()
    assert "3 kept changes fast-forwarded" in places.overnight(project, *command.split()[1:])
    project.git("reset", "-q", "--hard", before)


def on_live(command: str, places: Places) -> None:
    """Where people decide."""
    places.once(places.live(), *command.split()[1:])


def wandb(command: str, places: Places) -> None:
    """Without a login."""
    done = places.finished().overnight(*command.split()[1:], WANDB_MODE="offline", WANDB_SILENT="true")
    assert done.returncode == 0, done.stderr


COMMANDS: dict[tuple[str | None, str], Callable[[str, Places], None]] = {
    (None, "overnight init"): init,
    (None, "overnight init --from path/to/the/problem"): init_from,
    (None, "overnight serve"): serve,
    (None, "overnight run --serve"): run_and_serve,
    (None, "overnight watch"): watch,
    (None, "overnight apply"): apply,
    (None, "overnight approve 3"): answered,
    (None, 'overnight reject 3 "too loud"'): answered,
    (None, "overnight export --to wandb"): wandb,
    (ARCHITECTURE, 'sqlite3 .overnight/ledger.db "select number, verdict, metric, hypothesis from experiments"'): sql,
    (CI, "git fetch kept.bundle 'refs/heads/overnight-split/*:refs/heads/overnight-split/*'"): fetch,
    (DECIDING, "python benchmarks/judge/frontier.py table.txt docs/images/frontier.png"): frontier,
    (LIVE, "overnight check"): on_live,
    (LIVE, "overnight run"): on_live,
}
