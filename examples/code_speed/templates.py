"""A small template language, much like Liquid: text with {{ values }} and {% tags %} in it.

    render("Dear {{ customer.name | capitalize }},", {"customer": {"name": "ada"}})

    {{ value | filter: argument, argument | … }}    escaped for HTML, unless it went through the filter `raw`
    {% assign name = value | … %}
    {% capture name %} … {% endcapture %}
    {% if a == b and c or d %} … {% elsif e %} … {% else %} … {% endif %}
    {% for x in list limit: 3 offset: 1 reversed %} … forloop.index … {% else %} … {% endfor %}
    {% include "name" %}                            another template, which sees the same variables

A hyphen inside the brackets ({{- value -}}, {%- tag -%}) takes away the white space on that side. Of all values, only
nil and false are false. What is not there is nil, and nil is shown as nothing.
"""

from __future__ import annotations

import html
import operator
import re
from dataclasses import dataclass, field
from functools import lru_cache

MAX_DEPTH = 16
"""How deep templates may include each other."""
CACHED_TEMPLATES = 8
"""How many templates are kept in their parsed form."""
CACHED_EXPRESSIONS = 64
"""The same for expressions: a loop evaluates the same few again and again."""

TOKEN = re.compile(r"(\{\{.*?\}\}|\{%.*?%\})", re.DOTALL)
PART = re.compile(r"""(?:"[^"]*"|'[^']*'|[^|"'])+""")
ARGUMENT = re.compile(r"""(?:"[^"]*"|'[^']*'|[^,"'])+""")
WORD = re.compile(r""""[^"]*"|'[^']*'|[^\s"']+""")
NUMBER = re.compile(r"-?\d+(\.\d+)?")
PATH = re.compile(r"[A-Za-z_]\w*(\.\w+|\[\d+\])*")
LOOP = re.compile(r"(\w+)\s+in\s+(\S+)((?:\s+(?:limit|offset):\s*\S+|\s+reversed)*)")


class TemplateError(Exception):
    """What is wrong with a template, in one sentence that names the line."""


class ProblemError(Exception):
    """The same, as long as the line is not known."""


class Safe(str):
    """Text that is HTML already."""


@dataclass
class Node:
    """A token at first: text, an output or a tag. The parser gives tags what belongs to them."""

    kind: str
    text: str
    line: int
    name: str = ""
    options: str = ""
    body: list = field(default_factory=list)
    otherwise: list = field(default_factory=list)
    branches: list = field(default_factory=list)


def render(source, data, partials=None):
    """The template's output for `data`; `partials` are the templates that it may include, by name."""
    return render_template(source, [data, {}], partials or {}, 0)


def render_template(source, scopes, partials, depth):
    return render_nodes(parse_template(source), scopes, partials, depth)


# From text to a tree


@lru_cache(maxsize=CACHED_TEMPLATES)
def parse_template(source):
    nodes, _ = parse(tokenise(source), 0, ())
    return nodes


def tokenise(source):
    tokens = []
    line = 1
    strip_next = False
    for piece in TOKEN.split(source):
        if piece.startswith(("{{", "{%")):
            inner = piece[2:-2]
            if inner.startswith("-"):
                inner = inner[1:]
                if tokens and tokens[-1].kind == "text":
                    tokens[-1].text = tokens[-1].text.rstrip()
            strip_next = inner.endswith("-")
            if strip_next:
                inner = inner[:-1]
            tokens.append(Node("output" if piece.startswith("{{") else "tag", inner.strip(), line))
        else:
            tokens.append(Node("text", piece.lstrip() if strip_next else piece, line))
        line += piece.count("\n")
    return tokens


def parse(tokens, position, ends):
    """The nodes up to a tag whose name is one of `ends`, and where that tag is."""
    nodes = []
    while position < len(tokens):
        node = tokens[position]
        if node.kind == "tag":
            node.kind, _, rest = node.text.partition(" ")
            node.text = rest.strip()
            if node.kind in ends:
                return nodes, position
            position = parse_tag(node, tokens, position)
        nodes.append(node)
        position += 1
    return nodes, position


