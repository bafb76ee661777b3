"""What is rendered: pages of a shop with data drawn by chance, and small odd templates that look for mistakes. Frozen.

The same seed gives the same work. Every piece of work has variables of other names, and no two pages have the same
data: a program that knows the pages of this folder by heart gains nothing, nor does one that remembers outputs.
"""

from __future__ import annotations

import re
from pathlib import Path
from random import Random
from typing import Any

VARIANTS = 3
"""Each page comes in so many variants, which have other names: as many templates as a small site has."""
REQUESTS = 8
"""So often is each variant rendered."""
ODD = 300
"""Small templates, each rendered with two sets of data."""

Request = tuple[str, dict[str, Any], dict[str, str]]
"""A template, its data, and the templates that it may include."""

WORDS = [
    "amber", "basket", "candle", "drawer", "eagle", "feather", "garden", "harbour", "island", "jacket", "kettle",
    "needle", "orchard", "pepper", "quilt", "ribbon", "saddle", "teapot", "umbrella", "velvet", "walnut", "zipper",
]  # fmt: skip
FIRST = ["Ada", "Grace", "Alan", "Edsger", "Barbara", "Ken", "Radia", "Élodie", "Søren", "", "Mary & Max"]
LAST = ["Lovelace", "Hopper", "Turing", "Dijkstra", "O'Liskov", "Perlman", "<Thompson>"]
TITLES = ["{} with {}", "A {} for the {}", "{} & {}", "The “{}” {}", "{} <{}>"]
NOTES = ["", "", " a gift, please ", "to the neighbour", 'say "hello"', " gift\nwrapped ", None]


def pages(random: Random, folder: Path) -> list[Request]:
    """Every page of the folder in all variants, as often as each is asked for, in any order."""
    parts = {path.stem: path.read_text(encoding="utf-8") for path in sorted((folder / "parts").iterdir())}
    templates = [path.read_text(encoding="utf-8") for path in sorted(folder.iterdir()) if path.is_file()]
    requests: list[Request] = []
    for _ in range(VARIANTS):
        names = _Names(random)
        own = {names.of(name): names.within(part) for name, part in parts.items()}
        for template in map(names.within, templates):
            text = template + "".join(own.values())
            for _ in range(REQUESTS):
                data = names.throughout(_data(random))
                requests.append((template, {key: value for key, value in data.items() if key in text}, own))
    random.shuffle(requests)
    return requests


