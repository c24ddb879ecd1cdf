"""Locks on a host that is acted upon from elsewhere: the same files and flock(2) as a run on the host itself.

A shell on that host holds them for as long as its ssh session lives, so a lock dies with the run that took
it. A host that cannot be reached cannot be locked, and is not worked on. A reboot takes every lock of the
host with /run: a run that goes on after it takes its locks again, or learns who was faster.
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
if [ $# -eq 0 ]; then
  echo "held $(cat /proc/sys/kernel/random/boot_id)"
  while read -r line; do echo still; done
  exit 0
fi
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
    are held: they are gone when the ssh session is, and taken again where the host was booted since.
    """
    lock = RemoteLock(HostShell(ssh), owner, _in_order(names, shared))
    try:
        yield lock.is_held
    finally:
        lock.let_go()


class RemoteLock:
    """Locks on one host, held by ``process``. PreconditionFailedError: they cannot be had."""

    def __init__(self, shell: HostShell, owner: str, names: Sequence[str]) -> None:
        self._shell, self._words = shell, (owner, "", *names)
        self.process, self.boot_id = self._take()

    def is_held(self) -> bool:
        """Whether they are held; after a reboot, which took them from everybody, they are taken again."""
        return self.process.poll() is None or self._is_taken_after_reboot()

    def let_go(self) -> None:
        """Closing its standard input ends the shell there, and with it the locks."""
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self.process.wait(timeout=3)
        except subprocess.TimeoutExpired:
            end_child(self.process)

    def _take(self) -> tuple[subprocess.Popen[bytes], str]:
        process = subprocess.Popen(
            self._shell.command(HOLD, HOLD, *self._words),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.process = process
        try:
            return process, _boot_id(_first_line(process), self._shell.shown)
        except BaseException:
            self.let_go()
            raise

    def _is_taken_after_reboot(self) -> bool:
        before = self.boot_id
        self.let_go()
        try:
            self.process, boot_id = self._take()
        except PreconditionFailedError:
            return False
        if boot_id == before:
            self.let_go()
            return False
        self.boot_id = boot_id
        return True


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


def _boot_id(said: str, shown: str) -> str:
    """The boot in which they are held. PreconditionFailedError where the shell there said something else."""
    word, _, rest = said.partition(" ")
    if word == "held":
        return rest
    if word == "taken":
        name, _, holder = rest.partition(" ")
        raise PreconditionFailedError(
            f"{name} on {shown} is being worked on by {holder or 'somebody'}; nothing was touched",
            hint="Wait for that run, or see kvmedic runs where it was begun.",
        )
    raise PreconditionFailedError(
        f"{shown} could not be locked ({said or 'no answer'}); nothing was touched",
        hint="A host out of reach is not worked on. It needs flock (util-linux) and a writable /run.",
    )
