"""`overnight init`: write goal.md with the user, from five questions or from a document they have already."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from overnight.cli.asking import Asker, plain_console
from overnight.cli.foreign import problem_in
from overnight.cli.interview import Interview
from overnight.cli.understanding import understand
from overnight.errors import OvernightError
from overnight.fleet.shares import shares_here
from overnight.goal.foreign import Problem
from overnight.goal.suggest import Suggestion
from overnight.goal.write import Written, goal_text

_RUNS_ITSELF = re.compile(r"git (?:commit|reset|checkout|revert)|loop forever|never stop|results\.tsv", re.IGNORECASE)
_HAS_SETTINGS = re.compile(r"\A\ufeff?---[ \t]*\r?\n(?:[^\n]*\n){0,40}?(?:edit|run|metric):")
_SHOWN = ("edit", "run", "score", "metric", "direction", "budget", "kill_at", "guards", "read", "agent", "stop")


def init(
    folder: Annotated[Path, typer.Argument(help="The project's folder.")] = Path(),
    *,
    goal: Annotated[str | None, typer.Option(help="What should get better, in your own words.")] = None,
    edit: Annotated[str | None, typer.Option(help="The file that may be changed.")] = None,
    run: Annotated[str | None, typer.Option(help="The command of one run.")] = None,
    metric: Annotated[str | None, typer.Option(help="The number that decides, as it is printed.")] = None,
    direction: Annotated[str | None, typer.Option(help="Whether lower or higher is better.")] = None,
    budget: Annotated[str | None, typer.Option(help="How long one run gets, such as 90s or 5m.")] = None,
    agent: Annotated[
        str, typer.Option(help="Who suggests changes: search (built in), a model (openai:MODEL), or a command.")
    ] = "search",
    source: Annotated[
        Path | None,
        typer.Option("--from", help="A document in plain English, or a folder in another program's format."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing; take what is suggested.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Write over a goal.md that exists.")] = False,
    agents: Annotated[
        bool, typer.Option("--agents", help="Instead, tell assistants how: a part of AGENTS.md, a skill for Claude.")
    ] = False,
) -> None:
    """Write goal.md with you: five questions with suggested answers, or a document or a problem read with --from."""
    if not folder.is_dir():
        raise OvernightError(f"there is no folder {folder}")
    if agents:
        if any((goal, edit, run, metric, direction, budget, source)):
            raise OvernightError("--agents writes instructions for assistants and no goal.md; give it without the rest")
        from overnight.cli.assistants import write_instructions

        for line in write_instructions(folder):
            typer.echo(line)
        return
    problem = None
    if source:
        folder, problem = problem_in(source, folder)
    target = folder / "goal.md"
    document = _document(source, folder, problem) if source else None
    replaces_itself = document is not None and target.exists() and document.samefile(target)
    if target.exists() and not force and not replaces_itself:
        raise OvernightError(f"{target} exists already; change it by hand, or give --force to write a new one")
    console = plain_console()
    asker = Asker(console, ask=not yes)
    flags = {"edit": edit, "run": run, "metric": metric, "direction": direction, "budget": budget}
    if source:
        english = _read(document) if document else problem.english if problem else ""
        said = understand(console, english, agent, folder) if document else problem.said if problem else {}
        frozen = problem.frozen if problem else ()
        interview = Interview(folder, asker, flags, said, believed=True, frozen=frozen)
        interview.hold()
        settings = interview.settings(agent)
        english = _for_the_proposer(english or _goal_from(settings), goal, settings)
        _show(console, f"{folder.resolve().name}, {problem.kind}" if problem else source.name, settings, interview.why)
        if not asker.confirm("\nWrite goal.md?"):
            console.print("Nothing was written.")
            return
    else:
        english = _ask_goal(console, asker, folder, goal)
        interview = Interview(folder, asker, flags, understand(console, english, agent, folder), believed=False)
        interview.hold()
        settings = interview.settings(agent)
        english = english or _goal_from(settings)
        if yes:
            _show(console, str(folder.resolve().name), settings, interview.why)
    _write(target, goal_text(settings, english, slots=len(shares_here("auto"))))
    _say_what_next(console, folder, settings)


def _document(source: Path, folder: Path, problem: Problem | None) -> Path | None:
    """The document, named from where the user stands or from the project's folder; None where a problem has none."""
    if problem:
        return folder / problem.document if problem.document else None
    for path in (source, folder / source):
        if path.is_file():
            return path
    raise OvernightError(f"--from: there is no file {source}")


