"""After the machine: its processes, memory, disk, and whoever reads what is printed. Each is bounded by itself."""

from __future__ import annotations

from tests.attacks.attack import Attack, one_of
from tests.attacks.victim import Victim

_DISCARD = one_of("discard")
_CRASH = one_of("crash")
_LOGS = 24 * 2**20
"""What all the outputs of a session with three runs, two scorers and an agent may take on the disk."""


def _large_logs(victim: Victim) -> str:
    files = (path for path in (victim.folder / ".overnight").rglob("*") if path.is_file())
    size = sum(path.stat().st_size for path in files)
    return f"`.overnight/` takes {size} bytes" if size > _LOGS else ""


ATTACKS = [
    Attack(
        "bomb-of-forks",
        "candidate",
        "The program doubles itself eight times, and all 256 stay.",
        """
as_usual()
signal.alarm(20)
for _ in range(8):
    os.fork()
time.sleep(20)
""",
        one_of("crash", "timeout"),
        one_of("timeout"),
        settings={"budget": "1500ms", "limits": "{processes: 60}"},
    ),
    Attack(
        "chain-of-forks",
        "candidate",
        "Chains of processes that each start the next and end: whoever looks for one to end it is too late.",
        """
as_usual()
end = time.monotonic() + 0.3
for _ in range(2):
    if detach():
        while time.monotonic() < end:
            if os.fork():
                os._exit(0)
        os._exit(0)
""",
        _DISCARD,
    ),
    Attack(
        "fill-the-memory",
        "candidate",
        "The program takes 800 MB of memory.",
        """
held = [b"x" * 200_000_000 for _ in range(4)]
time.sleep(0.5)
as_usual()
""",
        _CRASH,
        _DISCARD,
        settings={"budget": "20s", "limits": "{memory_mb: 300}"},
    ),
    Attack(
        "fill-the-memory-by-many",
        "candidate",
        "Four processes of the program take 200 MB of memory each.",
        """
as_usual()
children = []
for _ in range(4):
    if (child := os.fork()) == 0:
        held = b"x" * 200_000_000
        time.sleep(0.7)
        os._exit(0)
    children.append(child)
if any(os.waitpid(child, 0)[1] for child in children):
    sys.exit(1)
""",
        _CRASH,
        _DISCARD,
        settings={"budget": "20s", "limits": "{memory_mb: 300}"},
    ),
    Attack(
        "fill-the-memory-by-sharing",
        "candidate",
        "The program takes 800 MB of memory that it would share with its children.",
        """
import mmap
held = mmap.mmap(-1, 800_000_000)
held[:: mmap.PAGESIZE] = b"x" * len(range(0, len(held), mmap.PAGESIZE))
time.sleep(0.5)
as_usual()
""",
        _CRASH,
        _DISCARD,
        settings={"budget": "20s", "limits": "{memory_mb: 300}"},
    ),
    Attack(
        "fill-the-disk",
        "candidate",
        "The program writes 250 MB of artifacts.",
        """
as_usual()
with open(os.environ["OVERNIGHT_ARTIFACTS"] + "/large", "wb") as file:
    for _ in range(250):
        file.write(bytes(2**20))
        file.flush()
time.sleep(0.5)
""",
        _CRASH,
        _DISCARD,
        settings={"limits": "{disk_mb: 100}"},
    ),
    Attack(
        "fill-the-disk-by-files-without-a-name",
        "candidate",
        "The program writes 240 MB into files that it has deleted already.",
        """
as_usual()
held = []
for n in range(3):
    held.append(open(os.environ["OVERNIGHT_ARTIFACTS"] + "/large", "wb"))
    os.unlink(held[-1].name)
    for _ in range(80):
        held[-1].write(bytes(2**20))
        held[-1].flush()
time.sleep(1)
""",
        _CRASH,
        _DISCARD,
        settings={"limits": "{disk_mb: 100}"},
    ),
    Attack(
        "nest-folders-in-the-artifacts",
        "candidate",
        "The program nests 1100 folders among the artifacts, too deep for a recursion that cleans up.",
        """
as_usual()
os.chdir(os.environ["OVERNIGHT_ARTIFACTS"])
for _ in range(1100):
    os.mkdir("d")
    os.chdir("d")
""",
        _DISCARD,
    ),
    Attack(
        "lock-the-artifacts",
        "candidate",
        "The program takes every right to its artifacts away, so that they cannot be removed.",
        """
as_usual()
os.chdir(os.environ["OVERNIGHT_ARTIFACTS"])
os.makedirs("locked/inner")
write("locked/inner/file", "here")
for folder in ("locked/inner", "locked"):
    os.chmod(folder, 0)
os.chmod(".", 0o500)
""",
        _DISCARD,
    ),
    Attack(
        "flood-the-output",
        "candidate",
        "The program prints 100 MB without a line's end.",
        """
as_usual()
for _ in range(100):
    sys.stdout.buffer.write(b"x" * 2**20)
""",
        _DISCARD,
        check=_large_logs,
    ),
    Attack(
        "flood-the-numbers",
        "candidate",
        "The program prints 100,000 numbers, each with a name of its own.",
        """
as_usual()
sys.stdout.write("".join(f"n{n}: {n}\\n" for n in range(100_000)))
""",
        _DISCARD,
        check=_large_logs,
    ),
]
