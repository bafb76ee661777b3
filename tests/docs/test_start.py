"""The page "Start in five minutes" does what it says, word for word, in a folder where nothing is yet."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

START = Path(__file__).parents[2] / "docs" / "start.md"
BLOCK = re.compile(r'^```(?:sh|\w+ title="(?P<name>[^"]+)")\n(?P<text>.*?)^```$', re.M | re.S)


def test_each_file_and_each_command_of_the_page(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "overnight"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m overnight.cli.main "$@"\n')
    program.chmod(0o755)
    folder = tmp_path / "van"
    folder.mkdir()
    who = {f"GIT_{who}_{what}": "ada@localhost" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    path = os.pathsep.join([str(program.parent), str(Path(sys.executable).parent), os.environ["PATH"]])
    said: dict[str, str] = {}
    for block in BLOCK.finditer(START.read_text()):
        if block["name"]:
            (folder / block["name"]).write_text(block["text"])
            continue
        shell = ["sh", "-e", "-c", block["text"]]
        done = subprocess.run(
            shell, cwd=folder, env={**os.environ, **who, "PATH": path}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, block["text"] + done.stdout + done.stderr
        said[block["text"].split("\n", maxsplit=1)[0]] = done.stdout
    assert "noisy" in said["overnight check --init"]
    assert "12 experiments" in said["overnight run"]
    verified = re.search(r"Verified ([\d.]+) % better", said["overnight verify"])
    assert verified, said
    assert float(verified[1]) > 10
    assert "onto your branch" in said["overnight apply"]
    assert "COLD = 0.1 " not in (folder / "route.py").read_text()
