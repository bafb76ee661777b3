"""What templates.py must do, whatever it looks like inside. Frozen; `python -m unittest test_templates` runs it."""

from __future__ import annotations

import unittest
from typing import Any

from templates import TemplateError, render

DATA = {
    "name": "Tom & <Ann>",
    "n": 3,
    "price": 1234.5,
    "nothing": None,
    "no": False,
    "empty": "",
    "list": [3, 1, 2],
    "shop": {"title": "Books", "tags": ["new", "Old"], "size": "large"},
    "people": [{"who": "ada", "age": 36, "in": True}, {"who": "alan", "age": 41, "in": False}],
}


class Templates(unittest.TestCase):
    def gives(self, template: str, output: str, **partials: str) -> None:
        found = render(template, DATA, partials)
        assert found == output, f"{template!r} gave {found!r} instead of {output!r}"

    def fails(self, template: str, message: str, **partials: str) -> None:
        try:
            found = render(template, DATA, partials)
        except TemplateError as error:
            found = str(error)
        assert found == message, f"{template!r} said {found!r} instead of {message!r}"


class Values(Templates):
    def test_text_is_left_alone(self) -> None:
        for text in ("", "a\n b", "{ x }", "} % {", "a < b & c"):
            self.gives(text, text)

    def test_variables_are_found_by_path(self) -> None:
        self.gives(
            "{{ shop.title }} {{ list[1] }} {{ people[1].who }} {{ list.first }}{{ list.last }}", "Books 1 alan 32"
        )
        self.gives("{{ list.size }} {{ name.size }} {{ shop.size }} {{ people[0].size }}", "3 11 large 3")

    def test_what_is_not_there_is_nothing(self) -> None:
        self.gives("[{{ unknown }}{{ shop.unknown.more }}{{ list[9] }}{{ nothing }}{{ n.first }}]", "[]")

    def test_literals(self) -> None:
        self.gives(
            """{{ "a | b" }} {{ 'c, d' }} {{ -2 }} {{ 2.50 }} {{ true }} {{ nil }}{{ false }}""",
            "a | b c, d -2 2.5 true false",
        )

    def test_output_is_escaped_unless_it_is_raw(self) -> None:
        self.gives("{{ name }} {{ '\"' }}", "Tom &amp; &lt;Ann&gt; &quot;")
        self.gives("{{ name | raw }} {{ name | raw | upcase }}", "Tom & <Ann> TOM &amp; &lt;ANN&gt;")
        self.gives("{% capture x %}<i>{{ name }}</i>{% endcapture %}{{ x }}", "<i>Tom &amp; &lt;Ann&gt;</i>")

    def test_data_is_not_changed(self) -> None:
        before = str(DATA)
        self.gives("{% assign n = 4 %}{% assign list = list | sort %}{{ n }}{{ list }}", "4123")
        assert str(DATA) == before
        self.gives("{{ n }}{{ unknown }}{% assign unknown = 1 %}", "3")


class Filters(Templates):
    def test_text(self) -> None:
        self.gives(
            "{{ 'a b' | upcase }} {{ 'A' | downcase }} {{ 'aB' | capitalize }} [{{ ' x ' | strip }}]", "A B a Ab [x]"
        )
        self.gives(
            "{{ 'abcdef' | truncate: 4 }} {{ 'abc' | truncate: 3 }} {{ 'ab cdef' | truncate: 5, '..' }}",
            "abc… abc ab..",
        )
        self.gives("{{ 'a-b' | replace: '-', '+' | append: '!' }} {{ 'a b' | split: ' ' | join: '/' }}", "a+b! a/b")

    def test_numbers(self) -> None:
        self.gives(
            "{{ n | plus: 1 | times: 2 | minus: 0.5 }} {{ 7 | divided_by: 2 }} {{ '4' | plus: '1.5' }}", "7.5 3.5 5.5"
        )
        self.gives(
            "{{ 2.567 | round: 1 }} {{ 2.567 | round }} {{ price | money }} {{ -1 | money: '$' }}",
            "2.6 3 €1,234.50 -$1.00",
        )

    def test_lists(self) -> None:
        self.gives(
            "{{ list | sort | join }} {{ list | reverse | join: '' }} {{ list | sum }} {{ list | size }}",
            "1, 2, 3 213 6 3",
        )
        self.gives("{{ people | map: 'who' | join }} {{ people | where: 'in' | size }}", "ada, alan 1")
        self.gives(
            "{{ people | sort: 'age' | map: 'age' | join }} {{ people | where: 'age', 41 | map: 'who' }}", "36, 41 alan"
        )

    def test_default(self) -> None:
        self.gives(
            "{{ nothing | default: 1 }}{{ no | default: 2 }}{{ empty | default: 3 }}{{ 0 | default: 4 }}", "1230"
        )

    def test_mistakes(self) -> None:
        self.fails("a\n{{ n | shout }}", "line 2: there is no filter 'shout'")
        self.fails("{{ name | plus: 1 }}", "line 1: 'Tom & <Ann>' is no number")
        self.fails("{{ n | plus }}", "line 1: the filter 'plus' cannot be applied like this")
        self.fails("{{ n | divided_by: 0 }}", "line 1: the filter 'divided_by' cannot be applied like this")
        self.fails("{{ shop }}", "line 1: a mapping cannot be shown")
        self.fails("{{ 3x }}", "line 1: '3x' is no value")