def parse_tag(node, tokens, position):
    """Read what belongs to a tag, and say where that ends."""
    if node.kind == "assign":
        name, _, node.text = node.text.partition("=")
        node.name = name.strip()
        if not node.name.isidentifier() or not node.text:
            raise TemplateError(f"line {node.line}: assign needs a name, = and a value")
    elif node.kind == "capture":
        if not node.text.isidentifier():
            raise TemplateError(f"line {node.line}: capture needs a name")
        node.body, position = parse_body(node, tokens, position, ("endcapture",))
    elif node.kind == "if":
        condition = node.text
        while condition is not None:
            body, position = parse_body(node, tokens, position, ("elsif", "else", "endif"))
            node.branches.append((condition, body))
            condition = tokens[position].text if tokens[position].kind == "elsif" else None
        if tokens[position].kind == "else":
            node.otherwise, position = parse_body(node, tokens, position, ("endif",))
    elif node.kind == "for":
        match = LOOP.fullmatch(node.text)
        if match is None:
            raise TemplateError(f"line {node.line}: for needs a name, in and a list")
        node.name, node.text, node.options = match.groups()
        node.body, position = parse_body(node, tokens, position, ("else", "endfor"))
        if tokens[position].kind == "else":
            node.otherwise, position = parse_body(node, tokens, position, ("endfor",))
    elif node.kind != "include":
        raise TemplateError(f"line {node.line}: there is no tag '{node.kind}' here")
    return position


def parse_body(node, tokens, position, ends):
    """What stands between the tag at `position` and the next of `ends`."""
    nodes, end = parse(tokens, position + 1, ends)
    if end == len(tokens):
        raise TemplateError(f"line {node.line}: '{node.kind}' is never closed by '{ends[-1]}'")
    return nodes, end


# From the tree to text


def render_nodes(nodes, scopes, partials, depth):
    output = ""
    for node in nodes:
        try:
            output += render_node(node, scopes, partials, depth)
        except ProblemError as problem:
            raise TemplateError(f"line {node.line}: {problem}") from None
    return output


def render_node(node, scopes, partials, depth):
    if node.kind == "text":
        return node.text
    if node.kind == "output":
        value = evaluate(node.text, scopes)
        return to_text(value) if isinstance(value, Safe) else html.escape(to_text(value))
    if node.kind == "assign":
        scopes[1][node.name] = evaluate(node.text, scopes)
    elif node.kind == "capture":
        scopes[1][node.text] = Safe(render_nodes(node.body, scopes, partials, depth))
    elif node.kind == "if":
        for condition, body in node.branches:
            if holds(condition, scopes):
                return render_nodes(body, scopes, partials, depth)
        return render_nodes(node.otherwise, scopes, partials, depth)
    elif node.kind == "for":
        return render_loop(node, scopes, partials, depth)
    elif node.kind == "include":
        return render_include(to_text(evaluate(node.text, scopes)), scopes, partials, depth)
    return ""


def render_loop(node, scopes, partials, depth):
    items = chosen_items(resolve(node.text, scopes), node.options.replace(":", ": ").split(), scopes)
    if not items:
        return render_nodes(node.otherwise, scopes, partials, depth)
    output = ""
    for index, item in enumerate(items):
        forloop = {
            "index": index + 1,
            "rindex": len(items) - index,
            "first": index == 0,
            "last": index == len(items) - 1,
            "length": len(items),
        }
        output += render_nodes(node.body, [*scopes, {node.name: item, "forloop": forloop}], partials, depth)
    return output


def chosen_items(items, options, scopes):
    if isinstance(items, dict):
        items = [{"key": key, "value": value} for key, value in items.items()]
    if items is not None and not isinstance(items, list):
        raise ProblemError(f"'{to_text(items)}' is no list")
    items = items or []
    if "offset:" in options:
        items = items[whole(resolve(options[options.index("offset:") + 1], scopes)) :]
    if "limit:" in options:
        items = items[: whole(resolve(options[options.index("limit:") + 1], scopes))]
    return items[::-1] if "reversed" in options else items


def render_include(name, scopes, partials, depth):
    if name not in partials:
        raise ProblemError(f"there is no template '{name}' to include")
    if depth >= MAX_DEPTH:
        raise ProblemError(f"templates include each other more than {MAX_DEPTH} deep")
    try:
        return render_template(partials[name], scopes, partials, depth + 1)
    except TemplateError as error:
        raise ProblemError(f"in '{name}', {error}") from None


def to_text(value):
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "".join(to_text(item) for item in value)
    if isinstance(value, dict):
        raise ProblemError("a mapping cannot be shown")
    return str(value)


# Values and conditions


@lru_cache(maxsize=CACHED_EXPRESSIONS)
def split_expression(expression):
    """The value that an expression begins with, and its filters, each with the words for its arguments."""
    value, *rest = [part.strip() for part in PART.findall(expression)] or [""]
    filters = []
    for part in rest:
        name, _, arguments = part.partition(":")
        filters.append((name.strip(), [argument.strip() for argument in ARGUMENT.findall(arguments)]))
    return value, filters


