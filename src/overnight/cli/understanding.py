"""What a text in plain English says about the settings: read by rules, and by a model where one is to be used."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from overnight.errors import OvernightError
from overnight.goal.english import Found, read_english
from overnight.propose.models.keys import check_model, is_model

_PATIENCE = 120.0
"""Seconds for a model to read a document; somebody sits there and waits."""


def understand(console: Console, english: str, agent: str, folder: Path) -> dict[str, Found]:
    """The settings that `english` states. Without a model, or if it fails, they are what the rules find."""
    by_rules = read_english(english)
    if not is_model(agent) or not english.strip():
        return by_rules
    console.print(f"{agent} reads what you wrote …", style="dim")
    by_model = _ask(agent, english, folder)
    if isinstance(by_model, str):
        console.print(f"The settings are read without the model: {by_model}", style="yellow")
        return by_rules
    return _together(by_rules, by_model)


def _ask(agent: str, english: str, folder: Path) -> dict[str, Found] | str:
    try:
        check_model(agent, None)
    except OvernightError as error:
        return str(error)
    from overnight.propose.models.asking import Asker
    from overnight.propose.models.goal import read_with_model
    from overnight.propose.models.providers import opened

    asker = Asker(agent, lambda: opened(agent, None, _PATIENCE), limit=_PATIENCE, should_stop=lambda: False)
    return read_with_model(asker, english, folder)


def _together(by_rules: dict[str, Found], by_model: dict[str, Found]) -> dict[str, Found]:
    """What the model can quote goes before what the rules find, and that before what it only suggests."""
    said = dict(by_rules)
    for key, found in by_model.items():
        if found.is_quoted or key not in said:
            said[key] = found
    another = "metric" in by_rules and said["metric"].value != by_rules["metric"].value
    if another and "direction" in said and said["direction"] is by_rules.get("direction"):
        del said["direction"]
    return said
