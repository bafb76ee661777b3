"""Makes the search problem from Python's own documentation strings: documents, queries, and which belong together.

    python prepare.py        writes data/ and labels/, and prints what is in them

A document is the docstring of a public module, class or function of the standard library, without its first
sentence. The first sentences are the queries: whoever asks for "Return the base name of a path" wants what is said
to do that, and must find it by its name, its parameters and the rest of its text.

    data/documents.json       for each document its name, its parameters and its text
    data/queries.json         for each query its split and its text
    data/train_labels.json    the right answers of the split "train", to learn from
    labels/SPLIT.json         the right answers of the other two splits, which only score.py sees

The library's source is read and never imported. Each Python version has its own documents: compare scores only
where the printed sha256 is the same.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(sysconfig.get_path("stdlib"))
SKIPPED_FOLDERS = {"test", "tests", "idlelib", "lib2to3", "turtledemo", "ensurepip", "pydoc_data"}
HERE = Path(__file__).parent

SPLITS = ("train", "validation", "held_out")
ANSWER, RELATED = 2, 1
"""Grades: what the query was taken from, and what its docstring refers to. All else is 0."""

_SENTENCE_END = re.compile(r"(?<=[.!?])(?<!e\.g\.)(?<!i\.e\.)(?<!etc\.)\s+(?=[^a-z\s])|\n\s*\n")
_WORD = re.compile(r"[A-Za-z]{2,}")
_REFERENCE = re.compile(
    r":\w+:`~?([\w.]+)`|\b([A-Za-z_][\w.]*)\(\)|\b[Ss]ee (?:also )?(?:the )?[`'\"]*([A-Za-z_][\w.]*)"
)


@dataclass(frozen=True)
class Entry:
    """One docstring, and where it stands."""

    module: str
    name: str
    """Of the class or function within the module; empty for the module itself."""
    parameters: str
    summary: str
    """The first sentence."""
    rest: str

    @property
    def full_name(self) -> str:
        return f"{self.module}.{self.name}".rstrip(".")

    @property
    def asks(self) -> bool:
        """Whether its first sentence is a fair question: words, not code, and enough is left to be found by."""
        words, own = _WORD.findall(self.summary), self.full_name.rpartition(".")[2]
        names_itself = re.search(rf"\b{re.escape(own)}\b", self.summary) and (own.lower() != own or "_" in own)
        is_code = re.search(rf"\b{re.escape(own)}\(|->|=>|>>>|--|^Usage", self.summary)
        return 4 <= len(words) <= 40 and len(_WORD.findall(self.rest)) >= 8 and not names_itself and not is_code


def split_of(module: str) -> str:
    """The split of a module's queries. Its name alone decides, so that no module is in two."""
    quarter = hashlib.sha256(module.encode()).digest()[0] % 4
    return SPLITS[{0: 1, 1: 2}.get(quarter, 0)]


def entries() -> list[Entry]:
    """All that is documented in the library's own words, by name."""
    found: dict[str, Entry] = {}
    for file in sorted(FOLDER.rglob("*.py")):
        parts = file.relative_to(FOLDER).with_suffix("").parts
        packages, module = parts[:-1], ".".join(parts).removesuffix(".__init__")
        is_public = all(part.isidentifier() and part[0] != "_" for part in module.split("."))
        if is_public and SKIPPED_FOLDERS.isdisjoint(packages):
            for entry in _in_module(module, ast.parse(file.read_bytes())):
                found.setdefault(entry.full_name, entry)
    return [found[name] for name in sorted(found)]


def _in_module(module: str, tree: ast.Module) -> Iterator[Entry]:
    if docstring := ast.get_docstring(tree):
        yield Entry(module, "", "", *_cut(docstring))
    yield from _in_body(module, "", tree.body)


