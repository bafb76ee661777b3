"""Slots on Slurm: each order is a job, submitted through submitit. Slurm alone decides where and when it runs."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from overnight.errors import Interrupted, OvernightError, Trouble
from overnight.fleet.away import LostError, OneType, Show
from overnight.fleet.orders import Answer, Charter, Hello, Order
from overnight.fleet.outpost import SETUP_SECONDS, cache_folder, locked
from overnight.fleet.slurm_job import Meeting, carry_out
from overnight.folders import fresh_folder, remove
from overnight.goal.settings import Settings
from overnight.repo.bundle import Sender, Store
from overnight.runs.run import SCORER_SECONDS

_LOOK_SECONDS = 0.2
_PULSE_SECONDS = 10.0
_END_SECONDS = 30.0
_MOST_AT_ONCE = 2**20


class SlurmLine:
    """Leads to one job at a time."""

    def __init__(self, charter: Charter, one_type: OneType, sender: Sender, should_stop: Callable[[], bool]) -> None:
        """Raises OvernightError when submitit is not installed, there is no Slurm here, or its parameters are wrong."""
        settings = charter.settings
        self._charter = charter
        self._one_type = one_type
        self._sender = sender
        self._should_stop = should_stop
        self._cache = Path(settings.slurm.folder).expanduser().absolute() if settings.slurm.folder else cache_folder()
        self._jobs = self._cache / "jobs" / f"{charter.project}-{charter.session}-{charter.slot}"
        self._excluded: set[str] = set()
        fresh_folder(self._jobs)  # A job of a killed session finds nothing here, and ends.
        try:
            self._executor = _executor(settings, self._jobs / "submitit")
        except OvernightError:
            self.close()
            raise
        self._count = 0

    def carry(self, order: Order, show: Show) -> Answer:
        """See `Line`."""
        while True:
            self._bring((self._charter.base, *order.commits))
            hello, answer = self._submitted(order, show)
            if self._one_type.fits(hello.machine_type):
                if answer is None or answer.stopped:  # Neither by us.
                    raise LostError("the job ended by itself", while_running=True)
                return answer
            show(f"{hello.machine} ({hello.machine_type}) is no {self._one_type.known}\n".encode())
            self._excluded.add(hello.machine)
            self._exclude()

    def avoid(self) -> bool:
        """See `Line`. Slurm has machines of its own to put out of service."""
        return False

    def close(self) -> None:
        """See `Line`."""
        with contextlib.suppress(OSError):
            remove(self._jobs)

    def _bring(self, commits: tuple[str, ...]) -> None:
        """Put what is lacking into the shared folder, where every job finds it."""
        place = self._cache / "outposts" / self._charter.project
        store = Store(place / "store")
        with locked(place / "lock", self._should_stop):
            known = set(store.known())
            for commit in dict.fromkeys(commits):
                if commit not in known:
                    store.receive(self._sender.pack(commit, known))
                    known.add(commit)

    def _submitted(self, order: Order, show: Show) -> tuple[Hello, Answer | None]:
        """What the job comes to."""
        self._count += 1
        meeting = Meeting(self._jobs / str(self._count))
        meeting.folder.mkdir()
        meeting.pulse.write_text("0")
        wanted = self._one_type.known
        show(b"waiting for Slurm to start the job\n")
        try:
            job = self._executor.submit(carry_out, self._charter, order, self._cache, meeting.folder, wanted)
        except Exception as error:  # submitit's own, and whatever its call of sbatch raises.
            raise Trouble("machine", f"Slurm does not take the job: {_last_line(error)}") from None
        try:
            self._follow(job, meeting, show)
            hello, answer = job.result()
            return hello, answer
        except Interrupted:
            _end(job, meeting)
            raise
        except (OSError, RuntimeError) as error:
            raise LostError(_last_line(error), while_running=meeting.where.exists()) from None
        finally:
            remove(meeting.folder)

    def _follow(self, job: Any, meeting: Meeting, show: Show) -> None:
        """Show what the job prints until it is over."""
        offset, beat_at, beats = 0, time.monotonic(), 0
        while not job.done():
            if self._should_stop():
                raise Interrupted
            if time.monotonic() - beat_at > _PULSE_SECONDS:
                beat_at, beats = time.monotonic(), beats + 1
                meeting.pulse.write_text(str(beats))
            printed = _printed(meeting, offset)
            if printed:
                show(printed)
                offset += len(printed)
            time.sleep(_LOOK_SECONDS)

    def _exclude(self) -> None:
        """Have Slurm put no more jobs on machines of another type."""
        if self._charter.settings.slurm.cluster == "slurm":
            given = str(self._charter.settings.slurm.parameters.get("slurm_exclude", ""))
            self._executor.update_parameters(slurm_exclude=",".join(filter(None, [given, *sorted(self._excluded)])))


def _executor(settings: Settings, folder: Path) -> Any:
    if importlib.util.find_spec("submitit") is None:
        raise OvernightError("`fleet: slurm` needs submitit; install it: `pip install 'overnight[slurm]'`")
    import submitit  # noqa: PLC0415 - an extra

    logging.getLogger("submitit").setLevel(logging.CRITICAL)
    longest = settings.hard_limit + max(settings.hard_limit, SCORER_SECONDS) + (SETUP_SECONDS if settings.setup else 0)
    usual = {"name": "overnight", "timeout_min": math.ceil(longest / 60) + 5}
    try:
        executor = submitit.AutoExecutor(folder=str(folder), cluster=settings.slurm.cluster)
        executor.update_parameters(**{**usual, **settings.slurm.parameters})
    except (RuntimeError, ValueError, NameError, AssertionError) as error:
        raise OvernightError(f"`slurm:` does not work here: {str(error).splitlines()[0]}") from None
    return executor


def _printed(meeting: Meeting, offset: int) -> bytes:
    with contextlib.suppress(OSError), Path(meeting.where.read_text()).open("rb") as file:
        file.seek(offset)
        return file.read(_MOST_AT_ONCE)
    return b""


def _end(job: Any, meeting: Meeting) -> None:
    """Have a job end by itself, and if it does not, or has not begun, by Slurm."""
    has_begun = meeting.where.exists()
    meeting.pulse.unlink(missing_ok=True)
    until = time.monotonic() + (_END_SECONDS if has_begun else 0.0)
    while time.monotonic() < until and not job.done():
        time.sleep(_LOOK_SECONDS)
    with contextlib.suppress(Exception):
        if not job.done():
            job.cancel()


def _last_line(error: Exception) -> str:
    return next((line.strip() for line in reversed(str(error).splitlines()) if line.strip()), type(error).__name__)
