"""The whole thing with a pretend post office and pretend people: starts both, then `overnight run`.

    python demo.py                  any further words go to `overnight run`

Nothing leaves this machine. The people are a simulation (people.py), and so is whoever approves each letter here: with
your own, `approve: human` waits for you.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

HERE = Path(__file__).parent
OWNER = "ada@rowbook.example"
PEOPLE = 24_000
FIRST = ("Aino", "Bram", "Chiara", "Dag", "Elif", "Fionn", "Greta", "Hugo", "Inês", "Jan", "Kaja", "Luc", "Maren")
TOWNS = ("Bergen", "Porto", "Gent", "Bled", "Cork", "Lucerne", "Riga", "Delft", "Pisa", "Turku", "Vigo", "Sligo")
MAIL = """# Written by demo.py: a pretend post office on this machine.
[sender]
name = "Ada Rower"
address = "{owner}"
organisation = "Rowbook Ltd"
postal_address = "1 Boathouse Lane, Bergen, Norway"
why = "I found your address on your club's public contact page, and write because clubs use Rowbook to book boats."
[smtp]
host = "127.0.0.1"
port = {smtp}
security = "none"
[imap]
host = "127.0.0.1"
port = {imap}
security = "none"
user = "ada"
password_variable = "DEMO_MAIL_PASSWORD"
[limits]
a_day = 1000000
at_once = 150
"""


def write_recipients(path: Path) -> None:
    """Pretend people at addresses that cannot exist; three in a hundred have moved away."""
    chance = random.Random(0)
    with path.open("w", encoding="utf-8") as file:
        file.write("email,first_name,company,town\n")
        for number in range(PEOPLE):
            first, town = chance.choice(FIRST), chance.choice(TOWNS)
            gone = "gone." if chance.random() < 0.03 else ""
            file.write(f"{gone}{number}@club-{number % 997}.example,{first},{town} Rowing Club,{town}\n")


def approve_all(environment: dict[str, str], ended: threading.Event) -> None:
    """The pretend person who looks at each letter before it goes out, and never minds."""
    while not ended.wait(1.0):
        number = json.loads(overnight(environment, "status", "--json") or "{}").get("awaits_approval")
        if number is not None:
            overnight(environment, "approve", str(number), "--yes")


def overnight(environment: dict[str, str], *words: str) -> str:
    """What a command of Overnight prints."""
    command = [sys.executable, "-m", "overnight.cli.main", *words]
    return subprocess.run(command, cwd=HERE, env=environment, check=False, capture_output=True, text=True).stdout


def main() -> int:
    folder = HERE / "mail"
    settings = folder / "mail.toml"
    if folder.exists() and not (settings.exists() and settings.read_text().startswith(MAIL.partition("\n")[0])):
        raise SystemExit(
            f"demo.py: {folder} is not of this demo's making, so it leaves it alone; try a copy of the example"
        )
    folder.mkdir(exist_ok=True)
    settings.write_text(MAIL)  # So that the next demo knows the folder, if this one ends early.
    (folder / ".gitignore").write_text("*\n")
    write_recipients(folder / "recipients.csv")
    bin_folder = str(Path(sys.executable).parent)  # goal.md says `python`: this one.
    path = os.pathsep.join([bin_folder, os.environ.get("PATH", "")])
    environment = {**os.environ, "PATH": path, "DEMO_MAIL_PASSWORD": "pretend"}
    started: list[subprocess.Popen[str]] = []
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))  # so that what was started ends with this
    ended = threading.Event()

    def start(*words: str) -> subprocess.Popen[str]:
        # Out of reach of Ctrl-C: Overnight, which gets it, is to end before the post office does.
        command = [sys.executable, *words]
        process = subprocess.Popen(
            command, cwd=HERE, env=environment, text=True, stdout=subprocess.PIPE, start_new_session=True
        )
        started.append(process)
        return process

    try:
        office = start("post_office.py", OWNER, "mail/people")
        ports = re.search(r"smtp (\d+) imap (\d+)", office.stdout.readline() if office.stdout else "")
        if ports is None:
            return 1  # It has said why.
        settings.write_text(MAIL.format(owner=OWNER, smtp=ports[1], imap=ports[2]))
        start("people.py", "mail/people", ports[1])
        print("A pretend post office and pretend people: nothing leaves this machine.", flush=True)
        threading.Thread(target=approve_all, args=(environment, ended), daemon=True).start()
        command = [sys.executable, "-m", "overnight.cli.main", "run", *sys.argv[1:]]
        session = subprocess.Popen(command, cwd=HERE, env=environment, text=True)
        started.append(session)
        return session.wait()
    except KeyboardInterrupt:
        return 130
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Overnight has heard it, and is waited for.
        ended.set()
        for process in reversed(started):
            process.terminate()
            process.wait()


if __name__ == "__main__":
    raise SystemExit(main())
