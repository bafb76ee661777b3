"""What can be turned in a Python file, by its syntax tree."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any

import libcst as cst
from libcst.metadata import ByteSpanPositionProvider, MetadataWrapper

from overnight.propose.literals.choices import Comment, with_choices
from overnight.propose.literals.numbers import read
from overnight.propose.literals.place import (
    ANONYMOUS,
    ARGUMENT,
    CONSTANT,
    LOCAL,
    PART,
    STRUCTURAL,
    CannotParseError,
    Place,
    is_knob,
    shorten,
    skeleton,
)

_OPAQUE = (cst.BaseSlice, cst.Annotation, cst.BaseFormattedStringContent, cst.Raise, cst.Assert)
_OPAQUE_CALLS = frozenset(
    {"print", "round", "open", "input", "exit", "_exit", "sleep", "getattr", "hasattr", "isinstance", "getenv"}
    | {"seed", "manual_seed", "manual_seed_all", "set_seed", "default_rng", "Random", "RandomState", "PRNGKey"}
    | {"basicConfig", "info", "debug", "warning", "error", "filterwarnings"}
    | {"mkdir", "makedirs", "load", "save", "dump", "dumps", "zip"}
    | {"reshape", "view", "transpose", "permute", "squeeze", "unsqueeze", "flatten", "astype"}
)
"""Calls whose arguments no experiment should turn: output, seeds, the outside world, the shape of arrays."""


def find_in_python(source: str) -> list[Place]:
    """Every literal worth turning; named ones know their name, however deep they stand."""
    try:
        wrapper = MetadataWrapper(cst.parse_module(source), unsafe_skip_copy=True)
        collector = _Collector(source, wrapper.resolve(ByteSpanPositionProvider))
        wrapper.module.visit(collector)
    except (cst.ParserSyntaxError, RecursionError) as problem:
        raise CannotParseError(str(problem).splitlines()[0]) from None
    return with_choices(source, collector.comments, collector.places)


class _Collector(cst.CSTVisitor):
    """Walks the tree once, knowing what is around the node it is at."""

    def __init__(self, source: str, spans: Mapping[cst.CSTNode, Any]) -> None:
        super().__init__()
        self._source = source
        self._spans = spans
        # LibCST counts bytes, the rest of us characters; in an ASCII file they are the same.
        self._bytes = None if source.isascii() else list(accumulate(len(c.encode()) for c in source))
        self._chain: list[cst.CSTNode] = []
        self.places: list[Place] = []
        self.comments: list[Comment] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        self._chain.append(node)
        if isinstance(node, cst.Comment):
            self.comments.append(Comment(*self._span(node)))
        elif isinstance(node, cst.Integer | cst.Float):
            self._add(self._chain[:-1] if _is_negated(self._chain) else self._chain)
        elif isinstance(node, cst.Name) and node.value in {"True", "False"}:
            self._add(self._chain)
        return True

    def on_leave(self, original_node: cst.CSTNode) -> None:
        self._chain.pop()

    def _add(self, chain: Sequence[cst.CSTNode]) -> None:
        start, end = self._span(chain[-1])
        text = self._source[start:end]
        number = read(text)
        if (number is None and text not in {"True", "False"}) or _is_counting(chain, number):
            return
        context = _Context(chain)
        if context.opaque or not is_knob(context.id, text):
            return
        line = self._source[self._source.rfind("\n", 0, start) + 1 :].partition("\n")[0]
        counting = text.lstrip("-") in {"0", "1", "2"}
        structural = (counting and context.weight <= LOCAL) or (number is None and not context.id)
        self.places.append(
            Place(
                id=context.id or context.scoped(skeleton(line)),
                label=context.label or shorten(line),
                named=bool(context.id),
                kind="boolean" if number is None else "number",
                start=start,
                end=end,
                text=text,
                weight=STRUCTURAL if structural else context.weight,
            )
        )

    def _span(self, node: cst.CSTNode) -> tuple[int, int]:
        span = self._spans[node]
        start, end = span.start, span.start + span.length
        if self._bytes is None:
            return start, end
        return bisect_right(self._bytes, start), bisect_right(self._bytes, end)


def _is_negated(chain: Sequence[cst.CSTNode]) -> bool:
    parent = chain[-2]
    return isinstance(parent, cst.UnaryOperation) and isinstance(parent.operator, cst.Minus)


def _is_counting(chain: Sequence[cst.CSTNode], number: float | None) -> bool:
    """`while True`, and 0 and 1 where a range starts: how one counts, not how long."""
    parent, above = chain[-2], chain[-3] if len(chain) > 2 else None
    if isinstance(parent, cst.While):
        return True
    if not isinstance(parent, cst.Arg) or not isinstance(above, cst.Call):
        return False
    ranged = _dotted(above.func).rpartition(".")[2] in {"range", "arange", "enumerate"}
    return ranged and number in {-1, 0, 1} and len(above.args) > 1


class _Context:
    """What surrounds a literal, read from the inside out: its name, how much of a knob it is, what forbids it."""

    def __init__(self, chain: Sequence[cst.CSTNode]) -> None:
        self.opaque = False
        self.weight = ANONYMOUS
        self._name = ""
        self._owner = ""
        self._suffix = ""
        self._bare = True  # nothing but brackets, commas and keys between the literal and its name
        self._scope: list[str] = []
        for child, parent in pairwise(reversed(chain)):
            self._read(child, parent)

    @property
    def id(self) -> str:
        return self.scoped(self._name) if self._name else ""

    @property
    def label(self) -> str:
        if self._owner:
            key = self._name.partition("(")[2].partition("=)")[0] + self._suffix
            return self._owner if self._owner.startswith("-") else f"{key} of {self._owner}"
        return self.id.rstrip("=")

    def scoped(self, name: str) -> str:
        return ".".join([*reversed(self._scope), name])

    def _read(self, child: cst.CSTNode, parent: cst.CSTNode) -> None:
        if isinstance(parent, _OPAQUE):
            self.opaque = True
        elif isinstance(parent, cst.FunctionDef | cst.ClassDef):
            self._scope.append(parent.name.value)
            if isinstance(parent, cst.FunctionDef) and self.weight == CONSTANT:
                self.weight = LOCAL
        elif isinstance(parent, cst.Call):
            self._read_call(child, parent)
        elif not self._name:
            self._read_name(child, parent)

    def _read_call(self, child: cst.CSTNode, call: cst.Call) -> None:
        callee = _dotted(call.func)
        last = callee.rpartition(".")[2]
        if last in _OPAQUE_CALLS or callee.endswith("environ.get"):
            self.opaque = True
        elif not self._name and isinstance(child, cst.Arg) and child.keyword is not None:
            first = _string(call.args[0].value) if not call.args[0].keyword else None
            key = child.keyword.value
            self._owner = first if first and first.startswith("-") else last
            self._name = f"{last}({first + ', ' if first else ''}{key}=){self._suffix}"
            self.weight = ARGUMENT if self._bare else PART
        elif not self._name:
            self._bare = False

    def _read_name(self, child: cst.CSTNode, parent: cst.CSTNode) -> None:
        if isinstance(parent, cst.Param) and child is parent.default:
            self._name, self.weight = f"{parent.name.value}={self._suffix}", ARGUMENT if self._bare else PART
        elif isinstance(parent, cst.DictElement):
            self.opaque |= child is parent.key
            key = _string(parent.key)
            self._suffix = f".{key}{self._suffix}" if key else self._suffix
        elif isinstance(parent, cst.Tuple | cst.List):
            index = next((i for i, element in enumerate(parent.elements) if element is child), 0)
            self._suffix = f"[{index}]{self._suffix}"
        elif isinstance(parent, cst.Assign | cst.AnnAssign | cst.NamedExpr):
            self._read_assignment(parent)
        elif not isinstance(parent, cst.Element | cst.Dict | cst.UnaryOperation | cst.Arg | cst.Parameters):
            self._bare = False

    def _read_assignment(self, parent: cst.Assign | cst.AnnAssign | cst.NamedExpr) -> None:
        target = _dotted(parent.targets[0].target if isinstance(parent, cst.Assign) else parent.target)
        if target and (self._bare or target.isupper()):
            self._name = target + self._suffix
            self.weight = CONSTANT if self._bare else PART


def _dotted(node: cst.CSTNode) -> str:
    if isinstance(node, cst.Name):
        return node.value
    if isinstance(node, cst.Attribute):
        inner = _dotted(node.value)
        return f"{inner}.{node.attr.value}" if inner else node.attr.value
    return ""


def _string(node: cst.CSTNode | None) -> str | None:
    if not isinstance(node, cst.SimpleString):
        return None
    value = node.evaluated_value
    return value if isinstance(value, str) else None
