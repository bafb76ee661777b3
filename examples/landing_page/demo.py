"""The whole thing with pretend visitors: starts the server and the visitors, then `overnight run`.

    python demo.py                  any further words go to `overnight run`

The visitors are a simulation; see visitors.py.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
PER_SECOND = "200"


def main() -> int:
    bin_folder = str(Path(sys.executable).parent)  # goal.md says `python`: this one.
    environment = {**os.environ, "PATH": os.pathsep.join([bin_folder, os.environ.get("PATH", "")])}
    started: list[subprocess.Popen[str]] = []
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))  # so that what was started ends with this

    def start(*words: str) -> subprocess.Popen[str]:
        # Out of reach of Ctrl-C: Overnight, which gets it, takes the variant back first, and needs the server for that.
        command = [sys.executable, *words]
        process = subprocess.Popen(
            command, cwd=HERE, env=environment, text=True, stdout=subprocess.PIPE, start_new_session=True
        )
        started.append(process)
        return process

    try:
        server = start("server.py", "--port", "0")
        said = server.stdout.readline() if server.stdout else ""
        address = re.search(r"http://[\d.:]+", said)
        if address is None:
            return 1  # It has said why.
        print(f"{said.strip()}; {PER_SECOND} pretend visitors a second come to it", flush=True)
        start("visitors.py", address[0], "--per-second", PER_SECOND)
        command = [sys.executable, "-m", "overnight.cli.main", "run", *sys.argv[1:]]
        session = subprocess.Popen(command, cwd=HERE, env=environment, text=True)
        started.append(session)
        return session.wait()
    except KeyboardInterrupt:
        return 130
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Overnight has heard it, and is waited for.
        for process in reversed(started):
            process.terminate()
            process.wait()


if __name__ == "__main__":
    raise SystemExit(main())
