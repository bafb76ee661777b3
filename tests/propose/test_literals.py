"""The literals of a file: which are found, what they are called, how they are written once turned."""

from __future__ import annotations

import json
import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from overnight.propose.literals import CannotParseError, Place, check, find, switched
from overnight.propose.literals.numbers import is_fraction, octaves_between, read, step


def places(path: str, source: str) -> dict[str, Place]:
    found = find(path, source)
    assert all(source[place.start : place.end] == place.text for place in found)
    assert len({place.id for place in found}) == len(found)
    return {place.id: place for place in found}


_STEPS = """
0.001 1 0.002  | 0.001 -1 0.0005 | 1e-3 1 2e-3  | 1e-3 -1 5e-4 | 1.0e-03 1 2.0e-03 | 2E+4 1 4E+4
64 1 128       | 64 0.5 96       | 768 -1 384   | 100 0.5 140  | 1000 -1 500       | 1_000 1 2_000
3 -1 2         | 1 -1 0          | 5 0.125 6    | 0 1 1        | 0.0 1 0.1         | 0.0 0.5 0.01
-0.5 1 -0.25   | -8 -1 -16       | .5 -1 .25    | 2. 1 4.      | 0.10 1 0.20       | 1.5 1 3.0
"""


@pytest.mark.parametrize("case", [case.strip() for line in _STEPS.strip().split("\n") for case in line.split("|")])
def test_a_step_keeps_the_way_a_number_is_written(case: str) -> None:
    old, octaves, new = case.split()
    assert step(old, float(octaves)) == new


@pytest.mark.parametrize(
    ("old", "octaves", "new"),
    [("0.9", 1, "0.95"), ("0.9", -1, "0.8"), ("0.999", 1, "0.9995"), ("0.5", 1, "0.75"), ("0.1", 1, "0.2")],
)
def test_a_fraction_steps_towards_one_without_reaching_it(old: str, octaves: float, new: str) -> None:
    assert step(old, octaves, fraction=True) == new


def test_what_is_a_fraction_depends_on_its_name_as_well() -> None:
    assert is_fraction("DROPOUT", "0.1")
    assert is_fraction("x", "0.9")
    assert not is_fraction("x", "0.1")
    assert not is_fraction("GRAD_CLIP", "0.9")
    assert not is_fraction("DROPOUT", "2")


@pytest.mark.parametrize("text", ["0x1F", "007", "1e999", "1j", "", "-", ".", "1__0", "9" * 20])
def test_what_is_no_plain_number_is_left_alone(text: str) -> None:
    assert read(text) is None
    assert step(text, 1) is None


@given(st.floats(-1e9, 1e9).map(repr) | st.integers(-(10**9), 10**9).map(str), st.floats(-3, 3), st.booleans())
def test_every_step_goes_the_way_it_says(text: str, octaves: float, fraction: bool) -> None:
    fraction = fraction and is_fraction("beta", text)
    new = step(text, octaves, fraction=fraction) if abs(octaves) > 0.05 else None
    if new is None:
        return
    assert (float(new) > float(text)) == (octaves > 0)
    assert (octaves_between(text, new, fraction=fraction) > 0) == (octaves > 0)
    assert isinstance(eval(new), type(eval(text)))


PYTHON = '''"""Doc with 12 numbers."""
__version__ = "1.2"
LEARNING_RATE = 1e-3
BETAS = (0.9, 0.999)
USE_BIAS = True
SEED = 1337
CONFIG = {"opt": {"lr": 0.1, "name": "adam"}, 3: 4}
ACTIVATION = "relu"  # try: relu, gelu or tanh
# try: 8, 16, 32
BATCH = 16
NORM = None  # try: None, "layer"
LAYER = nn.Relu  # try: nn.Relu, nn.Gelu
WIDTH = 2 * 64


class Config:
    dropout: float = 0.1

    def train(self, a: "List[3]", width=3):
        """Ünïcode, 7 times."""
        x = a[0] * 0.5 + a[1:3]
        for i in range(0, 10):
            print(f"{x:.3f}", 3)
            i += 1
        while True:
            y = -0.5 * x**2
        opt = torch.optim.Adam(self.p, lr=0.01, betas=(0.9, 0.95))
        budget = float(os.environ.get("BUDGET", 60))
        return softmax(x, dim=-1)


parser.add_argument("--lr", type=float, default=0.3)
'''


