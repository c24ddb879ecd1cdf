#!/bin/sh
# Prepares this folder: `setup.sh run` for users, `setup.sh dev` for tests and checks, `setup.sh lab` for the
# Debian packages that tests with real guests need. Everything else stays inside .venv and .uv here.
set -eu
cd "$(dirname "$0")/.."
what=${1:?run, dev or lab}
# The system's certificates count, as for every other program here (proxies of companies have their own).
export UV_PYTHON_DOWNLOADS=never UV_NO_PROGRESS=1 UV_SYSTEM_CERTS=1
unset PYTHONDONTWRITEBYTECODE

say() { printf '%s\n' "$*" >&2; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null 2>&1; then sudo "$@"; else
        say "error: $* needs root, and there is no sudo"; say "HINT: Run that command as root, then make again."; exit 10
    fi
}

apt_install() { # package...
    missing=""
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
    done
    [ -z "$missing" ] && return 0
    say "installing these Debian packages:$missing"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
    # shellcheck disable=SC2086  # a list of words
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
}

find_python() { # the oldest interpreter that will do, the system's first
    for name in /usr/bin/python3 /usr/bin/python3.13 /usr/bin/python3.12 /usr/bin/python3.11 python3; do
        command -v "$name" >/dev/null 2>&1 || continue
        "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { command -v "$name"; return; }
    done
    return 1
}

python=$(find_python) || { apt_install python3 python3-venv; python=$(find_python) || {
    say "error: no Python 3.11 or later here"; say "HINT: Install one (Ubuntu 22.04: apt install python3.11 python3.11-venv)."; exit 10; }; }

if [ "$what" = lab ]; then
    [ "$(uname -m)" = x86_64 ] || { say "error: the lab needs x86_64"; exit 10; }
    # shellcheck disable=SC2046  # one package a line
    apt_install $(sed 's/#.*//' scripts/lab-packages.txt)
    exit 0
fi

want="$(cat "requirements/$what.txt" requirements/uv.txt pyproject.toml scripts/setup.sh; printf %s "$python $PWD")"
stamp=$(printf %s "$want" | cksum)
[ -x .venv/bin/kvmedic ] && [ "$(cat .venv/."$what".stamp 2>/dev/null)" = "$stamp" ] && exit 0
if [ "$what" = run ] && [ -f .venv/.dev.stamp ] && [ -x .venv/bin/kvmedic ]; then exit 0; fi

if [ ! -x .uv/bin/uv ] || ! .uv/bin/uv --version >/dev/null 2>&1; then
    "$python" -c 'import ensurepip, venv' 2>/dev/null || apt_install python3-venv
    say "setting up the Python environment in .venv (about a minute the first time)"
    rm -rf .uv
    "$python" -m venv .uv
    .uv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
fi
[ -x .venv/bin/python ] || .uv/bin/uv venv --quiet --python "$python" .venv
.uv/bin/uv pip sync --quiet --require-hashes --compile-bytecode --python .venv/bin/python "requirements/$what.txt"
.uv/bin/uv pip install --quiet --no-deps --no-build-isolation --python .venv/bin/python --editable .
.venv/bin/python -m compileall -q src
rm -f .venv/.*.stamp
printf '%s\n' "$stamp" > ".venv/.$what.stamp"