class Conditions(Templates):
    def when(self, condition: str, expected: bool) -> None:
        self.gives(f"{{% if {condition} %}}yes{{% else %}}no{{% endif %}}", "yes" if expected else "no")

    def test_only_nil_and_false_are_false(self) -> None:
        for condition in ("n", "empty", "0", "list", "''", "true", "shop.title"):
            self.when(condition, True)
        for condition in ("nothing", "no", "unknown", "false", "nil"):
            self.when(condition, False)

    def test_comparisons(self) -> None:
        for condition in ("n == 3", "n != 4", "n < 4", "n > 2.5", "n <= 3", "n >= 3", "shop.title == 'Books'"):
            self.when(condition, True)
        for condition in ("n == '3'", "n > name", "nothing < 1", "n contains 3"):
            self.when(condition, False)
        for condition in ("name contains '&'", "list contains 2", "shop contains 'title'", "'a3' contains n"):
            self.when(condition, True)

    def test_and_binds_more_closely_than_or(self) -> None:
        self.when("n or no and no", True)
        self.when("no and n or n", True)
        self.when("no or n and no", False)
        self.when("name contains ' or ' or empty == ' and '", False)

    def test_what_is_decided_is_not_looked_at(self) -> None:
        self.when("n or 3x", True)
        self.when("no and 3x", False)

    def test_branches(self) -> None:
        template = "{% if n == 1 %}a{% elsif n == 3 %}b{% elsif n %}c{% else %}d{% endif %}"
        self.gives(template, "b")
        self.gives("{% if no %}a{% endif %}", "")

    def test_mistakes(self) -> None:
        self.fails("{% if n is 3 %}{% endif %}", "line 1: 'n is 3' is no condition")
        self.fails("\n\n{% if n %}", "line 3: 'if' is never closed by 'endif'")
        self.fails("{% if n %}{% else %}{% else %}{% endif %}", "line 1: there is no tag 'else' here")
        self.gives("{% if no %}{{ 3x | shout }}{% endif %}", "")


class Loops(Templates):
    def test_lists_and_mappings(self) -> None:
        self.gives("{% for x in list %}{{ x }};{% endfor %}", "3;1;2;")
        self.gives("{% for x in shop %}{{ x.key }}={{ x.value }} {% endfor %}", "title=Books tags=newOld size=large ")
        self.gives("{% for x in unknown %}{{ x }}{% else %}none{% endfor %}{{ x }}", "none")

    def test_options(self) -> None:
        self.gives(
            "{% for x in list limit: 2 %}{{ x }}{% endfor %}{% for x in list offset:1 %}{{ x }}{% endfor %}", "3112"
        )
        self.gives("{% for x in list reversed limit: 2 offset: 1 %}{{ x }}{% endfor %}", "21")

    def test_where_the_loop_is(self) -> None:
        shown = "{{ forloop.index }}{{ forloop.rindex }}{{ forloop.length }}{{ forloop.first }}{{ forloop.last }} "
        self.gives("{% for x in list %}" + shown + "{% endfor %}", "133truefalse 223falsefalse 313falsetrue ")
        self.gives(
            "{% for x in list %}{% for x in people %}{{ x.age }}{% endfor %}{{ x }}{% endfor %}", "364133641136412"
        )

    def test_variables_outlive_the_loop(self) -> None:
        self.gives("{% for x in list %}{% assign y = x %}{% endfor %}{{ y }}", "2")

    def test_mistakes(self) -> None:
        self.fails("{% for x of list %}{% endfor %}", "line 1: for needs a name, in and a list")
        self.fails("{% for x in n %}{% endfor %}", "line 1: '3' is no list")
        self.fails("{% for x in list limit: name %}{% endfor %}", "line 1: 'Tom & <Ann>' is no number")
        self.fails("{% for x in list %}\n{{ x | shout }}{% endfor %}", "line 2: there is no filter 'shout'")


class Others(Templates):
    def test_white_space_is_taken_away_beside_a_hyphen(self) -> None:
        self.gives("a \n {{- n -}} \n b", "a3b")
        self.gives("a {%- if n -%} b {%- endif %} c", "ab c")
        self.gives("a {%- assign x = 1 %} b", "a b")

    def test_included_templates_see_and_set_variables(self) -> None:
        self.gives(
            "{% for x in list %}{% include 'row' %}{% endfor %}{{ y }}", "<3><1><2>2", row="<{{ x }}>{% assign y = x %}"
        )

    def test_the_same_name_may_be_another_template(self) -> None:
        self.gives("{% include 'row' %}", "a", row="a")
        self.gives("{% include 'row' %}", "b", row="b")

    def test_mistakes(self) -> None:
        self.fails("{% include 'row' %}", "line 1: there is no template 'row' to include")
        self.fails(
            "\n{% include 'row' %}", "line 2: in 'row', line 3: there is no tag 'endif' here", row="\n\n{% endif %}"
        )
        endless = "line 1: in 'row', " * 16 + "line 1: templates include each other more than 16 deep"
        self.fails("{% include 'row' %}", endless, row="{% include 'row' %}")
        self.fails("{% assign 3 = n %}", "line 1: assign needs a name, = and a value")
        self.fails("{% capture %}", "line 1: capture needs a name")
        self.fails("{% frob %}", "line 1: there is no tag 'frob' here")

    def test_the_same_template_again_with_other_data(self) -> None:
        template = "{% for x in l %}{{ x | times: k }} {% endfor %}"
        data: list[dict[str, Any]] = [{"l": [1, 2], "k": 2}, {"l": [3], "k": 3}, {"l": [1.5], "k": 2}]
        assert [render(template, each) for each in data] == ["2 4 ", "9 ", "3.0 "]


if __name__ == "__main__":
    unittest.main()