def evaluate(expression, scopes):
    word, filters = split_expression(expression)
    value = resolve(word, scopes)
    for name, words in filters:
        if name not in FILTERS:
            raise ProblemError(f"there is no filter '{name}'")
        arguments = [resolve(word, scopes) for word in words]
        try:
            value = FILTERS[name](value, *arguments)
        except (TypeError, ValueError, AttributeError, ArithmeticError):
            raise ProblemError(f"the filter '{name}' cannot be applied like this") from None
    return value


def resolve(word, scopes):
    """A literal or a variable; nil where there is no such variable."""
    if len(word) > 1 and word[0] == word[-1] and word[0] in "\"'":
        return word[1:-1]
    if NUMBER.fullmatch(word):
        return number(word)
    if word in ("true", "false"):
        return word == "true"
    if word == "nil":
        return None
    if not PATH.fullmatch(word):
        raise ProblemError(f"'{word}' is no value")
    name, *steps = re.findall(r"\w+", word)
    value = None
    for scope in reversed(scopes):
        if name in scope:
            value = scope[name]
            break
    for step in steps:
        value = member(value, step)
    return value


def member(value, step):
    if isinstance(value, dict) and step in value:
        return value[step]
    if isinstance(value, list) and step.isdecimal():
        return value[int(step)] if int(step) < len(value) else None
    if isinstance(value, list | str | dict) and step == "size":
        return len(value)
    if isinstance(value, list) and step in ("first", "last") and value:
        return value[0] if step == "first" else value[-1]
    return None


def holds(condition, scopes):
    """Whether a condition is met; `and` binds more closely than `or`."""
    return any(
        all(compare(words, scopes) for words in parted(group, "and")) for group in parted(WORD.findall(condition), "or")
    )


def parted(words, by):
    """The words before, between and behind the word `by`."""
    while by in words:
        yield words[: words.index(by)]
        words = words[words.index(by) + 1 :]
    yield words


def compare(words, scopes):
    if len(words) == 1:
        return is_true(resolve(words[0], scopes))
    if len(words) != 3 or words[1] not in COMPARISONS:
        raise ProblemError(f"'{' '.join(words)}' is no condition")
    try:
        return bool(COMPARISONS[words[1]](resolve(words[0], scopes), resolve(words[2], scopes)))
    except TypeError:  # what cannot be compared is not so
        return False


def is_true(value):
    return value is not None and value is not False


COMPARISONS = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
    "contains": lambda left, right: to_text(right) in left if isinstance(left, str) else right in left,
}


# Filters


def number(value):
    if isinstance(value, str) and NUMBER.fullmatch(value):
        return float(value) if "." in value else int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ProblemError(f"'{to_text(value)}' is no number")
    return value


def whole(value):
    if number(value) < 0 or number(value) != int(number(value)):
        raise ProblemError(f"'{to_text(value)}' is no whole number")
    return int(number(value))


def truncate(value, length=40, end="…"):
    text = to_text(value)
    return text if len(text) <= length else text[: max(0, whole(length) - len(end))].rstrip() + end


def money(value, symbol="€"):
    amount = number(value)
    return f"{'-' if amount < 0 else ''}{symbol}{abs(amount):,.2f}"


def sort(value, key=None):
    return sorted(value, key=lambda item: member(item, key) if key else item)


def where(value, key, wanted=True):
    return [item for item in value or [] if member(item, key) == wanted]


FILTERS = {
    "upcase": lambda value: to_text(value).upper(),
    "downcase": lambda value: to_text(value).lower(),
    "capitalize": lambda value: to_text(value).capitalize(),
    "strip": lambda value: to_text(value).strip(),
    "truncate": truncate,
    "replace": lambda value, old, new: to_text(value).replace(to_text(old), to_text(new)),
    "append": lambda value, more: to_text(value) + to_text(more),
    "split": lambda value, by: to_text(value).split(to_text(by)),
    "join": lambda value, by=", ": to_text(by).join(to_text(item) for item in value or []),
    "sort": sort,
    "reverse": lambda value: list(reversed(value)),
    "map": lambda value, key: [member(item, key) for item in value or []],
    "where": where,
    "sum": lambda value: sum(number(item) for item in value or []),
    "size": lambda value: len(value or ""),
    "plus": lambda value, other: number(value) + number(other),
    "minus": lambda value, other: number(value) - number(other),
    "times": lambda value, other: number(value) * number(other),
    "divided_by": lambda value, other: number(value) / number(other),
    "round": lambda value, digits=0: round(number(value), digits) if digits else round(number(value)),
    "money": money,
    "default": lambda value, other: value if is_true(value) and value != "" else other,
    "raw": lambda value: Safe(to_text(value)),
}
