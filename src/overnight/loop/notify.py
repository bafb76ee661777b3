"""`notify:` — a plain message, and perhaps a picture, to wherever a URL leads, through Apprise."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from overnight.errors import GoalError
from overnight.goal.document import Goal
from overnight.goal.settings import Settings
from overnight.loop.companions import LITERAL_PASSWORD, has_literal_password, unset_variables


@dataclass(frozen=True)
class Message:
    """What is sent: plain text."""

    title: str
    body: str
    has_chart: bool = False


def send(url: str, message: Message, chart: Path | None) -> bool:
    """Send a message to one URL, its variables filled in, with the chart where the service takes one."""
    import apprise  # noqa: PLC0415 - an extra

    plugin = _plugin(url)
    if plugin is None:
        return False
    sender = apprise.Apprise(plugin)
    words = {"title": message.title, "body": message.body, "body_format": apprise.NotifyFormat.TEXT}
    if chart is not None and plugin.attachment_support and sender.notify(**words, attach=str(chart)):
        return True
    return bool(sender.notify(**words))


def check_notify(settings: Settings, goal: Goal) -> None:
    """Raise GoalError, with every mistake, unless Apprise knows what each `notify` URL means."""
    if not settings.notify:
        return
    where = f"{goal.at('notify')}: `notify`:"
    if find_spec("apprise") is None:
        raise GoalError([f"{where} the package 'apprise' is not installed; `pip install 'overnight[notify]'`"])
    mistakes = []
    for place, url in enumerate(settings.notify):
        if unset := unset_variables(url):
            mistakes.append(f"{where} ${unset[0]} is not set in the environment; `export {unset[0]}=…` first")
        elif _plugin(url) is None:
            mistakes.append(
                f"{where} Apprise cannot read {name_of(place, url)}; write it as in https://appriseit.com/services/, "
                "`mailto://USER:$MAIL_PASSWORD@HOST?to=YOU@HOST` say"
            )
    if mistakes:
        raise GoalError(mistakes)


def literal_secrets(settings: Settings, goal: Goal) -> list[str]:
    """Advice about URLs in goal.md that hold a secret themselves."""
    found = [
        f"{goal.at('notify')}: {name_of(place, url)} {LITERAL_PASSWORD}"
        for place, url in enumerate(settings.notify)
        if has_literal_password(url) or ("$" not in url and _hides_something(url))
    ]
    if settings.mlflow is not None and has_literal_password(settings.mlflow):
        found.append(f"{goal.at('mlflow')}: the URL {LITERAL_PASSWORD}")
    return found


def _plugin(url: str) -> Any:
    """What Apprise makes of a URL; None where it cannot read it."""
    import apprise  # noqa: PLC0415 - an extra

    # One after the other, in our own thread: its pool would be waited for when the process ends.
    asset = apprise.AppriseAsset(app_id="Overnight", app_desc="Overnight", async_mode=False)
    return apprise.Apprise.instantiate(os.path.expandvars(url), asset=asset, suppress_exceptions=True)


def _hides_something(url: str) -> bool:
    """Whether Apprise itself would not show all of a URL."""
    plugin = _plugin(url)
    return plugin is not None and plugin.url(privacy=True) != plugin.url(privacy=False)


def name_of(place: int, url: str) -> str:
    """What to call a URL to a person without what is secret in it."""
    scheme, found, _ = os.path.expandvars(url).partition("://")
    kind = f" ({scheme}://…)" if found and scheme.isalnum() and len(scheme) <= 20 else ""
    return f"URL number {place + 1}{kind}"
