"""Keys, tokens and passwords taken out of what guests print, before it is written down anywhere."""

from __future__ import annotations

import os
import re
from functools import lru_cache

REDACTED = "[redacted]"

_KEYS = re.compile(
    "|".join(
        (
            r"\bsk-[A-Za-z0-9_-]{16,}",  # OpenAI, Anthropic, OpenRouter
            r"\b(?:ghp|gho|ghu|ghs|ghr)_[A-Za-z0-9]{20,}|\bgithub_pat_[A-Za-z0-9_]{20,}",
            r"\bglpat-[A-Za-z0-9_-]{16,}",
            r"\bxox[abposr]-[A-Za-z0-9-]{10,}",  # Slack
            r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",  # AWS
            r"\bAIza[A-Za-z0-9_-]{30,}",  # Google
            r"\bhf_[A-Za-z0-9]{20,}",
            r"\b(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{16,}",  # Stripe
            r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",  # JSON web tokens
            r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
        )
    )
)
_NAMED = re.compile(
    r"(?P<name>(?:api|access|secret|auth|private)[_-]?(?:key|token)|password|passwd|client[_-]?secret)"
    r"(?P<between>[\"']?\s*[:=]\s*[\"']?)(?P<value>(?=[^\s\"']*\d)(?=[^\s\"']*[A-Za-z])[^\s\"'(){}\[\],]{16,})",
    re.IGNORECASE,
)
_SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASSW|CREDENTIAL|COOKIE|DSN", re.IGNORECASE)
_SHORTEST = 8


def redact(text: str) -> str:
    """`text` without whatever looks like a key, and without what the environment holds under a secret's name."""
    for value in _secret_values():
        text = text.replace(value, REDACTED)
    text = _KEYS.sub(REDACTED, text)
    return _NAMED.sub(lambda found: f"{found['name']}{found['between']}{REDACTED}", text)


def brings_secret(before: str, after: str) -> bool:
    """Whether something that looks like a key is in the new text and was not in the old one."""
    known = set(_found(before))
    return any(secret not in known for secret in _found(after))


def is_secret_name(name: str) -> bool:
    """Whether an environment variable of that name is likely to hold a secret."""
    return _SECRET_NAME.search(name) is not None


def _found(text: str) -> list[str]:
    held = [value for value in _secret_values() if value in text]
    return [*held, *_KEYS.findall(text), *(found["value"] for found in _NAMED.finditer(text))]


def _secret_values() -> tuple[str, ...]:
    """The longest first, since one may be a part of another."""
    return _secrets_in(tuple(os.environ.items()))


@lru_cache(maxsize=4)
def _secrets_in(environment: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    found = {value for name, value in environment if is_secret_name(name) and len(value) >= _SHORTEST}
    return tuple(sorted((value for value in found if not value.startswith("/")), key=len, reverse=True))
