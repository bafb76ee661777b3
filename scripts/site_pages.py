"""What MkDocs does not know by itself about the site of the documents: a hook that mkdocs.yml names.

- The examples' READMEs are pages too, and their pictures are there.
- Links are written as a code host wants them. Here they lead to the page; where a file is no page, they are its name.
- The reference of settings, commands and Python names is made from the code, where a page says `<!-- made here: … -->`.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
import griffe
import typer
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from pydantic import BaseModel, BeforeValidator
from pydantic.fields import FieldInfo
from typer.cli import get_docs_for_click

import overnight
from overnight.cli.main import app
from overnight.goal.durations import format_duration, parse_duration
from overnight.goal.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
LINK = re.compile(r"\[([^\]]+)\]\(([^)\s#:]+)(#[^)\s]+)?\)")
MADE_HERE = re.compile(r"<!-- made here: (\w+) -->")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The pages and pictures that do not lie in docs/."""
    for path in sorted(ROOT.glob("examples/*/*")):
        if path.name == "README.md" or path.suffix in {".png", ".jpeg"}:
            files.append(File.generated(config, path.relative_to(ROOT).as_posix(), abs_src_path=str(path)))
    moon = ROOT / "src" / "overnight" / "dashboard" / "static" / "moon.svg"
    files.append(File.generated(config, f"images/{moon.name}", abs_src_path=str(moon)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """A page's text as MkDocs shall read it."""
    here = Path(page.file.abs_src_path or "")

    def link(found: re.Match[str]) -> str:
        words, target, anchor = found[1], found[2], found[3] or ""
        there = (here.parent / target).resolve()
        if not there.exists() or not there.is_relative_to(ROOT):
            return found[0]  # MkDocs will say so
        path = there.relative_to(DOCS if there.is_relative_to(DOCS) else ROOT).as_posix()
        if files.get_file_from_path(path):
            return f"[{words}]({posixpath.relpath(path, posixpath.dirname(page.file.src_uri))}{anchor})"
        return f"`{path}`" if words.strip("`") in {path, there.name, there.stem} else f"{words} (`{path}`)"

    return MADE_HERE.sub(lambda found: "\n".join(MAKERS[found[1]]()), LINK.sub(link, markdown))


def settings() -> Iterator[str]:
    """Each setting of goal.md: what it may be, what it is unless given, what it is for."""
    goal = griffe.load("overnight.goal", search_paths=[str(ROOT / "src")])

    def described(model: type[BaseModel], name: str) -> str:
        docstring = goal[model.__module__.removeprefix("overnight.goal.")][model.__name__][name].docstring
        assert docstring, f"{model.__name__}.{name} does not say what it is for"
        return " ".join(docstring.value.split())

    for name, field in Settings.model_fields.items():
        yield f"## {name}\n\n{in_words(field.annotation, field.metadata)}; {unless_given(field)}\n{{ .setting }}\n"
        yield described(Settings, name) + "\n"
        for model in models(field.annotation):
            yield "| key | what it may be | unless given | what it is for |\n|---|---|---|---|"
            for key, inner in model.model_fields.items():
                kind = in_words(inner.annotation, inner.metadata)
                yield f"| `{key}` | {kind} | {default(inner)} | {described(model, key)} |"
            yield ""


def models(kind: Any) -> Iterator[type[BaseModel]]:
    """The models that a setting's type holds."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
    for inner in get_args(kind):
        yield from models(inner)


def in_words(kind: Any, more: list[Any]) -> str:
    """A type as whoever writes goal.md thinks of it."""
    origin = get_origin(kind)
    if origin is Annotated:
        kind, *inner = get_args(kind)
        return in_words(kind, [*more, *(each for one in inner for each in getattr(one, "metadata", [one]))])
    if origin in {Union, UnionType}:
        return " or ".join(in_words(each, more) for each in get_args(kind) if each is not NoneType)
    if origin is Literal:
        return " or ".join(f"`{word}`" for word in get_args(kind))
    if any(isinstance(each, BeforeValidator) and each.func is parse_duration for each in more):
        return "a length of time, such as `90s`, `5m` or `1h30m`"
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return "`{" + ", ".join(f"{key}: …" for key in kind.model_fields) + "}`"
    above = "".join(f" above {each.gt:g}" for each in more if isinstance(each, annotated_types.Gt))
    above += "".join(f" from {each.ge:g} on" for each in more if isinstance(each, annotated_types.Ge))
    plain = {str: "text", bool: "`true` or `false`", int: "a whole number", float: "a number"}
    return {tuple: "text, or a list of texts", dict: "`{NAME: number}`"}.get(origin) or plain[kind] + above


def unless_given(field: FieldInfo) -> str:
    """Its default in a sentence."""
    return "must be given" if field.is_required() else f"{default(field)} unless given"


def default(field: FieldInfo) -> str:
    """What a setting is unless it is given, in a word."""
    match field.get_default():
        case _ if field.is_required():
            return "must be given"
        case BaseModel():
            return "as below"
        case None | () | {}:
            return "none"
        case bool() as value:
            return f"`{str(value).lower()}`"
        case float() as seconds if in_words(field.annotation, field.metadata).startswith("a length"):
            return f"`{format_duration(seconds)}`"
        case (value,) | value:
            return f"`{value}`"


def commands() -> Iterator[str]:
    """What `--help` says of each command."""
    group = typer.main.get_command(app)
    with typer.Context(group) as context:
        for name in group.list_commands(context):
            yield get_docs_for_click(
                obj=group.get_command(context, name), ctx=context, indent=1, call_prefix="overnight"
            )


SETTINGS = """### Settings { #overnight.Settings }

The front matter of goal.md; it has an attribute for [each setting](settings.md).
"""


def python() -> Iterator[str]:
    """Every public name, by its docstring."""
    groups: dict[str, list[str]] = {"Sessions, and what they are made of": [], "Events": [], "Errors": []}
    for name in overnight.__all__:
        found = getattr(overnight, name)
        if isinstance(found, type) and issubclass(found, Exception):
            groups["Errors"].append(name)
        elif getattr(found, "__module__", "") == "overnight.loop.events":
            groups["Events"].append(name)
        elif not name.startswith("_"):
            groups["Sessions, and what they are made of"].append(name)
    for title, names in groups.items():
        if names:
            yield f"## {title}\n"
        for name in names:
            yield SETTINGS if getattr(overnight, name) is Settings else f"::: overnight.{name}\n"


MAKERS = {maker.__name__: maker for maker in (settings, commands, python)}
