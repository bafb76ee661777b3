"""A live session that waits for a person before anybody meets a variant."""

from __future__ import annotations

import sys

from typer.testing import CliRunner

from overnight.cli.main import app
from overnight.loop.reading import open_history
from tests.dashboard.conftest import served, until
from tests.system.conftest import Project

GOAL = f"""---
edit: page.html
metric: orders
direction: higher
live:
  deploy: {sys.executable} deploy.py
  measure: {sys.executable} measure.py
  window: 90s
  min_samples: 100
agent: sh agent.sh
guards: ["test -s page.html"]
---
Sell more tea.
"""
# What people meet, one line for each time that it is set.
DEPLOY = """import os
from pathlib import Path
candidate = os.environ.get("OVERNIGHT_CANDIDATE")
met = Path(candidate, "page.html").read_text().strip() if candidate else "-"
with open(Path(os.environ["OVERNIGHT_PROJECT"], "met.log"), "a") as log:
    print(met, file=log)
"""
MEASURE = """import os
is_new = "variant" in open(os.environ["OVERNIGHT_CANDIDATE"] + "/page.html").read()
print("incumbent.orders: 1000/5000")
print(f"candidate.orders: {1300 if is_new else 1000}/5000")
"""
AGENT = """n=$(sed -n "s/^# Experiment //p" | head -1)
echo "variant $n" > page.html
echo "hypothesis: say $n"
"""


def test_nobody_meets_a_variant_before_a_person_has_said_yes(project: Project) -> None:
    for name, text in {"goal.md": GOAL, "deploy.py": DEPLOY, "measure.py": MEASURE, "agent.sh": AGENT}.items():
        project.write(name, text)
    project.write("page.html", "tea\n")
    project.write(".gitignore", "met.log\n")
    project.commit()

    def met() -> list[str]:
        return (project.folder / "met.log").read_text().splitlines()

    running = project.start("run", "--plain", "--experiments", "2")
    try:
        with served(project.folder) as client:

            def waits(number: int) -> bool:
                return bool(client.get("api/state").get("approval", {}).get("number") == number)

            until(lambda: waits(1), "the first variant does not wait")
            assert client.get("api/state")["summary"]["sentence"].startswith("Experiment 1 waits for your approval")
            assert set(met()) == {"tea", "-"}, "the baseline beside itself, and no more"
            assert client.wish("approve", 1).status == 202
            until(lambda: waits(2), "the second variant does not wait")
        assert met()[-2:] == ["variant 1", "-"]
        said = CliRunner().invoke(app, ["reject", "2", "too loud", str(project.folder)])
        assert said.output == "Turned down: nobody meets experiment 2.\n"
        told = running.communicate(timeout=60)[0]
    finally:
        running.kill()
        running.communicate()
    assert running.returncode == 0, told
    assert "variant 2" not in met()
    assert "note: experiment 1 is waiting for your approval: `overnight approve 1` or the dashboard" in told
    assert "note: approved by a person: experiment 1" in told
    with open_history(project.folder, None) as (history, state):
        first, second = history.judged_number(1), history.judged_number(2)
        assert not list(state.inbox.folder.iterdir())
    assert first is not None
    assert first.verdict == "keep"
    assert second is not None
    assert (second.verdict, second.reason) == ("discard", "a person turned it down: too loud")
    (report,) = (project.folder / ".overnight" / "sessions").glob("*/report.md")
    assert "turned down by a person: experiment 2, too loud" in report.read_text()
