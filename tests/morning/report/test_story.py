"""An agent's Markdown as paragraphs and lists."""

from __future__ import annotations

from overnight.morning.report.story import Block, blocks_of


def test_an_agents_markdown_becomes_paragraphs_and_lists() -> None:
    text = "# What pays\nSmall steps\nhelp.\n\n- one\n  goes on\n* two\n\n1. first\n---\n![x](http://evil/p.png)\n"
    assert blocks_of(text) == [
        Block(["What pays"], is_list=False),
        Block(["Small steps help."], is_list=False),
        Block(["one goes on", "two"], is_list=True),
        Block(["first"], is_list=True),
        Block(["![x](http://evil/p.png)"], is_list=False),
    ]
    assert blocks_of("\n\n") == []