def _in_body(module: str, around: str, body: list[ast.stmt]) -> Iterator[Entry]:
    for node in body:
        if isinstance(node, ast.If | ast.Try):
            yield from _in_body(module, around, node.body)
        elif isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.name[0] != "_":
            name = f"{around}.{node.name}".lstrip(".")
            if docstring := ast.get_docstring(node):
                yield Entry(module, name, _parameters(node), *_cut(docstring))
            if isinstance(node, ast.ClassDef):
                yield from _in_body(module, name, node.body)


def _parameters(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    if isinstance(node, ast.ClassDef):
        makers = [each for each in node.body if isinstance(each, ast.FunctionDef) and each.name == "__init__"]
        return _parameters(makers[0]) if makers else ""
    every = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
    return " ".join(each.arg for each in every if each.arg not in {"self", "cls"})


def _cut(docstring: str) -> tuple[str, str]:
    """The first sentence, and what follows."""
    first, *rest = _SENTENCE_END.split(docstring.strip(), maxsplit=1)
    return " ".join(first.split()), " ".join(" ".join(rest).split())


def references(entry: Entry, numbers: dict[str, int]) -> set[int]:
    """The documents that a docstring refers to: each name is looked up from where it stands outwards."""
    found: set[int] = set()
    for match in _REFERENCE.finditer(f"{entry.summary}\n{entry.rest}"):
        name = next(filter(None, match.groups())).removeprefix("self.").rstrip(".")
        scope = entry.full_name
        while scope and f"{scope}.{name}" not in numbers:
            scope = scope.rpartition(".")[0]
        number = numbers.get(f"{scope}.{name}".lstrip("."))
        found |= {number} if number is not None else set()
    return found - {numbers[entry.full_name]}


Labels = dict[str, dict[str, int]]
"""For each query, by its number, the grade of each document that has one."""


def problem(found: list[Entry]) -> tuple[list[dict[str, str]], list[dict[str, str]], dict[str, Labels]]:
    """Documents, queries, and the labels of each split."""
    numbers = {entry.full_name: number for number, entry in enumerate(found)}
    documents = [{"name": each.full_name, "parameters": each.parameters, "text": each.rest} for each in found]
    said: dict[str, list[Entry]] = {}
    for entry in found:
        said.setdefault(entry.summary.rstrip(".").lower(), []).append(entry)
    askers = {key: asking[0] for key, each in said.items() if (asking := [entry for entry in each if entry.asks])}
    queries: list[dict[str, str]] = []
    labels: dict[str, Labels] = {split: {} for split in SPLITS}
    # In an order that says nothing about where a query comes from.
    for key in sorted(askers, key=lambda key: hashlib.sha256(key.encode()).digest()):
        split = split_of(askers[key].module)
        grades = {str(number): RELATED for entry in said[key] for number in sorted(references(entry, numbers))}
        grades |= {str(numbers[entry.full_name]): ANSWER for entry in said[key]}
        labels[split][str(len(queries))] = grades
        queries.append({"split": split, "text": askers[key].summary})
    return documents, queries, labels


def write(path: Path, content: object) -> bytes:
    path.parent.mkdir(exist_ok=True)
    encoded = json.dumps(content, indent=0).encode()
    path.write_bytes(encoded)
    return encoded


def main() -> None:
    documents, queries, labels = problem(entries())
    if not all(labels.values()):
        raise SystemExit(f"prepare.py: too few docstrings in {FOLDER}; is the standard library's source there?")
    written = [write(HERE / "data" / "documents.json", documents), write(HERE / "data" / "queries.json", queries)]
    fingerprint = hashlib.sha256(b"".join([*written, json.dumps(labels).encode()])).hexdigest()
    for split, grades in labels.items():
        path = HERE / ("data/train_labels.json" if split == "train" else f"labels/{split}.json")
        counts = {"documents": len(documents), "queries": len(queries)}
        write(path, {"sha256": fingerprint, **counts, "labels": grades})
        related = sum(grade == RELATED for each in grades.values() for grade in each.values())
        print(f"{split:10}  {len(grades):5,} queries  {related:5,} related documents")
    print(f"{len(documents):,} documents  sha256 {fingerprint}")


if __name__ == "__main__":
    main()
