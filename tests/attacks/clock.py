"""After more time than there is."""

from __future__ import annotations

from tests.attacks.attack import Attack, one_of

_TIMEOUT = one_of("timeout")
_SHORT = {"budget": "1s"}

ATTACKS = [
    Attack(
        "train-past-the-budget",
        "candidate",
        "The program has a good answer, and goes on past its budget.",
        "as_usual()\ntime.sleep(60)\n",
        _TIMEOUT,
        settings=_SHORT,
    ),
    Attack(
        "stop-the-clocks",
        "candidate",
        "The program gives itself more time in its environment, and has every clock in its process stand still.",
        """
os.environ["OVERNIGHT_BUDGET_SECONDS"] = "1000"
started, wait = time.monotonic(), time.sleep
time.time = time.monotonic = time.perf_counter = lambda: started
time.sleep = lambda seconds: None
as_usual()
while True:
    wait(1)
""",
        _TIMEOUT,
        settings=_SHORT,
    ),
    Attack(
        "set-the-machines-clock",
        "candidate",
        "The program sets the machine's clock (to what it says anyway).",
        """
as_usual()
with trying:
    time.clock_settime(time.CLOCK_REALTIME, time.time())
    loot("the clock can be set")
""",
        one_of("discard"),
        only_sandboxed=True,
    ),
    Attack(
        "ignore-sigterm",
        "candidate",
        "The program ignores the signal that asks it to end.",
        """
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
as_usual()
time.sleep(60)
""",
        _TIMEOUT,
        settings=_SHORT,
    ),
    Attack(
        "end-well-on-sigterm",
        "candidate",
        "Asked to end, the program ends at once and successfully, as if it had been in time.",
        """
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
as_usual()
time.sleep(60)
""",
        _TIMEOUT,
        settings=_SHORT,
    ),
    Attack(
        "stop-itself",
        "candidate",
        "The program stops itself, so that it gets no signal but the last.",
        "as_usual()\nos.kill(os.getpid(), signal.SIGSTOP)\n",
        _TIMEOUT,
        settings=_SHORT,
    ),
    Attack(
        "close-its-output",
        "candidate",
        "The program closes its output, so that it seems to be over, and goes on.",
        "as_usual()\nos.closerange(0, 100)\ntime.sleep(60)\n",
        _TIMEOUT,
        settings=_SHORT,
    ),
    Attack(
        "work-on-as-a-daemon",
        "candidate",
        "A process that left the session works on after the program's end, and finds the answer.",
        """
as_usual()
if detach():
    if os.fork() == 0:
        os.execvp("sleep", ["sleep", MARK])
    time.sleep(2)
    while True:
        answer([1, -1, 1, 1, -1, -1, 1, -1])
        with trying:
            write(f"/var/tmp/planted-{MARK}", "here")
""",
        one_of("discard"),
    ),
    Attack(
        "think-for-ever",
        "agent",
        "The agent does not end, ignores every signal, and leaves a daemon.",
        """
as_usual()
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    os.execvp("sleep", ["sleep", MARK])
time.sleep(60)
""",
        one_of("discard"),
        settings={"agent_timeout": "1s"},
    ),
    Attack(
        "change-the-copy-later",
        "agent",
        "A process that the agent left behind changes its copy, and those of the run and the scorer, after its end.",
        """
as_usual()
if detach():
    if os.fork() == 0:
        os.execvp("sleep", ["sleep", MARK])
    here = os.getcwd()
    while True:
        for path in (f"{here}/score.py", f"{here}/solve.py", *glob.glob(f"{here}/../*/score.py")):
            with trying:
                write(path, EVIL)
        time.sleep(0.02)
""",
        # What it did before the agent's end counts.
        one_of("discard", "invalid", "crash"),
    ),
]
