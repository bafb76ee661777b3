"""The code_speed example: what is faster is measured as faster, what is wrong is refused, who cheats gains nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from types import ModuleType

import pytest

from overnight.goal.document import Goal
from overnight.propose.literals import find
from tests.examples.imported import imported
from tests.system.conftest import Project

FOLDER = Path(__file__).parents[2] / "examples" / "code_speed"
START = (FOLDER / "templates.py").read_text()

RESOLVE = START[START.index("    if len(word) > 1") : START.index("    value = None\n    for scope")]
READ_ONCE = """    literal, name, steps = read_word(word)
    if name is None:
        return literal
"""
READ_WORD = """

@lru_cache(maxsize=None)
def read_word(word):
    if len(word) > 1 and word[0] == word[-1] and word[0] in "\\"'":
        return word[1:-1], None, ()
    if NUMBER.fullmatch(word):
        return number(word), None, ()
    if word in ("true", "false", "nil"):
        return {"true": True, "false": False, "nil": None}[word], None, ()
    if not PATH.fullmatch(word):
        raise ProblemError(f"'{word}' is no value")
    name, *steps = re.findall(r"\\w+", word)
    return None, name, steps
"""
# Ten times the work and more, which no busy machine hides.
SLOWER = """

def slower(*arguments, plain=render):
    return [plain(*arguments) for _ in range(20)][0]


render = slower
"""
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the time of day counts, helpers included")


def changed(old: str, new: str) -> str:
    """The first version with a change in one place."""
    assert START.count(old) == 1
    return START.replace(old, new)


@pytest.fixture
def compare(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """compare.py, with little work so that a test takes no time."""
    for name in ("worker", "workload", "compare"):
        imported(FOLDER, name, monkeypatch)
    monkeypatch.setattr(sys.modules["workload"], "VARIANTS", 1)
    return sys.modules["compare"]


@pytest.fixture
def seconds(compare: ModuleType) -> Callable[[str], tuple[float, float]]:
    """How long the first version and another take for the same pages."""

    def measured(source: str) -> tuple[float, float]:
        work = compare.Work(compare.workload.pages(Random(1), FOLDER / "pages"))
        old, new = compare.in_turns({"the first": START, "the second": source}, work, 1)
        assert old.answers == new.answers
        assert len(old.answers) == len(work.requests) == 32
        return old.seconds, new.seconds

    return measured


@pytest.fixture
def refused(compare: ModuleType) -> Callable[[str], str]:
    """Why a version is refused."""

    def reason(source: str) -> str:
        requests = compare.workload.pages(Random(2), FOLDER / "pages") + compare.workload.odd(Random(2))
        with pytest.raises(SystemExit) as caught:
            compare.in_turns({"the first": START, "the second": source}, compare.Work(requests), 1)
        return str(caught.value)

    return reason


Seconds = Callable[[str], tuple[float, float]]
Refused = Callable[[str], str]

# What is faster


def test_what_is_faster_is_measured_as_faster(seconds: Seconds) -> None:
    old, new = seconds(changed(RESOLVE, READ_ONCE) + READ_WORD)
    assert new < 0.95 * old


def test_what_is_slower_is_measured_as_slower_whatever_it_says_of_the_time(seconds: Seconds) -> None:
    lies = """
import time
for name in ("time", "time_ns", "perf_counter", "perf_counter_ns", "process_time", "monotonic", "clock_gettime"):
    setattr(time, name, lambda *_: 0)
print("candidate.render_ms: 0.001")
"""
    old, new = seconds(START + lies + SLOWER)
    assert new > 2 * old


def test_remembering_outputs_is_no_gain(compare: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is asked twice of a process, and every process is a fresh one."""
    monkeypatch.setattr(compare.workload, "VARIANTS", 3)
    remembers = """

def remembering(source, data, partials=None, known=set(), plain=render):
    key = repr((source, data, partials))
    if key in known:
        return "this was asked before"
    known.add(key)
    return plain(source, data, partials)


render = remembering
"""
    work = compare.Work(compare.workload.pages(Random(1), FOLDER / "pages"))
    for _ in range(2):
        old, new = compare.in_turns({"the first": START, "the second": START + remembers}, work, 1)
        assert old.answers == new.answers


