"""A session in Weights & Biases: a group, in which each experiment is a run with a name of its own for ever.

Without a login the runs are written into folders that `wandb sync` sends later. Nothing is ever asked.
"""

from __future__ import annotations

import contextlib
import netrc
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from overnight.errors import OvernightError
from overnight.morning.tools.tracked import Tracked, TrackedSession, missing

_INIT_SECONDS = 30.0
_STATE = "overnight.state"
"""The file in an offline run's folder that says what was written there."""


def write_wandb(folder: Path, session: TrackedSession, experiments: Iterable[Tracked]) -> tuple[int, bool]:
    """Send the experiments, or write them below `folder`/wandb. Returns how many were new or had changed, and whether
    they were written only (offline).

    Raises OvernightError when wandb is not installed or switched off, the folder cannot be written, or the server does
    not answer.
    """
    try:
        import wandb  # noqa: PLC0415 - an extra
    except ModuleNotFoundError:
        raise missing("wandb", "wandb") from None
    mode = os.environ.get("WANDB_MODE") or ("online" if _is_logged_in() else "offline")
    if mode in ("disabled", "dryrun_disabled"):
        raise OvernightError("WANDB_MODE=disabled, so wandb takes nothing; set it to `online` or `offline`")
    is_offline = mode in ("offline", "dryrun")
    settings = wandb.Settings(
        console="off", silent=True, disable_git=True, save_code=False, disable_job_creation=True,
        x_disable_stats=True, x_disable_meta=True, x_save_requirements=False, init_timeout=_INIT_SECONDS,
    )  # fmt: skip
    count = 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for each in experiments:
            name = f"{session.id}-{each.number}"
            if is_offline and not _make_way(folder / "wandb", name, each.state):
                continue
            run = wandb.init(
                project=os.environ.get("WANDB_PROJECT", "overnight"),
                group=session.name,
                id=name,
                name=each.name,
                tags=[each.verdict],
                config={**each.params, "session": session.session},
                notes=each.labels.get("reason") or None,
                mode="offline" if is_offline else "online",
                dir=str(folder),
                resume="allow",
                settings=settings,
            )
            _fill(run, each)
            if is_offline:
                (Path(run.dir).parent / _STATE).write_text(each.state)
            count += 1
    except OSError as error:
        raise OvernightError(f"{folder} cannot be written: {error.strerror or error}") from None
    except (wandb.errors.Error, ValueError) as error:  # A ValueError is about a WANDB_… variable.
        words = " ".join(str(error).split())[:200]
        raise OvernightError(
            f"wandb cannot be used: {words}; set WANDB_MODE=offline to write a folder that can be sent later"
        ) from None
    return count, is_offline


def _fill(run: Any, each: Tracked) -> None:
    patch = Path(run.dir) / "patch.diff"
    patch.write_text(each.patch(), encoding="utf-8")
    run.save(str(patch), base_path=run.dir, policy="end")
    run.log(each.metrics, step=0)  # Where the run is known already this is passed over,
    run.summary.update({**each.metrics, **each.labels})  # and this is what it says now.
    run.finish()


def _make_way(folder: Path, name: str, state: str) -> bool:
    """Take away what an earlier export has written of a run. False if it says the same as would be written now."""
    for old in folder.glob(f"offline-run-*-{name}"):
        with contextlib.suppress(FileNotFoundError):
            if (old / _STATE).read_text() == state:
                return False
        shutil.rmtree(old)
    return True


def _is_logged_in() -> bool:
    """Whether there is a key, without asking for one."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    host = urlsplit(os.environ.get("WANDB_BASE_URL") or "https://api.wandb.ai").hostname or ""
    with contextlib.suppress(OSError, netrc.NetrcParseError):
        return netrc.netrc(os.environ.get("NETRC") or None).authenticators(host) is not None
    return False