def _read(document: Path) -> str:
    try:
        text = document.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise OvernightError(f"--from: {document} is not a UTF-8 text file") from None
    except OSError as error:
        raise OvernightError(f"--from: {document} cannot be read: {error.strerror}") from None
    if _HAS_SETTINGS.match(text):
        raise OvernightError(f"{document} begins with settings; use it as it is: `overnight check {document}`")
    return text


def _ask_goal(console: Console, asker: Asker, folder: Path, goal: str | None) -> str:
    """The goal in the user's words; empty where it shall be made from the other answers."""
    if (folder / "program.md").is_file():
        console.print("There is a program.md here; `overnight init --from program.md` reads the settings out of it.")
    suggested = Suggestion("", "it is put together from your other answers")
    return asker.answer("What should get better, in your own words?", "--goal", goal, suggested, lambda _: "").strip()


def _goal_from(settings: Mapping[str, Written]) -> str:
    edit = settings["edit"]
    files = f"`{edit}`" if isinstance(edit, str) else "the files named above"
    superlative = "lowest" if settings["direction"] == "lower" else "highest"
    return (
        f"Improve {files}: get the {superlative} `{settings['metric']}`. "
        "Simpler code with the same result is a win too. Do not add dependencies."
    )


def _for_the_proposer(document: str, goal: str | None, settings: Mapping[str, Written]) -> str:
    """The document word for word, after a sentence that takes the loop off the agent's hands if it was given it."""
    parts = [goal] if goal else []
    if _RUNS_ITSELF.search(document):
        edit = settings["edit"]
        files = f"`{edit}`" if isinstance(edit, str) else "the files you may edit"
        parts.append(
            f"> Make one change to {files} and stop: Overnight runs and measures it, keeps or undoes it, and logs it.\n"
            "> Where the text below tells you to run, commit, reset, log or repeat, that is done for you."
        )
    return "\n\n".join([*parts, document.strip()])


def _show(console: Console, name: str, settings: Mapping[str, Written], why: Mapping[str, str]) -> None:
    """Each setting with the reason for it, the quoted sentence say, on the line below."""
    console.print(f"\nFrom {name}:\n")
    for key in _SHOWN:
        if key not in settings:
            continue
        value = settings[key]
        if isinstance(value, Mapping):
            value = ", ".join(f"{amount} {unit}" for unit, amount in value.items())
        elif isinstance(value, list):
            value = ", ".join(value)
        console.print(f"  {key:<10} {value}", style="bold")
        console.print(f"  {'':<10} {why[key]}", style="dim")


def _write(target: Path, text: str) -> None:
    """All of it or nothing: the document that it replaces may be the only copy of the user's words."""
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(target)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise OvernightError(f"{target} cannot be written: {error.strerror}") from None


def _say_what_next(console: Console, folder: Path, settings: Mapping[str, Written]) -> None:
    console.print(f"\nWrote {folder / 'goal.md'}.", style="bold")
    needed = settings.get("read")
    for path in needed if isinstance(needed, list) else []:
        if not (folder / Path(path).expanduser()).exists():
            console.print(f"{path} is not there yet; runs need it, so prepare it first.", style="yellow")
    place = "" if folder.resolve() == Path.cwd() else f"cd {folder}\n  "
    in_git = any((parent / ".git").exists() for parent in (folder.resolve(), *folder.resolve().parents))
    init_flag = "" if in_git else " --init"
    console.print(f"Next:\n  {place}overnight check\n  overnight run{init_flag}")
    if not in_git:
        console.print("This folder is not a git repository yet; `--init` makes it one.")
