"""A command of the user's own: no guest, but one that deploys, counts or sets up, with all that they may do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from overnight.runs.environment import guest_environment
from overnight.runs.output import Output
from overnight.runs.process import Ended, run_process
from overnight.runs.run import how_it_ended
from overnight.runs.sandbox import NoSandbox, Room


def run_own(
    command: str,
    folder: Path,
    variables: Mapping[str, str | None],
    *,
    limit: float,
    output: Output,
    should_stop: Callable[[], bool],
) -> tuple[Ended, str]:
    """Run it in `folder` with the user's environment, network and home, for at most `limit` seconds.

    A variable that is None is taken away. The second answer says how it came to a bad end, in words (`stopped with exit
    code 3: …`); "" where it did not. Raises Interrupted when asked to stop, OSError when its output cannot be written.
    """
    room, sandbox = Room(folder), NoSandbox()
    given = {name: value for name, value in variables.items() if value is not None}
    env = guest_environment(room, sandbox, **given)
    for name in variables.keys() - given.keys():
        env.pop(name, None)
    with output:
        ended = run_process(
            command,
            room=room,
            sandbox=sandbox,
            env=env,
            limit=limit,
            output=output,
            should_stop=should_stop,
        )
    if ended.exit_code == 0 and not ended.forced:
        return ended, ""
    how = f"did not end within {limit:g} s" if ended.forced else how_it_ended(ended)
    return ended, f"{how}{output.last_words()}"
