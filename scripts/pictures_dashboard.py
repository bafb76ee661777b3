"""Takes the dashboard's pictures for the documents: the demo's model, a scripted agent, a real session under way.

python scripts/pictures_dashboard.py [--browser /usr/bin/chromium]
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from overnight.dashboard.serve import Dashboard
from overnight.loop.state import State

IMAGES = Path(__file__).parents[1] / "docs" / "images"
OVERNIGHT = [sys.executable, "-m", "overnight.cli.main"]
TRAIN = '''"""A made-up model: its loss has a valley."""
import time

LEARNING_RATE = 0.10
DEPTH = 2
WARMUP = 0
DROPOUT = 0.30
BATCH = 32


def loss() -> float:
    """How far the knobs are from where they should be."""
    rate = 40 * (LEARNING_RATE - 0.03) ** 2
    return 1 + rate + (DEPTH - 5) ** 2 / 30 + abs(DROPOUT - 0.1) + abs(BATCH - 96) / 300 + (8 - min(WARMUP, 8)) / 40


for step in range(8):
    print(f"step {step}: loss {loss() + 1 / (step + 1):.5f}", flush=True)
    time.sleep(0.14)
if DEPTH > 7:
    raise MemoryError(f"{DEPTH} layers do not fit")
print(f"val_loss: {loss():.5f}")
'''
AGENT = """import random, re, sys
number = int(re.search(r"^# Experiment (\\d+)", sys.stdin.read(), re.M)[1])
chance = random.Random(number)
name, value, words = chance.choice([
    ("LEARNING_RATE", round(chance.uniform(0.01, 0.12), 3), "try a learning rate of {}"),
    ("DEPTH", chance.randint(1, 9), "make it {} layers deep"),
    ("WARMUP", chance.choice([2, 4, 6, 8]), "warm up for {} steps, since early updates look unstable"),
    ("DROPOUT", round(chance.uniform(0.02, 0.4), 2), "drop {} of the units; it seems to overfit"),
    ("BATCH", chance.choice([16, 48, 64, 96, 128]), "batches of {}, so that the gradient is less noisy"),
])
text = open("train.py").read()
open("train.py", "w").write(re.sub(rf"^{name} = .*$", f"{name} = {value}", text, flags=re.M))
print("hypothesis:", words.format(value))
"""
GOAL = """---
edit: train.py
run: PYTHON train.py
metric: val_loss
budget: 3s
agent: python3 agent.py
stop: {experiments: 34}
---
Make the validation loss small.
"""

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Tea</title>
<style>
body { font: 17px/1.5 Georgia, serif; margin: 0; color: #23301f; background: #fbf8ef; }
header { padding: 2rem; background: #dfe8cf; }
h1 { margin: 0; font-size: 2.2rem; }
.buy { padding: .6rem 1.3rem; background: #3c6e2f; color: #fff; border-radius: 6px; text-decoration: none; }
main { padding: 1rem 2rem; }
</style></head>
<body>
<header>
<h1>Tea from the hill</h1>
<p>Picked in the morning, dried by the evening.</p>
<p><a class="buy" href="/buy">Buy now</a></p>
</header>
<main><p>A tin of forty bags is 12 euro. We send it within two days.</p></main>
</body></html>
"""
SHOP = {
    "page.html": PAGE,
    "deploy.py": "",
    "measure.py": 'print("incumbent.orders: 200/4000")\nprint("candidate.orders: 200/4000")\n',
    "agent.py": """text = open("page.html").read()
open("page.html", "w").write(text.replace("Buy now", "Try three bags for free"))
print("hypothesis: whoever has tasted it comes back: offer three bags for free before anything is to be paid")
""",
    "goal.md": """---
edit: page.html
metric: orders
direction: higher
live: {deploy: PYTHON deploy.py, measure: PYTHON measure.py, window: 7d, min_samples: 400}
agent: python3 agent.py
---
Sell more tea.
""",
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Takes the dashboard's pictures.")
    parser.add_argument("--browser", default="/usr/bin/chromium")
    wanted = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="overnight-pictures-"))
    folder = project(work / "project", {"train.py": TRAIN, "agent.py": AGENT, "goal.md": GOAL})
    dashboard = Dashboard(State.of(folder), port=0)
    dashboard.start()
    session = subprocess.Popen([*OVERNIGHT, "run", "--plain"], cwd=folder, stdout=subprocess.DEVNULL)
    try:
        with sync_playwright() as play:
            browser = play.chromium.launch(executable_path=wanted.browser, args=["--no-sandbox"])
            take(browser, dashboard.url, session)
            approval(browser, project(work / "shop", SHOP))
            browser.close()
    finally:
        session.kill()
        session.wait()
        dashboard.stop()
        shutil.rmtree(work, ignore_errors=True)


def take(browser: Browser, url: str, session: subprocess.Popen[bytes]) -> None:
    """All pictures, in the order of the night."""
    page = opened(browser, url, "light")
    page.wait_for_selector("#rows tr[data-number='22']", timeout=300_000)
    page.wait_for_selector(".slot .bar:visible")
    page.wait_for_timeout(100)
    page.screenshot(path=IMAGES / "dashboard-running.png")
    dark = opened(browser, url, "dark")
    dark.wait_for_selector(".slot .bar:visible")
    dark.wait_for_timeout(100)
    dark.screenshot(path=IMAGES / "dashboard-dark.png")
    page.locator("#rows tr:has(.v-keep) a").first.click()
    page.wait_for_selector(".diff")
    page.wait_for_timeout(400)
    page.screenshot(path=IMAGES / "dashboard-experiment.png")
    page.keyboard.press("Escape")
    phone = opened(browser, url, "dark", width=360, height=780)
    phone.wait_for_selector("#rows tr")
    phone.wait_for_timeout(500)
    phone.screenshot(path=IMAGES / "dashboard-phone.png")
    session.wait(timeout=300)
    page = opened(browser, url, "light")
    page.wait_for_selector("body[data-stand=finished]")
    page.wait_for_selector("#rows tr")
    page.wait_for_timeout(500)
    page.screenshot(path=IMAGES / "dashboard-finished.png")


def approval(browser: Browser, folder: Path) -> None:
    """A live variant that waits for a person."""
    dashboard = Dashboard(State.of(folder), port=0)
    dashboard.start()
    session = subprocess.Popen([*OVERNIGHT, "run", "--plain"], cwd=folder, stdout=subprocess.DEVNULL)
    try:
        page = opened(browser, dashboard.url, "light", height=1400)
        page.wait_for_selector(".preview", timeout=300_000)
        page.wait_for_timeout(1000)
        page.locator("#approval").screenshot(path=IMAGES / "dashboard-approval.png")
    finally:
        session.terminate()
        session.wait()
        dashboard.stop()


def opened(browser: Browser, url: str, scheme: str, width: int = 1280, height: int = 1000) -> Page:
    """The page in a window of its own."""
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if scheme == "dark" else "light",
        device_scale_factor=2 if width < 600 else 1,
    )
    page = context.new_page()
    page.goto(url)
    return page


def project(folder: Path, files: dict[str, str]) -> Path:
    """A committed project."""
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name).write_text(text.replace("PYTHON", sys.executable))
    who = ["git", "-c", "user.name=a", "-c", "user.email=a@localhost"]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "start"]):
        subprocess.run([*who, *command], cwd=folder, check=True)
    return folder


if __name__ == "__main__":
    main()
