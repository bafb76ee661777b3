"""Which command is one run, and which reads its score."""

from __future__ import annotations

import re
from collections.abc import Iterator

from overnight.goal.reading.clue import TICKED, Clue
from overnight.goal.reading.sentences import Piece

_LAUNCHER = (
    r"(?:[A-Z_][A-Z0-9_]{0,30}=\S{1,40} ){0,4}(?:uv run|poetry run|pdm run|conda run|python3?(?:\.\d+)?|"
    r"node|bun|deno|npm|npx|pnpm|yarn|make|just|cargo|go|bash|sh|torchrun|accelerate|julia|Rscript|ruby|java|mvn|gradle|dotnet|pytest|hyperfine|zig|"
    r"swift|php|lua|perl|docker|cmake|ninja|\./[\w.-]+|[\w.-]{1,40}/bin/python3?)"
)
_COMMAND = re.compile(rf"(?:cd [\w./-]{{1,80}} && )?{_LAUNCHER}(?: \S.{{0,400}})?$")
_BARE = re.compile(
    r"\b(?:with|as|using|run|launch|execute):? "
    r"((?:uv run )?(?:python3?|node|bash) [\w./-]{1,80}\.\w{1,4}(?: --?[\w-]+(?:[ =][\w.]+)?){0,9})"
)
_NUMBERING = re.compile(r"^(?:\d{1,3}[.)]|\$|>|[-*]) +")
_REDIRECTION = re.compile(r"\s*(?:[12&]?>{1,2} ?&?[\w./$-]+|\| ?tee\b.*|&)\s*$")
_TRAILING_COMMENT = re.compile(r"\s{2,}#.*$")
_NOT_A_RUN = re.compile(
    r"\b(?:install|sync|prepare\w*|setup|download\w*|init|activate|smoke|lint|format|test|--help|--version|\w*baseline|plot\w*|dashboard\w*)\b"
)
_PLACEHOLDER = re.compile(r"<[\w -]+>|\{[\w -]+\}|\.\.\.")
_ONCE = re.compile(
    r"\b(?:once|set ?up|tell the (?:human|user)|prepar\w+|install\w*|download\w*|verif\w+|optional\w*|"
    r"smoke|baseline|if not|check)\b",
    re.IGNORECASE,
)
_LAUNCHED = re.compile(r"\blaunch\w*|\bone run\b", re.IGNORECASE)
_EXPERIMENT = re.compile(
    r"\b(?:run|start|execute)\b.{0,30}\b(?:experiment|trial|training|benchmark|script|it)\b|^\W*run\W*$|\brun:",
    re.IGNORECASE,
)
_SCORED = re.compile(r"\b(?:scored?|judged?|evaluated?)\b (?:it )?(?:by|with|using)\b", re.IGNORECASE)
_PLAIN_LANGUAGES = ("", "bash", "sh", "shell", "console", "zsh", "text")


def command_clues(document: list[Piece], edit: str) -> Iterator[Clue]:
    for piece in document:
        if piece.fenced:
            written = [piece.text] if piece.language in _PLAIN_LANGUAGES else []
            context = piece.lead
        else:
            written = TICKED.findall(piece.text) or _BARE.findall(piece.text)
            context = TICKED.sub("", piece.text)
        for text in written:
            command, redirected = _without_redirection(_TRAILING_COMMENT.sub("", _NUMBERING.sub("", text)).strip())
            if not _COMMAND.match(command) or _PLACEHOLDER.search(command):
                continue
            if _SCORED.search(context):
                yield Clue("score", command, 4, piece)
                continue
            weight = 1 + 4 * redirected + 8 * bool(_LAUNCHED.search(context)) + 3 * bool(_EXPERIMENT.search(context))
            weight += bool(re.search(r"\b[Rr]un\b", context)) + 2 * bool(edit and edit in command)
            weight -= 6 * bool(_NOT_A_RUN.search(command)) + 4 * bool(_ONCE.search(f"{piece.lead} {context}"))
            yield Clue("run", command, weight, piece)


def _without_redirection(command: str) -> tuple[str, bool]:
    """`python x.py > run.log 2>&1` is `python x.py`: Overnight reads the output itself."""
    bare = command
    for _ in range(4):
        bare = _REDIRECTION.sub("", bare)
    return bare, bare != command
