"""Open one pull request for each branch in a bundle that `overnight apply --split --bundle` wrote.

Runs in a checkout of the commit that the session began with, and pushes to its remote `origin`. Where that is on GitHub
is said by GITHUB_API_URL, GITHUB_REPOSITORY and GITHUB_TOKEN, as in every workflow. Needs Python and git only.

A change is known by its patch, whatever night it came from: one that was proposed before, and perhaps turned down, is
not proposed again.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

_FETCHED = "refs/overnight-kept"
_SECONDS = 60.0
_TITLE, _BODY = 200, 60_000  # characters; GitHub takes a few more
_ANY = "surrogateescape"  # A patch need not be UTF-8.


class RefusedError(Exception):
    """Something that GitHub or git did not want, in words."""


def main() -> int:
    """Exit code 1 where a change could not be proposed; the others are."""
    parser = argparse.ArgumentParser(description="Open a pull request for each kept change in a bundle.")
    parser.add_argument("bundle", type=Path, help="where there is no such file, nothing was kept")
    parser.add_argument("--base", required=True, help="the branch that the pull requests are for")
    given = parser.parse_args()
    if not given.bundle.exists():
        print("Nothing was kept, so there is nothing to propose.")
        return 0
    failures = 0
    try:
        tips = fetched(given.bundle)
    except RefusedError as refusal:
        print(f"::error::{one_line(str(refusal))}")
        return 1
    for tip in tips:
        try:
            print(propose(tip, given.base))
        except RefusedError as refusal:
            failures += 1
            print(f"::error::{one_line(str(refusal))}")
    return 1 if failures else 0


def fetched(bundle: Path) -> list[str]:
    """The branches' last commits. Only what Overnight split off is taken, under a name that nobody else uses."""
    taken = f"+refs/heads/overnight-split/*:{_FETCHED}/*"
    careful = ("-c", "fetch.fsckObjects=true", "fetch", "--quiet", "--no-tags", "--prune")
    git(*careful, str(bundle.absolute()), taken)
    return git("for-each-ref", "--format=%(objectname)", _FETCHED).split()


def propose(tip: str, base: str) -> str:
    """Push one change and open its pull request. Returns what to say. Raises RefusedError."""
    title = title_of(tip)
    branch = f"overnight-split/{patch_id(tip)}"
    owner = os.environ["GITHUB_REPOSITORY"].partition("/")[0]
    known = github("GET", f"pulls?{urllib.parse.urlencode({'head': f'{owner}:{branch}', 'state': 'all'})}")
    if known:
        return f"Proposed before: {title} ({known[0]['html_url']})"
    try:
        git("push", "--quiet", "origin", f"{tip}:refs/heads/{branch}")
    except RefusedError as refusal:
        raise RefusedError(f"{title}: {branch} cannot be pushed: {refusal}") from None
    opened = github("POST", "pulls", {"title": title, "body": body_of(tip), "head": branch, "base": base})
    return f"Proposed: {title} ({opened['html_url']})"


def patch_id(tip: str) -> str:
    """What the change is known by: the same for the same change to the same lines, wherever they stand."""
    patch = git("diff", "--no-ext-diff", "--no-textconv", "--binary", "HEAD", tip)
    return git("patch-id", "--stable", given=patch)[:12]


def title_of(tip: str) -> str:
    """The first change's own words, and how many others come with it."""
    subjects = git("log", "--reverse", "--format=%s", f"HEAD..{tip}").split("\n")[:-1]
    if not subjects:
        raise RefusedError(f"{tip[:7]} changes nothing here")
    more = f" (and {len(subjects) - 1} more)" if len(subjects) > 1 else ""
    return one_line(subjects[0])[:_TITLE] + more


def body_of(tip: str) -> str:
    """The commits' messages. There are an agent's words in them: shown as they are, they call nobody, close nothing."""
    messages = git("log", "--reverse", "--format=%B", f"HEAD..{tip}").encode("utf-8", "replace").decode()
    lines = (f"    {line}" for line in messages.strip().splitlines())
    return "\n".join(["Overnight measured this change and kept it:", "", *lines])[:_BODY]


def github(method: str, path: str, content: dict[str, str] | None = None) -> Any:
    """What GitHub's REST API answers about the repository. Raises RefusedError with its own words."""
    address = f"{os.environ['GITHUB_API_URL']}/repos/{os.environ['GITHUB_REPOSITORY']}/{path}"
    headers = {
        "Authorization": f"Bearer {os.environ['GITHUB_TOKEN']}",
        "Accept": "application/vnd.github+json",
        "Content-Type": "application/json",
        "User-Agent": "overnight",
    }
    data = json.dumps(content).encode() if content is not None else None
    request = urllib.request.Request(address, data=data, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise RefusedError(f"GitHub refuses ({error.code}): {error.read().decode('utf-8', 'replace')[:500]}") from None
    except (OSError, ValueError) as error:
        raise RefusedError(f"GitHub does not answer: {error}") from None


def git(*arguments: str, given: str = "") -> str:
    """What git prints, line ends and all. Raises RefusedError with its own words."""
    done = subprocess.run(["git", *arguments], input=given.encode("utf-8", _ANY), capture_output=True, check=False)
    if done.returncode != 0:
        words = done.stderr.decode("utf-8", "replace").strip()
        raise RefusedError(f"`git {' '.join(arguments)[:80]}`: {words or f'exit code {done.returncode}'}")
    return done.stdout.decode("utf-8", _ANY)


def one_line(text: str) -> str:
    """The text without what ends a line: a runner takes lines that begin with `::` for commands."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


if __name__ == "__main__":
    sys.exit(main())
