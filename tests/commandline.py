"""The command line in processes forked from one that has loaded it already: loading takes longer than most commands do.

Each is a process of its own, with an environment, a folder, files and an end of its own. What differs from one that was
started: its modules are there already, and what they read when they are loaded (libgit2: the user's home) is that of
the tests. Tests for which that matters start one, as do all that send signals.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from multiprocessing.context import ForkServerContext
from pathlib import Path

_PRELOAD = [
    "tests.commandline",
    "overnight.cli.main",
    "overnight.cli.reading",
    "overnight.cli.view",
    "overnight.loop.session",
    "overnight.morning.chart.staircase",
    "overnight.morning.report.files",
    "matplotlib.backends.backend_agg",
    "matplotlib.figure",
    "pygments.lexers.python",
]


def forkserver() -> ForkServerContext:
    """Where such processes come from. There is one for each process that asks, started by the first that does."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOAD)
    return context


def run(
    arguments: Sequence[str], folder: Path, *, stdin: str, env: Mapping[str, str], seconds: float
) -> subprocess.CompletedProcess[str]:
    """Run the command line to its end, in `folder` and with the environment `env`. Raises subprocess.TimeoutExpired."""
    with tempfile.TemporaryDirectory() as place:
        files = [Path(place) / name for name in ("input", "output", "errors")]
        files[0].write_text(stdin)
        process = forkserver().Process(
            target=_command_line, args=(list(arguments), str(folder), dict(env), [str(file) for file in files])
        )
        process.start()
        process.join(seconds)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(list(arguments), seconds)
        code = process.exitcode
        process.close()
        return subprocess.CompletedProcess(list(arguments), code, files[1].read_text(), files[2].read_text())


def become(arguments: Sequence[str], folder: str, env: Mapping[str, str], files: Sequence[str]) -> None:
    """Make of a forked process one that was just started: `files` are those of its input, output and errors."""
    for descriptor, file in enumerate(files):
        opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC if descriptor else os.O_RDONLY)
        os.dup2(opened, descriptor)
        os.close(opened)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - what forks has closed its own
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    tempfile.tempdir = None
    sys.argv = ["overnight", *arguments]


def _command_line(arguments: list[str], folder: str, env: dict[str, str], files: list[str]) -> None:
    from overnight.cli.main import main  # noqa: PLC0415 - loaded in the process that forks

    become(arguments, folder, env, files)
    main()