# What is wrong


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("len(text) <= length", "len(text) < length"),
        ('"".join(to_text(item) for item in value)', '"".join(str(item) for item in value)'),
        ("html.escape(to_text(value))", 'to_text(value).replace("<", "&lt;")'),
        ("tokens[-1].text.rstrip()", 'tokens[-1].text.rstrip(" ")'),
        ("raise ProblemError(f\"there is no filter '{name}'\")", "continue"),
        ("if digits else round(number(value))", "if digits else int(number(value))"),
    ],
)
def test_a_version_that_differs_in_a_corner_is_refused(refused: Refused, old: str, new: str) -> None:
    assert "the first gives" in refused(changed(old, new))


def test_what_is_remembered_by_the_wrong_thing_is_refused(refused: Refused) -> None:
    by_name = changed(
        "render_template(partials[name], scopes, partials, depth + 1)", "once(name, partials, scopes, depth)"
    )
    by_name += """

def once(name, partials, scopes, depth, known={}):
    if name not in known:
        known[name] = parse(tokenise(partials[name]), 0, ())[0]
    return render_nodes(known[name], scopes, partials, depth + 1)
"""
    assert "the first gives" in refused(by_name)
    by_place = """

def remembering(source, data, partials=None, known={}, plain=render):
    return known.setdefault((source, len(data)), plain(source, data, partials))


render = remembering
"""
    assert "the first gives" in refused(START + by_place)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("x = 1 1", "cannot be loaded: SyntaxError"),
        ("raise SystemExit(0)", "cannot be loaded: SystemExit"),
        ("import os\nos._exit(0)", "ended, ran for too long or garbled"),
        ("import numpy", "cannot be loaded: ModuleNotFoundError"),
        ("import os\nos.write(1, b'candidate.render_ms: 0\\n')", "garbled"),
        ("import os, signal\nrender = lambda *_: os.kill(os.getpid(), signal.SIGKILL)", "ended"),
        ("render = lambda *_: b''", "ended"),
        ("import __main__\n__main__.render_all = lambda *_: []", "gave 0 answers of"),
        ("import __main__\n__main__.render_all = lambda *_: {}", "garbled its answer"),
        ("import __main__\n__main__.render_all = lambda *_: [1]", "the first gives"),
    ],
)
def test_a_version_that_does_not_answer_is_refused(refused: Refused, more: str, says: str) -> None:
    assert says in refused(f"{START}\n{more}\n")


# Who cheats


@linux_only
@pytest.mark.parametrize(
    "helper",
    [
        "import os; os.fork()",
        "import subprocess; subprocess.Popen(['true'])",
        "import threading; threading.Thread(target=print).start()",
        "import ctypes; assert ctypes.CDLL(None).fork() >= 0",
    ],
)
def test_nobody_has_helpers(refused: Refused, helper: str) -> None:
    refusal = refused(f"{START}\n{helper}\n")
    assert "cannot be loaded" in refusal
    later = f"def helped(*arguments, plain=render):\n    {helper}\n    return plain(*arguments)\n\n\nrender = helped\n"
    assert "failure" in refused(f"{START}\n\n{later}")


def test_a_version_stands_still_while_it_is_not_asked(compare: ModuleType) -> None:
    ticking = (
        "import signal\nsignal.signal(signal.SIGALRM, lambda *_: sum(range(10**6)))\nsignal.setitimer(0, 0.001, 0.001)"
    )
    process = compare.Process("it", f"{START}\n{ticking}\n", 1)
    try:
        before = process._clock()
        sum(range(10**7))
        assert process._clock() == before or not compare.COUNTS_PROCESSOR_TIME
    finally:
        process.end()


