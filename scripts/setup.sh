#!/bin/sh
# Make a virtual environment with everything in requirements.lock, each file checked against its hash.
# usage: setup.sh FOLDER          what Overnight needs
#        setup.sh FOLDER tests    also what only the tests need: tests/requirements.lock, PyTorch, strace, a PostgreSQL and two
#                                 mail servers that they start themselves, and Chromium
set -eu
venv=${1:-.venv}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo "$@"; else return 1; fi
}

# System packages, on Debian and Ubuntu only when something is missing; macOS brings git with its developer tools.
apt_install() {
    command -v apt-get >/dev/null || return 0
    echo "installing $* with apt-get"
    as_root apt-get update -q && as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@" ||
        echo "could not install $*; please install it by hand" >&2
}

find_python() {
    for name in python3 python3.13 python3.12 python3.11; do
        if command -v "$name" >/dev/null && "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$name"
            return
        fi
    done
}

command -v git >/dev/null || apt_install git
[ "$(uname)" != Linux ] || command -v bwrap >/dev/null || apt_install bubblewrap  # the sandbox; macOS brings its own
if [ "${2:-}" = tests ] && [ "$(uname)" = Linux ]; then
    command -v strace >/dev/null || apt_install strace
    command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || apt_install postgresql
    if ! [ -x /usr/sbin/postfix ] || ! [ -x /usr/sbin/dovecot ]; then
        apt_install postfix dovecot-imapd
        # The tests start their own; this machine is to be no mail server.
        ! command -v systemctl >/dev/null || as_root systemctl disable --quiet --now postfix dovecot || true
    fi
    command -v chromium >/dev/null || command -v google-chrome >/dev/null || apt_install chromium fonts-dejavu-core
fi
python=$(find_python)
if [ -z "$python" ]; then
    apt_install python3 python3-venv
    python=$(find_python)
fi
if [ -z "$python" ]; then
    echo "Overnight needs Python 3.11 or newer; install it (python.org, your package manager, or uv) and run this again" >&2
    exit 2
fi
"$python" -c 'import ensurepip, venv' 2>/dev/null ||
    apt_install "python$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv"

[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
if [ "${2:-}" = tests ]; then
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r tests/requirements.lock
    # PyTorch for examples/nanochat: the build without CUDA where that is offered, else PyPI's, ten times as large.
    for lock in requirements.lock requirements-cuda.lock; do
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "examples/nanochat/$lock" && break
        [ "$lock" = requirements.lock ] || exit 1
        echo "that build of PyTorch is not offered here; installing the one with CUDA instead" >&2
    done
fi
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