_NAMED = """
LEARNING_RATE 1e-3 | BETAS[0] 0.9 | BETAS[1] 0.999 | USE_BIAS True | CONFIG.opt.lr 0.1 | CONFIG 4
ACTIVATION "relu" | BATCH 16 | NORM None | LAYER nn.Relu | WIDTH 2 | WIDTH#2 64 | Config.dropout 0.1
Config.train.width= 3 | Config.train.Adam(lr=) 0.01 | Config.train.Adam(betas=)[0] 0.9
Config.train.Adam(betas=)[1] 0.95 | add_argument(--lr, default=) 0.3
"""


def test_python_literals_are_called_by_their_names() -> None:
    found = places("train.py", PYTHON)
    named = [f"{name} {place.text}" for name, place in found.items() if place.named]
    assert named == _NAMED.strip().replace("\n", " | ").split(" | ")
    assert found["Config.train.Adam(lr=)"].label == "lr of Adam"
    assert found["add_argument(--lr, default=)"].label == "--lr"


def test_python_leaves_indices_ranges_prints_seeds_and_the_environment_alone() -> None:
    unnamed = [place.text for place in find("train.py", PYTHON) if not place.named]
    assert unnamed == ["0.5", "10", "1", "-0.5", "2"]


def test_named_constants_weigh_more_than_what_stands_in_an_expression() -> None:
    found = places("train.py", PYTHON)
    exponent = next(place for place in found.values() if place.text == "2" and not place.named)
    weights = [found[name].weight for name in ("LEARNING_RATE", "Config.train.Adam(lr=)", "WIDTH")]
    assert [*weights, exponent.weight] == sorted([*weights, exponent.weight], reverse=True)


def test_alternatives_are_written_as_the_place_writes_them() -> None:
    found = places("train.py", PYTHON)
    assert found["ACTIVATION"].alternatives == ('"relu"', '"gelu"', '"tanh"')
    assert found["BATCH"].alternatives == ("16", "8", "32")
    assert found["NORM"].alternatives == ("None", '"layer"')
    assert found["LAYER"].alternatives == ("nn.Relu", "nn.Gelu")


def test_an_identity_outlives_edits_elsewhere() -> None:
    before = places("train.py", PYTHON)
    moved = PYTHON.replace("LEARNING_RATE = 1e-3", "NEW = 5\nLEARNING_RATE = 4e-2").replace("x**2", "x**3")
    assert set(places("train.py", moved)) == {*before, "NEW"}


def test_json_is_named_by_its_path() -> None:
    source = '{"lr": 1e-3, "opt": {"betas": [0.9, 0.99], "on": true, "s": "a 1"}, "x": [{"y": -2}, null]}'
    assert {name: place.text for name, place in places("a.json", source).items()} == {
        "lr": "1e-3",
        "opt.betas[0]": "0.9",
        "opt.betas[1]": "0.99",
        "opt.on": "true",
        "x[0].y": "-2",
    }


def test_yaml_is_named_by_its_path() -> None:
    source = (
        "# hi 3\nlr: 0.001\nopt:\n  betas: [0.9, 0.99]\n  bias: yes\n  name: adam  # try: adam, sgd\n"
        "text: |\n  7 things\nquoted: '5'\nlist:\n- 1\n- x: -2.5\n"
    )
    found = places("a.yaml", source)
    assert {name: place.text for name, place in found.items()} == {
        "lr": "0.001",
        "opt.betas[0]": "0.9",
        "opt.betas[1]": "0.99",
        "opt.bias": "yes",
        "name": "adam",
        "list[0]": "1",
        "list[1].x": "-2.5",
    }
    assert found["name"].alternatives == ("adam", "sgd")


def test_toml_is_named_by_its_table_and_key() -> None:
    source = (
        'title = "x 3"\nwhen = 1979-05-27T07:32:00Z\nlong = """\na = 5\n"""\n[opt]  # 4\nlr = 1e-3\n'
        'betas = [0.9, 0.99]\nuse = true\nin = { a = 1, b = false }\nact = "relu" # try: relu, gelu\n'
    )
    assert {name: place.text for name, place in places("a.toml", source).items()} == {
        "opt.lr": "1e-3",
        "opt.betas": "0.9",
        "opt.betas#2": "0.99",
        "opt.use": "true",
        "opt.a": "1",
        "opt.b": "false",
        "act": '"relu"',
    }


