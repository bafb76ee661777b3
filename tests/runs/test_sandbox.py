"""What a guest finds in its room, tried in the real one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from overnight.runs.bubblewrap import Bubblewrap
from overnight.runs.environment import guest_environment
from overnight.runs.places import hidden_places
from overnight.runs.sandbox import Limits, NoSandbox, Room, Sandbox, find_sandbox, limited, words_of
from overnight.runs.seatbelt import profile
from overnight.runs.tools import tool_paths


@pytest.fixture
def confined() -> Sandbox:
    found = find_sandbox()
    if found is None:
        pytest.skip("there is no sandbox on this machine")
    return found


def said_in(sandbox: Sandbox, room: Room, command: str, *named: str) -> str:
    env = guest_environment(room, sandbox, named)
    done = subprocess.run(
        sandbox.argv(command, room),
        env=env,
        cwd=room.folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout + done.stderr


@pytest.fixture
def room(tmp_path: Path) -> Room:
    for name in ("copy/labels", "copy/open", "artifacts", "tmp"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "copy" / "labels" / "truth").write_text("37")
    (tmp_path / "copy" / "open" / "frozen").write_text("f")
    (tmp_path / "elsewhere").write_text("private")
    copy = tmp_path / "copy"
    return Room(
        copy,
        sees=(*tool_paths(sys.executable, Path("/nowhere")), copy),
        writes=(tmp_path / "artifacts", copy / "open"),
        frozen=(copy / "open" / "frozen",),
        hides=(copy / "labels",),
        tmp=tmp_path / "tmp",
    )


def test_what_may_be_read_and_written(confined: Sandbox, room: Room, tmp_path: Path) -> None:
    said = said_in(
        confined, room, f"ls labels; cat ../elsewhere; echo x > new; echo x > open/new; echo x > open/frozen; "
        f"echo x > {tmp_path}/artifacts/a; echo x > /tmp/t; echo home > $HOME/h;",
    )  # fmt: skip
    assert "37" not in said
    assert "private" not in said
    assert not (tmp_path / "copy" / "new").exists()
    assert (tmp_path / "copy" / "open" / "new").exists()
    assert (tmp_path / "copy" / "open" / "frozen").read_text() == "f"
    assert (tmp_path / "artifacts" / "a").exists()
    assert (tmp_path / "tmp" / "t").exists()
    assert list((tmp_path / "tmp").glob("home/h"))


def test_python_and_its_packages_are_there(confined: Sandbox, room: Room) -> None:
    assert said_in(confined, room, f"{sys.executable} -c 'import numpy; print(numpy.__name__)'") == "numpy\n"


def test_the_environment_holds_what_is_harmless_and_what_is_named(
    confined: Sandbox, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MY_API_KEY", "MY_OTHER_KEY", "OMP_NUM_THREADS", "CUDA_API_TOKEN", "DATABASE_URL"):
        monkeypatch.setenv(name, f"value-of-{name}")
    said = said_in(confined, room, "env", "MY_API_KEY")
    assert "value-of-MY_API_KEY" in said
    assert "value-of-OMP_NUM_THREADS" in said
    for name in ("MY_OTHER_KEY", "CUDA_API_TOKEN", "DATABASE_URL"):
        assert name not in said
    assert "value-of-DATABASE_URL" in guest_environment(room, NoSandbox())["DATABASE_URL"]


def test_no_network_but_loopback_of_its_own(confined: Sandbox, room: Room) -> None:
    count = f"{sys.executable} -c 'import socket; print(len(socket.if_nameindex()))'"
    assert said_in(confined, room, count) == "1\n"


def test_a_room_is_told_apart_by_how_it_is_mounted(room: Room) -> None:
    argv = Bubblewrap("bwrap").argv("true", room)
    mounts = [tuple(argv[at : at + 3]) for at, word in enumerate(argv) if word in ("--bind", "--ro-bind")]
    copy = str(room.folder)
    ours = [how for how, source, _ in mounts if source.startswith(copy)]
    assert ours == ["--ro-bind", "--bind", "--ro-bind"]
    assert argv.index("--unshare-net") > 0
    assert argv[-1] == "true"


def test_the_profile_for_macos_says_the_same(room: Room) -> None:
    text = profile(room)
    assert text.startswith("(version 1)\n(deny default)")
    assert f'(deny file-read* file-write* (subpath "{room.folder}/labels"))' in text
    assert f'(deny file-write* (subpath "{room.folder}/open/frozen"))' in text
    assert "(allow network*)" not in text


def test_nothing_can_be_written_where_no_limit_looks(confined: Sandbox, room: Room) -> None:
    places = ("/", "/root", "/dev", "/etc/ssh", str(room.folder / "labels"))
    said = said_in(
        confined, room, "; ".join(f"echo x 2>/dev/null > {place}/big && echo wrote {place}" for place in places)
    )
    assert "wrote" not in said


def test_a_hidden_path_is_hidden_whatever_leads_to_it(tmp_path: Path) -> None:
    project, copy = tmp_path / "project", tmp_path / "copy"
    for folder in (project, copy):
        (folder / "inner").mkdir(parents=True)
        (folder / "labels").symlink_to("inner")
    both = {project / "inner", copy / "inner"}
    assert set(hidden_places(["labels"], project, copy)) == both
    assert set(hidden_places([str(project / "inner")], project, copy)) == both


def test_words_that_cannot_be_paths_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f".{os.pathsep}{os.pathsep}/nonexistent/bin{os.pathsep}bin")
    prompt = "'" + "make it better and/or faster " * 40 + "'"
    assert tool_paths(f"sh -c {prompt} ~nobodyhere/x '~$'", tmp_path) == ()


def test_a_bin_folder_in_the_project_opens_nothing_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("project/bin", "project/share", "share"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.setenv("PATH", str(tmp_path / "project" / "bin"))
    assert tool_paths("true", tmp_path / "project") == (tmp_path / "project" / "bin",)


def test_limits_that_a_shell_sets() -> None:
    assert limited("true", None) == "true"
    assert limited("true", Limits(100, 10, 1)) == "ulimit -c 0; ulimit -f 2048\ntrue"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("python a.py --out=/x/y", ["python", "a.py", "--out=/x/y", "/x/y"]),
        ("A='b c' d", ["A=b c", "b c", "d"]),
        ("it's", ["it's"]),
    ],
)
def test_words(command: str, words: list[str]) -> None:
    assert words_of(command) == words


def test_tools_of_a_home_folder_come_without_the_rest_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    monkeypatch.setenv("HOME", str(home))
    for name in (".ssh", ".local/bin", ".local/share/keys", "conda/bin", "conda/lib", "conda/secrets", "project"):
        (home / name).mkdir(parents=True)
    (home / ".local" / "share" / "agent").mkdir()
    real = home / ".local" / "share" / "agent" / "agent"
    real.write_text("#!/bin/sh\n")
    real.chmod(0o755)
    (home / ".local" / "bin" / "agent").symlink_to(real)
    path = f"{home}/.local/bin{os.pathsep}{home}/conda/bin{os.pathsep}/usr/bin"
    monkeypatch.setenv("PATH", path)
    found = set(tool_paths("agent --fast; cat ~/.ssh/../notes", home / "project"))
    assert {home / ".local/bin", home / "conda/bin", home / "conda/lib", real, real.parent} <= found
    for private in (home, home / ".ssh", home / ".local/share", home / ".local/share/keys", home / "conda/secrets"):
        assert private not in found
    assert not any(place.is_relative_to("/usr") for place in found)


def test_what_contains_the_project_is_never_opened(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    assert tmp_path not in tool_paths(f"cat {tmp_path}", tmp_path / "project")
