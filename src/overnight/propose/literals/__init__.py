"""The literals of a file that can be turned: where they stand, what they are called, what they can become.

Every edit replaces the characters of one literal, so that layout and comments elsewhere stay as they are.
"""

from __future__ import annotations

import warnings
from pathlib import PurePosixPath

from overnight.propose.literals.place import CannotParseError, Place, number_repeats

__all__ = ["CannotParseError", "Place", "check", "find", "switched"]


def find(path: str, source: str) -> list[Place]:
    """Every place in the file, in its order; raises `CannotParseError` for a file that its own format rejects."""
    suffix = PurePosixPath(path).suffix.lower()
    if suffix in {".py", ".pyw", ".pyi"}:
        # LibCST takes a while to import, so that only those who edit Python wait for it.
        from overnight.propose.literals.python import find_in_python  # noqa: PLC0415

        check(path, source)
        return number_repeats(find_in_python(source))
    if suffix == ".json":
        from overnight.propose.literals.structured import find_in_json  # noqa: PLC0415

        return number_repeats(find_in_json(source))
    if suffix in {".yaml", ".yml"}:
        from overnight.propose.literals.structured import find_in_yaml  # noqa: PLC0415

        return number_repeats(find_in_yaml(source))
    from overnight.propose.literals.plain import find_in_text  # noqa: PLC0415

    return number_repeats(find_in_text(source, suffix))


def check(path: str, source: str) -> None:
    """Raise `CannotParseError` unless the text is valid in the format its name promises."""
    suffix = PurePosixPath(path).suffix.lower()
    if suffix in {".py", ".pyw", ".pyi"}:
        _check_python(source)
    elif suffix in {".json", ".yaml", ".yml"}:
        from overnight.propose.literals.structured import check_json, check_yaml  # noqa: PLC0415

        (check_json if suffix == ".json" else check_yaml)(source)
    elif suffix == ".toml":
        from overnight.propose.literals.plain import check_toml  # noqa: PLC0415

        check_toml(source)


def _check_python(source: str) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # `x is 5` is the file's own business
            compile(source, "<candidate>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as problem:
        line = getattr(problem, "lineno", None)
        what = getattr(problem, "msg", None) or str(problem)
        raise CannotParseError(f"{what} (line {line})" if line else what) from None


_OPPOSITES = {"true": "false", "yes": "no", "on": "off"}
_OPPOSITES |= {off: on for on, off in _OPPOSITES.items()}


def switched(text: str) -> str:
    """The other value of a switch, in the same case: True → False, yes → no, ON → OFF."""
    other = _OPPOSITES[text.lower()]
    return other.upper() if text.isupper() else other.capitalize() if text[0].isupper() else other