def test_css_knows_units_selectors_and_colours() -> None:
    source = (
        "/* c 1 */\n.box > a {\n  margin: 1px -2px;\n  color: red; /* try: red, dark blue */\n"
        '  background: #333 url("x1.png");\n}\na { opacity: .5 }\n'
    )
    found = places("a.css", source)
    assert {name: place.text for name, place in found.items()} == {
        ".box > a.margin": "1",
        ".box > a.margin#2": "-2",
        "color": "red",
        "a.opacity": ".5",
    }
    assert found["color"].alternatives == ("red", "dark blue")


def test_prose_leaves_versions_dates_and_list_numbers_alone() -> None:
    source = (
        "# Title\n1. Answer in at most 3 sentences.\nVersion 1.2.3, 2020-01-01, 1,000 items, the 2nd\n"
        "<!-- try: English, German -->\nLanguage: English\nverbose: yes\nSee http://a.b/3 and x86.\n"
    )
    found = places("prompt.md", source)
    assert [place.text for place in found.values()] == ["3", "English", "yes"]


@pytest.mark.parametrize(
    ("path", "source", "texts"),
    [
        ("a.html", '<h1 class="a2">Hi 3</h1><!-- 4 --><img width="100" src="http://a/3">', ["3", "100"]),
        ("a.js", 'const LR = 0.01; // 5\nlet x = f(3, "a 4"); const on = true;\n', ["0.01", "3", "true"]),
        ("a.ini", "; c 3\n[s]\na = 1\nb: yes\n", ["1", "yes"]),
    ],
)
def test_languages_without_a_parser_are_read_by_their_looks(path: str, source: str, texts: list[str]) -> None:
    assert [place.text for place in find(path, source)] == texts


@pytest.mark.parametrize("path", ["a.py", "a.json", "a.yaml", "a.toml"])
def test_a_file_that_its_format_rejects_is_not_touched(path: str) -> None:
    with pytest.raises(CannotParseError):
        find(path, "a = [1, (2\n: }")


def test_switches_keep_their_case() -> None:
    assert [switched(text) for text in ("True", "false", "ON", "no")] == ["False", "true", "OFF", "yes"]


_numbers = st.floats(-1e6, 1e6).map(repr) | st.integers(-999, 99999).map(str) | st.sampled_from(["1_000", "1e-3", ".5"])


@settings(max_examples=50)
@given(
    st.lists(st.tuples(st.sampled_from(["LR", "x"]), _numbers, st.text("# é'1\"", max_size=8)), min_size=1, max_size=6)
)
def test_an_edit_of_python_changes_one_literal_and_nothing_else(lines: list[tuple[str, str, str]]) -> None:
    source = "".join(f"{name}  =  {number} # {comment}\r\n" for name, number, comment in lines)
    for place in find("a.py", source):
        new = step(place.text, 1.0) or place.text
        edited = place.apply(source, new)
        check("a.py", edited)
        assert edited[: place.start] == source[: place.start]
        assert edited[place.start + len(new) :] == source[place.end :]


_json = st.recursive(
    st.booleans() | st.integers(-999, 999) | st.floats(-1e6, 1e6) | st.text(max_size=5) | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=10,
)


@given(_json, st.sampled_from([None, 2]))
def test_json_still_parses_after_any_edit(document: object, indent: int | None) -> None:
    source = json.dumps(document, indent=indent)
    for place in find("a.json", source):
        new = switched(place.text) if place.kind == "boolean" else step(place.text, -1.0)
        if new is not None:
            assert json.loads(place.apply(source, new)) != document


_tables = st.dictionaries(
    st.text("abcdefg", min_size=1, max_size=5), st.booleans() | st.integers(-99, 999) | st.floats(-99, 99), max_size=4
)


@settings(max_examples=40)
@given(_tables)
def test_toml_still_parses_after_any_edit(values: dict[str, object]) -> None:
    source = "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())
    for place in find("a.toml", source):
        changed = tomllib.loads(place.apply(source, turned(place)))
        assert [key for key, value in values.items() if changed[key] != value] == [place.id]


@settings(max_examples=20)
@given(_tables)
def test_yaml_still_parses_after_any_edit(values: dict[str, object]) -> None:
    source = "".join(f"{key}: {json.dumps(value)}  # 7\n" for key, value in values.items())
    for place in find("a.yaml", source):
        changed = YAML(typ="safe").load(place.apply(source, turned(place)))
        assert [key for key, value in values.items() if changed[key] != value] == [place.id]


def turned(place: Place) -> str:
    new = switched(place.text) if place.kind == "boolean" else step(place.text, 1.0)
    assert new is not None
    return new
