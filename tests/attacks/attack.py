"""An attack: a small program that tries one thing, and what must come of it with a sandbox and without."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tests.attacks.victim import Victim

Verdict = Literal["keep", "discard", "crash", "timeout", "invalid", "no_change"]

EVIL = "print('loss: 0.0')\n"
"""The scorer that everybody wants."""

KIT = '''\
import contextlib, glob, json, os, pathlib, shutil, signal, subprocess, sys, time

BY, MARK, PORT, SANDBOXED = {by!r}, {mark!r}, {port}, {sandboxed}
ROOM = pathlib.Path({room!r})
PROJECT, HOME = ROOM / "project", ROOM / "home"  # where the user's own are: an attacker finds out
EVIL = {evil!r}  # the scorer that everybody wants
trying = contextlib.suppress(Exception)
print("TRYING", MARK, flush=True)


def as_usual():
    """What an honest guest would do: answer 0, which is a loss of 1, or add a comment."""
    if BY == "agent":
        with open("solve.py", "a") as file:
            file.write(f"# {{MARK}}\\n")
    else:
        answer([0.0] * len(json.load(open("data.json"))))


def answer(values):
    """Be scored on these."""
    write(os.environ["OVERNIGHT_ARTIFACTS"] + "/answer.json", json.dumps(values))


def write(path, text):
    """Make `text` the file's contents."""
    with open(path, "w") as file:
        file.write(text)


def loot(what):
    """Carry something off: what is printed here is found in the logs."""
    print("LOOT", MARK, str(what)[:300], flush=True)


def scorers():
    """Where the scorer will run: folders with a score.py in them, besides this one."""
    around = glob.glob("../*/score.py") + glob.glob(f"{{PROJECT}}/.overnight/*/*/score.py")
    return sorted({{os.path.realpath(os.path.dirname(path)) for path in around}} - {{os.getcwd(), str(PROJECT)}})


def harness():
    """The process that started this guest: the nearest ancestor in another session."""
    pid = os.getpid()
    while pid > 1 and os.getsid(pid) == os.getsid(0):
        pid = int(open(f"/proc/{{pid}}/stat").read().rpartition(")")[2].split()[1])
    assert SANDBOXED or pid > 1, "this would be the machine's own init"
    return pid or 1


def detach():
    """Go on in a process that left the session and whose parent is gone; everybody else goes on after the call."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            return True
        os._exit(0)
    return False


def git(*arguments, at=PROJECT):
    """What git says there."""
    done = subprocess.run(["git", "-C", str(at), *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()

'''
"""Stands before the code of every attack."""

# Some attacks would harm the machine if nothing held them: they look first.
_ONLY_INSIDE = """
if {{kind: os.readlink(f"/proc/self/ns/{{kind}}") for kind in ("pid", "mnt")}}.items() & {outside!r}:
    loot("there is no sandbox around this attack")
    sys.exit(1)

"""


@dataclass(frozen=True)
class Attack:
    """One thing that is tried."""

    name: str
    by: Literal["agent", "candidate"]
    """`agent`: the code is run to propose experiment 1. `candidate`: it becomes the edit file, and is run."""
    tries: str
    """In one sentence."""
    code: str
    """Python, after `KIT`."""
    verdicts: frozenset[Verdict]
    """What experiment 1 may be in a sandbox."""
    without: frozenset[Verdict] | None = None
    """The same without a sandbox, if that differs."""
    holds_without_sandbox: bool = True
    """Whether it gains nothing then, too. Where this is False, the test asserts that it does gain something: an attack
    that harms nobody although nothing stops it proves nothing about what stops it."""
    always_works: bool = True
    """Where it does not hold: whether it works on every machine, for every user."""
    forges_history: bool = False
    """Where it does not hold: whether even the ledger cannot be believed afterwards."""
    only_sandboxed: bool = False
    """Without a sandbox it would harm this machine: it is not even tried, and makes sure of that itself."""
    twice: bool = False
    """It is experiment 2 as well: it leaves something to itself."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """What goal.md says otherwise than usual."""
    check: Callable[[Victim], str] | None = None
    """Looks for one more trace; says what it found, or ""."""

    def arm(self, victim: Victim, *, sandboxed: bool) -> None:
        """Put it into the victim's project."""
        known = {"by": self.by, "mark": victim.mark, "port": victim.port, "room": str(victim.room), "evil": EVIL}
        code = KIT.format(**known, sandboxed=sandboxed)
        if self.only_sandboxed:
            namespaces = Path("/proc/self/ns")
            outside = {(kind, str((namespaces / kind).readlink())) for kind in ("pid", "mnt")}
            code += _ONLY_INSIDE.format(outside=outside)
        attacking = (1, 2) if self.twice else (1,)
        victim.arm(code + self.code, self.by, attacking, self.settings, sandboxed=sandboxed)

    def allowed(self, *, sandboxed: bool) -> frozenset[Verdict]:
        """What experiment 1 may be."""
        return self.verdicts if sandboxed or self.without is None else self.without


def one_of(*verdicts: Verdict) -> frozenset[Verdict]:
    """A set of verdicts."""
    return frozenset(verdicts)


UNSEEN = one_of("discard", "invalid")
"""It could not do it and was scored as what it is, or was caught."""