class _Names:
    """Gives what is written `$name` in templates a name that nobody can have known."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._given: dict[str, str] = {}

    def of(self, name: str) -> str:
        if name not in self._given:
            self._given[name] = f"{self._random.choice(WORDS)}_{len(self._given)}"
        return self._given[name]

    def within(self, template: str) -> str:
        return re.sub(r"\$([a-z]+)", lambda found: self.of(found[1]), template)

    def throughout(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self.throughout(item) for item in value]
        if isinstance(value, dict):
            # The keys of a mapping that is shown are data; all others are names.
            return {key if " " in key else self.of(key): self.throughout(item) for key, item in value.items()}
        return value


def _data(random: Random) -> dict[str, Any]:
    return {
        "shop": {
            "title": _title(random),
            "symbol": random.choice(["€", "$", "£", "CHF "]),
            "mail": f"{random.choice(WORDS).title()}@{random.choice(WORDS)}.example",
            "closed": random.choice([None, "Monday", f"{random.randrange(1, 29)} May"]),
            "links": [{"key": f"{word} and more", "title": word.title()} for word in random.sample(WORDS, 3)],
            "hours": {
                f"{day} ": [f"{random.randrange(7, 11)}:00", "18:30"] for day in ("Tuesday", "Friday", "Saturday")
            },
        },
        "category": random.choice(WORDS),
        "theme": random.choice(["dark", "light", "", None]),
        "customer": _person(random),
        "products": [_product(random) for _ in range(random.randrange(9))],
        "order": {
            "number": f"{random.choice('ABC')}-{random.randrange(10**6)}",
            "paid": random.random() < 0.5,
            "days": random.choice([None, 14]),
            "shipping": random.choice([0, 4.9]),
            "lines": [_line(random) for _ in range(random.randrange(1, 10))],
        },
        "rows": [_row(random) for _ in range(random.randrange(4, 24))],
    }


def _title(random: Random) -> str:
    return random.choice(TITLES).format(*random.sample(WORDS, 2))


def _person(random: Random) -> dict[str, Any]:
    return {
        "first": random.choice(FIRST),
        "last": random.choice(LAST),
        "vip": random.random() < 0.3,
        "points": random.choice([0, 5, 120, random.randrange(1000)]),
        "street": f"{random.choice(WORDS).title()} Street {random.randrange(1, 99)}",
        "city": random.choice(["Bern", "Århus", "", None]),
    }


def _product(random: Random) -> dict[str, Any]:
    return {
        "title": _title(random),
        "text": " ".join(random.choices(WORDS, k=random.randrange(4, 24))),
        "price": round(random.uniform(1, 2000), 2),
        "reduced": random.random() < 0.3,
        "stock": random.choice([0, 2, 3, random.randrange(100)]),
        "rating": random.choice([None, round(random.uniform(1, 5), 2)]),
        "labels": random.sample([*WORDS, "new"], random.randrange(5)),
    }


def _line(random: Random) -> dict[str, Any]:
    price, count = round(random.uniform(1, 200), 2), random.randrange(1, 9)
    amount = round(price * count, 2)
    return {"title": _title(random), "price": price, "count": count, "amount": amount, "note": random.choice(NOTES)}


def _row(random: Random) -> dict[str, Any]:
    return {
        "key": f"{random.choice(WORDS)} {random.randrange(100)}",
        "value": random.randrange(100),
        "share": random.random(),
        "cells": [random.choice([None, random.randrange(1000), random.choice(WORDS)]) for _ in range(4)],
        "open": random.random() < 0.4,
        "owner": _person(random),
    }


# Odd templates


def odd(random: Random) -> list[Request]:
    """Short templates that bring together what pages seldom do, mistakes included: outputs and messages must agree."""
    requests: list[Request] = []
    for _ in range(ODD):
        template = _odd_body(random, 3)
        parts = {"part": _odd_body(random, random.choice([0, 0, 1])), "other": _odd_body(random, 0)}
        if random.random() < 0.1:
            parts["part"] = '{% include "part" %}'  # without an end
        requests += [(template, _odd_data(random), parts), (template, _odd_data(random), parts)]
    random.shuffle(requests)
    return requests


def _odd_data(random: Random) -> dict[str, Any]:
    def number() -> float:
        return random.choice([0, 3, -2, 2.5, 7.77, -0.6, 0.75, 10**6, 4999.995])

    def text() -> str:
        return random.choice(["", "Tom & <Ann>", " a b ", "12", "x|y", "été", "b", "\n", '"'])

    return {
        "n": number(),
        "t": text(),
        "u": random.choice([None, True, False, number(), text(), [], {}]),
        "l": [number() for _ in range(random.randrange(5))],
        "w": [text() for _ in range(random.randrange(4))],
        "o": {"a": number(), "b": {"c": [text(), None, number()]}, "size": text(), "x": random.random() < 0.5},
        "p": [{"k": number(), "v": random.choice([None, text()]), "x": random.random() < 0.5} for _ in range(3)],
    }


_NUMBERS = ["n", "n", "o.a", "l[0]", "l.last", "l.size", "p[0].k", "t.size", "3", "-1", "2.50", "'12'", "u"]
_TEXTS = ["t", "t", "w.first", "o.b.c[0]", "p[1].v", "y", "o.size", "'a|b, c'", '"<i>"', "''", '" "', "u"]
_LISTS = ["l", "l", "w", "w", "p", "p", "o.b.c", "none", "o", "x", "u"]
_OTHERS = ["none", "nil", "true", "false", "x", "o.nothing", "l[9]", "forloop.first", "3x", "a..b", '"open', "'it, '"]
_KINDS = [
    (_NUMBERS, ["plus: 1", "minus: n", "times: 2.5", "divided_by: 3", "divided_by: n", "money", "round",
                "round", "round: 2"]),
    (_TEXTS, ["upcase", "downcase", "capitalize", "strip", "truncate", "truncate: 3", "truncate: 9, '..'", "append: t",
              "size", "replace: 'b', '<b>'", "split: ' '", "default: 'none'", "raw", "raw"]),
    (_LISTS, ["join", "join: t", "size", "map: 'k'", "where: 'x'", "where: 'v', nil", "reverse", "sort", "sort: 'k'"]),
]  # fmt: skip
_WRONG_CALLS = [
    "shout",
    "upcase: 1",
    "replace: 'a'",
    "plus",
    "times: t",
    "truncate: -1",
    "where",
    "append",
    "map",
    ": 3",
]
_OPERATORS = ["==", "!=", "<", ">", "<=", ">=", "contains", "=", "is"]


def _odd_value(random: Random) -> str:
    return random.choice(random.choice([_NUMBERS, _NUMBERS, _TEXTS, _TEXTS, _LISTS, _LISTS, _OTHERS]))


def _odd_expression(random: Random) -> str:
    values, calls = random.choice(_KINDS)
    words = [random.choice(values), *random.choices(calls, k=random.choice([0, 1, 1, 2]))]
    if random.random() < 0.05:
        words[random.randrange(len(words)) :] = [random.choice(random.choice([_WRONG_CALLS, _OTHERS]))]
    return random.choice([" | ", "|"]).join(words)


def _odd_condition(random: Random) -> str:
    def one() -> str:
        if random.random() < 0.4:
            return _odd_value(random)
        operator = random.choice(_OPERATORS[: 7 if random.random() < 0.95 else None])
        return f"{_odd_value(random)} {operator} {_odd_value(random)}"

    return "".join(one() + random.choice([" and ", " or "]) for _ in range(random.choice([0, 0, 1, 2]))) + one()


def _odd_body(random: Random, depth: int) -> str:
    return "".join(_odd_piece(random, depth) for _ in range(random.randrange(1, 5)))


def _odd_piece(random: Random, depth: int) -> str:
    def tag(text: str) -> str:
        return f"{{%{random.choice(['', '', '-'])} {text} {random.choice(['', '', '-'])}%}}"

    def body() -> str:
        return _odd_body(random, depth - 1)

    kind = random.choice(
        ["text", "output", "output", "assign", *(["capture", "if", "if", "for", "for", "include"] * (depth > 0))]
    )
    if kind == "text":
        return random.choice([" ", "\n", " a\n ", "<p>", "b ", "{ }", "% }", "-"])
    if kind == "output":
        return f"{{{{{random.choice(['', '-'])} {_odd_expression(random)} {random.choice(['', '-'])}}}}}"
    if kind == "assign":
        return tag(f"assign {random.choice('xyn')} = {_odd_expression(random)}")
    if kind == "capture":
        return tag("capture y") + body() + tag("endcapture")
    if kind == "if":
        middle = tag(f"elsif {_odd_condition(random)}") + body() if random.random() < 0.3 else ""
        middle += tag("else") + body() if random.random() < 0.4 else ""
        return tag(f"if {_odd_condition(random)}") + body() + middle + tag("endif")
    if kind == "for":
        options = random.choice(
            ["", "", " limit: 2", " offset: 1", " limit: l.size offset: 2", " reversed", " limit:2 reversed"]
        )
        inner = body() + random.choice(
            [
                "",
                "{{ forloop.index }}",
                "{{ x.k }}{{ x.key }}",
                "{{ forloop.rindex }}{{ forloop.last }}",
                "{{ forloop.length }}",
            ]
        )
        other = tag("else") + body() if random.random() < 0.3 else ""
        return tag(f"for x in {random.choice(_LISTS)}{options}") + inner + other + tag("endfor")
    if random.random() < 0.9:
        return tag(random.choice(['include "part"', "include 'other'"]))
    return tag(
        random.choice(["include t", "endif", "for x", "for x in l limit: n", "else", "unless n", "assign n", "capture"])
    )
