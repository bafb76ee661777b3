"""Any program as the proposer: what it gets, and what counts of what it did."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from overnight.errors import Interrupted, OvernightError
from overnight.goal.settings import Settings
from overnight.propose.agents.any_command import AnyCommand
from overnight.propose.brief import Brief
from overnight.propose.command import CommandProposer, check_program, describe
from overnight.propose.proposer import Proposal
from overnight.repo.candidate import Scope
from overnight.repo.git import Repository
from overnight.repo.worktree import Worktree
from overnight.runs.sandbox import Sandbox
from tests.checkout import Checkout

Ask = Callable[..., Proposal]


@pytest.fixture
def ask(checkout: Checkout, tmp_path: Path, sandbox: Sandbox) -> Ask:
    """Asks a shell command for one proposal on `train.py`."""
    repository = Repository.find(checkout.folder)
    files = {"train.py": b"LR = 0.1\n"}

    def propose(command: str, *, timeout: float = 20.0, stop: bool = False) -> Proposal:
        settings = Settings(edit=("train.py",), run="x", metric="loss", agent=command, agent_timeout=timeout)
        proposer = CommandProposer(
            AnyCommand(command),
            settings,
            Worktree(repository, tmp_path / "copy"),
            Scope(["train.py"]),
            sandbox=sandbox,
            folder=tmp_path / "logs",
            should_stop=lambda: stop,
        )
        brief = Brief(
            number=3, english="Go.", edit=("train.py",), metric="loss", direction="lower", budget_seconds=1, run="x",
            files=files, incumbent_number=0, incumbent_metric=1.0, baseline_metric=1.0, noise=0.0,
            incumbent_commit=repository.head(),
        )  # fmt: skip
        proposal = proposer.propose(brief)
        assert not proposer._worktree.changes(thorough=True)
        proposer.close()
        return proposal

    return propose


def test_the_brief_comes_on_standard_input_and_in_a_file(ask: Ask) -> None:
    proposal = ask('cat > train.py; cmp train.py "$OVERNIGHT_BRIEF" && echo "hypothesis: same"')
    assert proposal.hypothesis == "same"
    assert (proposal.files["train.py"] or b"").count(b"\n# Experiment 3\n") == 1


@pytest.mark.parametrize(
    ("said", "hypothesis"),
    [
        ("hypothesis: raise it", "raise it"),
        ("**Hypothesis:** raise it", "raise it"),
        ("- HYPOTHESIS: `raise it`", "raise it"),
        ("hypothesis: first\nthen\nhypothesis: second", "second"),
        ("I have no idea", "`LR = 0.1` → `LR = 0.2`"),
        ("hypothesis:", "`LR = 0.1` → `LR = 0.2`"),
        ("hypothesis: raise\x1b[2J \u202eit\tto 10\u00a0%", "raise�[2J �it to 10 %"),
    ],
)
def test_the_reason_is_what_it_said_last_or_else_what_it_did(ask: Ask, said: str, hypothesis: str) -> None:
    assert ask(f"echo 'LR = 0.2' > train.py; echo '{said}'").hypothesis == hypothesis


@pytest.mark.parametrize(
    ("command", "trespasses"),
    [
        ("echo x > lib/other.py", ("lib/other.py",)),
        ("rm lib/other.py", ("lib/other.py",)),
        ("echo x > notes.txt", ("notes.txt",)),
        ("ln -sf /etc/hostname train.py", ("train.py",)),
        ("rm train.py; mkdir train.py; touch train.py/x", ("train.py",)),
        ("echo x > .gitignore", (".gitignore",)),
        ("mkdir -p .cache __pycache__; touch .cache/x __pycache__/y .session run.log", ()),
    ],
)
def test_only_edit_files_may_change_but_droppings_are_no_crime(
    ask: Ask, command: str, trespasses: tuple[str, ...]
) -> None:
    proposal = ask(command)
    # In its room it is kept from writing what is there already.
    assert proposal.trespasses == trespasses or (not proposal.trespasses and trespasses[0] in proposal.denied)
    assert not proposal.files


@pytest.mark.parametrize(
    ("command", "failure"),
    [
        ("exit 3", "the agent ended with exit code 3 and changed nothing"),
        ("kill -9 $$", "the agent ended by signal 9 and changed nothing"),
        ("sleep 60", "the agent was still at work after 0.5 s and was ended before it changed anything"),
        ("true", "the agent said nothing and changed nothing"),
        ("echo I have looked at it.", "the agent changed nothing"),
        ("echo Shall I change the learning rate?", "asked a question"),
        ("echo I cannot assist with that.", "refused"),
        ("yes | head -c 30000000", "printed more than 20 MB"),
    ],
)
def test_why_there_is_no_proposal(ask: Ask, command: str, failure: str) -> None:
    proposal = ask(command, timeout=0.5 if "sleep" in command else 20.0)
    assert not proposal.files
    assert failure in (proposal.failure or "")


def test_a_change_made_in_time_counts_although_the_agent_did_not_end(ask: Ask) -> None:
    assert ask("echo 'LR = 0.2' > train.py; sleep 60", timeout=0.5).files == {"train.py": b"LR = 0.2\n"}


def test_commits_of_an_agent_go_nowhere(ask: Ask, checkout: Checkout) -> None:
    before = checkout.git("rev-parse", "HEAD"), checkout.git("for-each-ref")
    proposal = ask("echo 'LR = 0.2' > train.py; git commit -qam sneaky; git checkout -b mine; echo hypothesis: x")
    assert proposal.files == {"train.py": b"LR = 0.2\n"}
    assert (checkout.git("rev-parse", "HEAD"), checkout.git("for-each-ref")) == before


def test_interrupted(ask: Ask) -> None:
    with pytest.raises(Interrupted):
        ask("sleep 60", stop=True)


def test_what_was_done_in_words() -> None:
    before = {"a.py": b"x = 1\ny = 2\n", "b.py": b"b\n"}
    assert describe(before, {"a.py": b"x = 1\ny = 3\n"}) == "`y = 2` → `y = 3`"
    assert describe(before, {"a.py": b"x = 1\nz\nw\n", "b.py": None}) == "change a.py (+2 −1 lines); delete b.py"
    assert describe({}, {"new.py": b"1\n2\n"}) == "change new.py (+2 −0 lines)"


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "agent.sh").touch()
    for command in ("sh agent.sh", "./agent.sh", "KEY=1 sh x", "if true; then :; fi"):
        check_program(command, tmp_path)
    for command, words in (
        ("cluade -p", "'cluade' was not found; did you mean `claude`?"),
        ("openai", "did you mean `openai:MODEL`?"),
        ("./x.sh", "was not found"),
        ("a 'b", "cannot be read"),
    ):
        with pytest.raises(OvernightError, match=words):
            check_program(command, tmp_path, ("search", "claude", "openai:MODEL"))
