"""The command line: `overnight COMMAND`. Each command is a thin layer over the package; this file only gathers them."""

from __future__ import annotations

import io
import sys
from typing import Annotated, NoReturn

import typer

import overnight
from overnight.cli import acting, approving, brief, check, doctor, init, mcp, reading, run, serve, watch
from overnight.cli.terminal import safe
from overnight.errors import GoalError, OvernightError, explain_os

app = typer.Typer(
    name="overnight",
    help="The loop that improves your work while you sleep.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in (
    *(init.init, check.check, run.run, watch.watch, serve.serve, run.stop),
    *(reading.status, reading.log, reading.show, reading.report, brief.brief, reading.export),
    *(approving.approve, approving.reject, run.verify, acting.apply, doctor.doctor, acting.demo, mcp.mcp),
):
    app.command()(command)


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Say the version and end.")] = False) -> None:
    if version:
        typer.echo(overnight.__version__)
        raise typer.Exit


def main() -> NoReturn:
    """Run the command line. Every mistake a user can make ends in one plain message and exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # Latin 1 has no arrow: a question mark, then, and no traceback.
            stream.reconfigure(errors="replace")
    try:
        app()
    except GoalError as error:
        _fail("\n".join(error.mistakes))
    except OvernightError as error:
        _fail(f"overnight: {error}")
    except OSError as error:
        _fail(f"overnight: {explain_os(error, 'the system refused what was to be done')}; nothing is lost")
    except Exception as error:
        if type(error).__module__ != "_pygit2":  # Loading it only to name its error would take longer than `status`.
            raise
        _fail(f"overnight: git could not do its part: {error}; nothing is lost")
    sys.exit(0)


def _fail(message: str) -> NoReturn:
    print(safe(message), file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    main()