def test_a_version_does_not_learn_which_side_it_is(compare: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OVERNIGHT_INCUMBENT", "/the/incumbent")
    monkeypatch.setenv("OVERNIGHT_SEED", "4711")
    looks = "def render(*_): return repr((os.getcwd(), dict(os.environ), sys.argv, sys.path, __name__))"
    source = f"import os, sys\n{looks}\nTemplateError = ValueError\n"
    work = compare.Work([("{{ x }}", {}, {})])
    first, second = compare.in_turns({"the incumbent": source, "the candidate": source}, work, 1)
    ((kind, seen),) = first.answers
    assert first.answers == second.answers
    assert kind == "output"
    for word in ("incumbent", "candidate", "4711", "OVERNIGHT", str(FOLDER)):
        assert word not in seen


def test_every_seed_has_other_pages(compare: ModuleType) -> None:
    pages = compare.workload.pages
    first, again, other = (pages(Random(seed), FOLDER / "pages") for seed in (1, 1, 2))
    assert first == again
    assert not {template for template, _, _ in first} & {template for template, _, _ in other}
    data = [repr(data) for _, data, _ in first]
    assert len(set(data)) == len(data)


# The whole


def comparison(folder: Path, candidate: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    known = {"OVERNIGHT_INCUMBENT": str(folder), "OVERNIGHT_CANDIDATE": str(candidate), "OVERNIGHT_SEED": "3"}
    return subprocess.run(
        [sys.executable, "compare.py", *arguments],
        cwd=folder,
        env={**os.environ, **known, "PYTHONDONTWRITEBYTECODE": "1", **env},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """The example in a repository, with shorter comparisons."""
    shutil.copytree(FOLDER, tmp_path / "project", ignore=shutil.ignore_patterns("__pycache__", ".overnight"))
    project = Project(tmp_path / "project")
    shorter = (
        ("compare.py", "ROUNDS = 4", "ROUNDS = 1"),
        ("workload.py", "ODD = 300", "ODD = 50"),
        ("workload.py", "VARIANTS = 3", "VARIANTS = 1"),
    )
    for name, old, new in shorter:
        text = (project.folder / name).read_text()
        assert old in text
        project.write(name, text.replace(old, new))
    return project


def test_the_comparison_prints_both_or_says_in_one_sentence_why_not(project: Project, tmp_path: Path) -> None:
    same = comparison(project.folder, project.folder, "--held-out")
    lines = dict(line.split(": ") for line in same.stdout.splitlines())
    assert set(lines) == {"incumbent.render_ms", "candidate.render_ms"}
    assert all(0 < float(value) < 1000 for value in lines.values())
    missing = comparison(project.folder, tmp_path)
    assert missing.returncode == 1
    assert missing.stdout == ""
    assert missing.stderr.startswith("compare.py: ")
    assert missing.stderr.count("\n") == 1


AGENT = """
import pathlib, re, sys
number = int(re.search(r"^# Experiment (\\d+)", sys.stdin.read(), re.M)[1])
path = pathlib.Path("templates.py")
old, new, more = CHANGES[number - 1]
text = path.read_text()
assert old in text
path.write_text(text.replace(old, new) + more)
print("hypothesis: the change of number", number)
"""
RENDER = "def render(source, data, partials=None):"
# Whoever could would make the seed known, or have the harness print another number.
LOOKS = (
    "import os\nfor name in ('environ', 'mem', 'fd/1'):\n    open(f'/proc/{os.getppid()}/{name}', 'rb')\n\n\n" + RENDER
)


def test_a_session_keeps_what_is_faster_and_nothing_else(project: Project) -> None:
    changes = [
        (RESOLVE, READ_ONCE, READ_WORD),
        ("html.escape(to_text(value))", "html.escape(to_text(value), quote=False)", ""),
        (RENDER, LOOKS, ""),
    ]
    project.write("agent.py", f"CHANGES = {changes!r}\n{AGENT}")
    project.set(
        agent=f"{sys.executable} agent.py",
        compare=f"{sys.executable} compare.py",
        guards=f'["{sys.executable} -m unittest -q test_templates"]',
    )
    project.git("init", "-q", "-b", "main")
    project.commit()
    project.ok("run", "--experiments", "3")
    log = project.log()
    assert [experiment["verdict"] for experiment in log] == ["baseline", "keep", "crash", "crash"]
    assert project.status()["best"] < project.status()["baseline"]
    assert ", the candidate " in project.ok("show", "2")  # The pages may show it, or an odd template.
    assert "PermissionError" in project.ok("show", "3")


def test_the_first_version_passes_its_own_tests_and_has_constants_to_turn() -> None:
    command = [sys.executable, "-B", "-m", "unittest", "-q", "test_templates"]
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    named = {place.label for place in find("templates.py", START) if place.named}
    assert {"CACHED_EXPRESSIONS", "MAX_DEPTH"} <= named
    assert "try:" not in START.replace("try:\n", "")


def test_the_goal_is_one_that_overnight_reads() -> None:
    goal = Goal.read(FOLDER / "goal.md")
    assert goal.settings.edit == ("templates.py",)
    assert goal.settings.compare == "python compare.py"
    assert goal.settings.verify == "python compare.py --held-out"
    assert goal.settings.metric == "render_ms"
