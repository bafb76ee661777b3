"""Asks the model to sort mails with the prompt, and counts how many it gets right. Frozen.

    python score.py                      the validation mails; this is the number that decides
    python score.py --split held_out     mails that no experiment was chosen by; `overnight verify` runs this

prompt.toml is data to this program. It is filled in here and sent from here, so that whoever writes prompts needs no
key, and never sees the mails that are scored.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import re
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from model import Messages, NoAnswerError, Settings, server

HERE = Path(__file__).parent
LABELS = ("payment", "delivery", "return", "account", "product")
LARGEST_PROMPT = 50_000
CHOICES = {"pick": ("first", "similar"), "order": ("by label", "mixed")}
RANGES = {"temperature": (0, 2), "examples": (0, 8)}

Case = dict[str, str]
"""A mail: its `text` and its `label`."""


class BrokenPromptError(Exception):
    """Why prompt.toml cannot be used, in one sentence."""


@dataclass(frozen=True)
class Prompt:
    """prompt.toml."""

    temperature: float
    examples: int
    pick: str
    order: str
    show_definitions: bool
    remind: bool
    instructions: str
    definitions: dict[str, str]

    def messages(self, mail: str, solved: list[Case]) -> Messages:
        """The request about one mail."""
        lines = [f"- {label}: {meaning}" for label, meaning in self.definitions.items()]
        instructions = self.instructions.replace("{labels}", ", ".join(LABELS))
        instructions = instructions.replace("{definitions}", "\n".join(lines) if self.show_definitions else "")
        found = [{"role": "system", "content": instructions.strip()}]
        for case in self._chosen(mail, solved):
            found += [{"role": "user", "content": case["text"]}, {"role": "assistant", "content": case["label"]}]
        reminder = f"\n\nLabels: {', '.join(LABELS)}" if self.remind else ""
        return [*found, {"role": "user", "content": mail + reminder}]

    def _chosen(self, mail: str, solved: list[Case]) -> list[Case]:
        """The solved mails that are shown, as many of each label."""
        if self.pick == "similar":
            solved = sorted(solved, key=lambda case: -_likeness(mail, case["text"]))
        groups = [[case for case in solved if case["label"] == label][: self.examples] for label in LABELS]
        if self.order == "mixed":
            return [case for row in itertools.zip_longest(*groups) for case in row if case]
        return [case for group in groups for case in group]


def _likeness(one: str, other: str) -> float:
    words, others = (set(re.findall(r"\w+", text.lower())) for text in (one, other))
    return len(words & others) / max(len(words | others), 1)


def read_prompt(path: Path) -> Prompt:
    """The prompt in the file, which may hold anything: it was written by a proposer nobody vouches for."""
    if not path.is_file():
        raise BrokenPromptError(f"there is no {path}")
    if path.stat().st_size > LARGEST_PROMPT:
        raise BrokenPromptError(f"{path.name} is over {LARGEST_PROMPT:,} bytes")
    try:
        written = tomllib.loads(path.read_bytes().decode())
    except (ValueError, RecursionError) as error:
        raise BrokenPromptError(f"{path.name} is not TOML: {' '.join(str(error).split())}") from None
    names = {field.name: field.type for field in fields(Prompt)}
    if written.keys() != names.keys():
        odd = sorted(written.keys() ^ names.keys())[0]
        raise BrokenPromptError(f"{path.name} {'lacks' if odd in names else 'has an unknown'} {odd[:40]!r}")
    for name, value in written.items():
        if not _fits(name, value):
            allowed = RANGES.get(name) or CHOICES.get(name) or names[name]
            raise BrokenPromptError(f"{name} is {str(value)[:40]!r}; allowed: {allowed}")
    return Prompt(**written)


def _fits(name: str, value: Any) -> bool:
    if name in CHOICES:
        return value in CHOICES[name]
    if name in RANGES:
        least, most = RANGES[name]
        return type(value) in ((int, float) if name == "temperature" else (int,)) and least <= value <= most
    if name == "definitions":
        return isinstance(value, dict) and value.keys() <= set(LABELS) and all(type(v) is str for v in value.values())
    return type(value) is (str if name == "instructions" else bool)


def label_in(answer: str) -> str | None:
    """The label that an answer gives: the only one that it names."""
    named = {word for word in re.findall(r"\w+", answer.lower()) if word in LABELS}
    return named.pop() if len(named) == 1 else None


def read_cases(split: str) -> list[Case]:
    """The mails of a split. Whoever puts their own there is told what is wrong with them."""
    cases: list[Case] = []
    for number, line in enumerate((HERE / f"{split}.jsonl").read_text(encoding="utf-8").splitlines(), 1):
        try:
            case = json.loads(line)
            is_case = type(case["text"]) is str and case["label"] in LABELS
        except (ValueError, LookupError, TypeError):
            is_case = False
        if not is_case:
            raise SystemExit(f"score.py: {split}.jsonl:{number} is no JSON object with a `text` and a known `label`")
        cases.append(case)
    return cases


def main() -> None:
    parser = argparse.ArgumentParser(description="How many mails are sorted right; higher is better.")
    parser.add_argument("--split", choices=("train", "validation", "held_out"), default="validation")
    split = parser.parse_args().split
    first_seed = int(os.environ.get("OVERNIGHT_SEED", "0"))
    try:
        settings = Settings.read(HERE / "settings.toml")
        cases = [case for case in read_cases(split) for _ in range(settings.times)]
        prompt = read_prompt(Path(os.environ.get("OVERNIGHT_ARTIFACTS", HERE)) / "prompt.toml")
        solved = [] if split == "train" else read_cases("train")
        asked = [prompt.messages(case["text"], solved) for case in cases]
        requests = [(messages, prompt.temperature, first_seed + number) for number, messages in enumerate(asked)]
        with server(settings) as model:
            answers = [label_in(answer) for answer in model.ask_all(requests)]
    except (BrokenPromptError, NoAnswerError) as error:
        raise SystemExit(f"score.py: {error}") from None
    right = sum(answer == case["label"] for answer, case in zip(answers, cases, strict=True))
    length = sum(len(message["content"]) for messages in asked for message in messages)
    print(f"{split} mails, sorted by the model {settings.model}")
    print(f"request_characters: {length / len(asked):.0f}")
    print(f"without_a_label: {answers.count(None)}")
    print(f"accuracy: {right}/{len(cases)}")


if __name__ == "__main__":
    main()
