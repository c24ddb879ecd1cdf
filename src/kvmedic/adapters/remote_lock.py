"""Locks on a host that is acted upon from elsewhere: the same files and flock(2) as a run on the host itself.

A shell on that host holds them for as long as its ssh session lives, so a lock dies with the run that took
it. A host that cannot be reached cannot be locked, and is not worked on.
"""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from kvmedic.adapters.child import end_child
from kvmedic.adapters.host_shell import HostShell
from kvmedic.errors import PreconditionFailedError

DEADLINE_S = 90.0
HOLD = """
script=$1 owner=$2 held=$3; shift 3
[ -z "$held" ] || printf %s "$owner" > "$held"
[ $# -gt 0 ] || { echo held; while read -r line; do echo still; done; exit 0; }
umask 077
mode=-x name=$1; shift
case $name in shared:*) mode=-s; name=${name#shared:} ;; esac
lock=/run/kvmedic/locks/$name.lock
mkdir -p /run/kvmedic/locks && : >> "$lock" || exit 9
flock -n -E 7 $mode "$lock" sh -c "$script" sh "$script" "$owner" "$lock" "$@"
code=$?
[ $code -ne 7 ] || echo "taken $name $(head -c 400 "$lock")"
exit $code
"""
"""Each lock is held by a flock(1) of its own around the next one: a shell has few descriptors to give."""


@contextmanager
def remotely_locked(
    ssh: str, names: Sequence[str], owner: str, *, shared: Sequence[str] = ()
) -> Iterator[Callable[[], bool]]:
    """Holds all of ``names`` on that host or none. PreconditionFailedError: taken, or it cannot be reached.

    Those in ``shared`` are held together with others who share them. What it yields tells whether the locks
    are still held: they are gone when the ssh session is.
    """
    shell = HostShell(ssh)
    process = subprocess.Popen(
        shell.command(HOLD, HOLD, owner, "", *_in_order(names, shared)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _check(_first_line(process), shell.shown)
        yield lambda: process.poll() is None
    finally:
        _let_go(process)


def _in_order(names: Sequence[str], shared: Sequence[str]) -> list[str]:
    """Everybody takes them in the order of their names, so that nobody waits in a circle."""
    plain = {*names, *shared}
    return [name if name in names else f"shared:{name}" for name in sorted(plain)]


def _first_line(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout is not None  # noqa: S101
    said, until = b"", time.monotonic() + DEADLINE_S
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while b"\n" not in said and selector.select(max(0.0, until - time.monotonic())):
            part = os.read(process.stdout.fileno(), 4096)
            if not part:
                break
            said += part
    return said.decode(errors="replace").strip()


def _check(said: str, shown: str) -> None:
    if said == "held":
        return
    if said.startswith("taken "):
        name, _, holder = said.removeprefix("taken ").partition(" ")
        raise PreconditionFailedError(
            f"{name} on {shown} is being worked on by {holder or 'somebody'}; nothing was touched",
            hint="Wait for that run, or see kvmedic runs where it was begun.",
        )
    raise PreconditionFailedError(
        f"{shown} could not be locked ({said or 'no answer'}); nothing was touched",
        hint="A host out of reach is not worked on. It needs flock (util-linux) and a writable /run.",
    )


def _let_go(process: subprocess.Popen[bytes]) -> None:
    """Closing its standard input ends the shell there, and with it the locks."""
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    try:
        process.wait(timeout=3)
    except subprocess.TimeoutExpired:
        end_child(process)
