"""`overnight init --from DIR`: which problem that is, and where its goal.md belongs."""

from __future__ import annotations

from pathlib import Path

from overnight.errors import OvernightError
from overnight.goal.foreign import Problem, recognise
from overnight.goal.foreign.metric_script import is_script, of_script


def problem_in(source: Path, folder: Path) -> tuple[Path, Problem | None]:
    """The folder to write goal.md into and the problem that `source` is; None where it is a document.

    goal.md names files beside it, so that of a problem belongs into the problem's own folder.
    """
    if source.is_dir():
        if folder != Path() and not folder.samefile(source):
            raise OvernightError(f"goal.md of the problem in {source} belongs there; leave {folder} out")
        problem = recognise(source)
        if problem is None:
            raise OvernightError(
                f"--from: {source} is in no format that is known here: it has no initial_program.py with an "
                "evaluator.py (OpenEvolve), initial.py with an evaluate.py (ShinkaEvolve), program.md (autoresearch), "
                ".auto/measure.sh (pi-autoresearch) or script that prints METRIC name=value; "
                f"`overnight init {source}` asks five questions instead"
            )
        return source, problem
    script = next((path for path in (source, folder / source) if path.is_file()), None)
    if script is None or not is_script(script):
        return folder, None
    if not script.resolve().is_relative_to(folder.resolve()):
        raise OvernightError(
            f"--from: {source} is not in {folder.resolve()}; name the project's folder: `overnight init FOLDER`"
        )
    return folder, of_script(folder, script.resolve().relative_to(folder.resolve()))
