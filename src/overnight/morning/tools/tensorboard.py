"""A session as TensorBoard reads it: one folder for each experiment, and one for the session's own curves.

TensorBoard's files can only be added to, so the same export again writes each of its own files anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from overnight.errors import OvernightError
from overnight.morning.tools.tracked import Tracked, TrackedSession, missing

if TYPE_CHECKING:
    from tensorboardX import SummaryWriter

_OURS = ".overnight"
"""How the names of our event files end: no other file in the folder is touched."""


def write_tensorboard(folder: Path, session: TrackedSession, experiments: Iterable[Tracked]) -> int:
    """Write the experiments into `folder`/SESSION. Returns how many.

    Raises OvernightError when tensorboardX is not installed or the folder cannot be written.
    """
    try:
        from tensorboardX import SummaryWriter  # noqa: PLC0415 - an extra
        from tensorboardX.summary import hparams  # noqa: PLC0415
    except ModuleNotFoundError:
        raise missing("tensorboardX", "tensorboard") from None
    root = folder / session.session

    def open_writer(name: str) -> SummaryWriter:
        for old in (root / name).glob(f"events.out.tfevents.*{_OURS}"):
            old.unlink()
        return SummaryWriter(logdir=str(root / name), filename_suffix=_OURS)

    count, best = 0, None
    try:
        with open_writer("session") as whole:
            for each in experiments:
                metric = each.metrics.get(session.metric)
                if metric is not None:
                    whole.add_scalar(f"every/{session.metric}", metric, each.number, each.ended)
                    if each.verdict in ("baseline", "keep"):
                        best = metric
                if best is not None:
                    whole.add_scalar(f"best/{session.metric}", best, each.number, each.ended)
                with open_writer(f"{each.number:05d}") as writer:
                    for part in hparams({**each.params, **each.labels}, dict.fromkeys(each.metrics, 0.0)):
                        writer.file_writer.add_summary(part)
                    for name, value in each.metrics.items():
                        writer.add_scalar(name, value, each.number, each.ended)
                    writer.add_text("patch", _as_code(each.patch()), each.number, each.ended)
                count += 1
    except OSError as error:
        raise OvernightError(f"{root} cannot be written: {error.strerror}") from None
    return count


def _as_code(patch: str) -> str:
    """Markdown that shows a patch as it is."""
    return "\n".join(f"    {line}" for line in patch.splitlines()) or "nothing was changed"
