"""Command lines from a process that has everything loaded already: loading takes longer than a small session does.

`python -m tests.attacks.launcher` reads requests from standard input, one line of JSON each, and answers each with one
line. A command line is a fork of it, in a session of its own and with an environment of its own, as if it had been
typed into a shell.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import overnight

ROOT = Path(__file__).parents[2]
_LOOK_SECONDS = 0.005


@dataclass(frozen=True)
class Finished:
    """How a command line ended."""

    code: int
    """Negative for the signal that ended it."""
    said: str
    """Everything it printed."""


class Launcher:
    """The other end: starts the loaded process, and has it run command lines one at a time."""

    def __init__(self, **env: str) -> None:
        """`env` is what the command lines find in `/proc/self/environ`, besides what this process has."""
        self._removing: list[subprocess.Popen[bytes]] = []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.attacks.launcher"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # One thread: a process with threads of its own must not fork.
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", **env},
        )

    def overnight(self, *arguments: str, folder: Path, seconds: float = 60, **env: str) -> Finished:
        """Run `overnight` with these arguments in `folder`, for at most `seconds`."""
        with tempfile.NamedTemporaryFile() as said:
            request = {"arguments": arguments, "folder": str(folder), "env": env, "said": said.name, "seconds": seconds}
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            code = int(self._process.stdout.readline())
            return Finished(code, Path(said.name).read_text(errors="replace"))

    def remove(self, folder: Path) -> None:
        """Delete a folder meanwhile; by the program, since Python's own way is a recursion that may be too deep."""
        self._removing.append(subprocess.Popen(["rm", "-rf", folder], stderr=subprocess.DEVNULL))

    def close(self) -> None:
        """End the loaded process."""
        self._process.communicate()
        for removing in self._removing:
            removing.wait()


def main() -> None:
    """Answer requests until there are no more."""
    _load_everything()
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            _become(request["arguments"], request["folder"], request["env"], request["said"])
        print(_code_of(child, request["seconds"]), flush=True)


def _load_everything() -> None:
    for module in pkgutil.walk_packages(overnight.__path__, "overnight."):
        importlib.import_module(module.name)
    # Drawing the report's picture takes half as long as the session, and no guest has a say in it.
    importlib.import_module("overnight.morning.report.files").write_png = _draw_nothing
    gc.freeze()


def _draw_nothing(*_: object) -> None:
    """In the place of `write_png`."""


def _become(arguments: Sequence[str], folder: str, env: Mapping[str, str], said: str) -> NoReturn:
    from overnight.cli.main import main as overnight_main  # noqa: PLC0415 - it is loaded already

    code = 1
    try:
        os.setsid()
        os.chdir(folder)
        os.environ.update({"PWD": folder, **env})
        output = os.open(said, os.O_WRONLY)
        for number, source in ((0, os.open(os.devnull, os.O_RDONLY)), (1, output), (2, output)):
            os.dup2(source, number)
        sys.argv = ["overnight", *arguments]
        overnight_main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:  # what the interpreter would do
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _code_of(child: int, seconds: float) -> int:
    """How a child ends; it is ended where it takes too long."""
    end = time.monotonic() + seconds
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
        time.sleep(_LOOK_SECONDS)


if __name__ == "__main__":
    main()
