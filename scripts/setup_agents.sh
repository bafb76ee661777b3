#!/bin/sh
# Install the coding agents that tests/agents runs for real, each file checked against its hash.
# usage: setup_agents.sh FOLDER    the programs are then in FOLDER/bin
set -eu
folder=${1:-.agents}
locks=tests/agents

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo "$@"; else return 1; fi
}

find_python() {
    for name in python3.12 python3.11 python3; do # aider does not know newer ones yet
        if "$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' 2>/dev/null; then
            echo "$name"
            return
        fi
    done
}

from_pypi() {
    "$python" -m venv "$folder/lib/$1"
    "$folder/lib/$1/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$locks/$1.lock"
    ln -s "../lib/$1/bin/$1" "$folder/bin/$1"
}

if ! command -v npm >/dev/null; then
    command -v apt-get >/dev/null || { echo "the tests of coding agents need Node.js 20 and npm; install them" >&2; exit 2; }
    as_root apt-get update -q
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends nodejs npm
fi
if [ "$(node -p 'process.versions.node.split(".")[0]')" -lt 20 ]; then
    echo "the tests of coding agents need Node.js 20 or newer, and this is $(node --version); install it" >&2
    exit 2
fi
python=$(find_python)
if [ -z "$python" ]; then
    echo "the tests of coding agents need Python 3.11 or 3.12, which aider runs on; install it" >&2
    exit 2
fi

# The layout is that of any prefix (bin, lib), as with programs that a user has installed. Not `npm ci`: it wants every
# platform's package of opencode in the lock, and not all could be locked. The hashes of those that are in it are checked.
rm -rf "$folder"
mkdir -p "$folder/bin" "$folder/lib"
cp "$locks/package.json" "$locks/package-lock.json" "$folder/lib/"
(cd "$folder/lib" && npm install --no-audit --no-fund --loglevel=error) &
npm=$!
from_pypi aider &
aider=$!
from_pypi mini
wait $aider
wait $npm
for name in claude codex gemini opencode; do
    ln -s "../lib/node_modules/.bin/$name" "$folder/bin/$name"
done
