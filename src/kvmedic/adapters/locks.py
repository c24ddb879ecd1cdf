"""Locks on the host that is acted upon: one for the host, one for each domain, naming their owner.

flock(2) on files below /run: a lock dies with its process, so nobody has to break one.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from kvmedic.errors import PreconditionFailedError

DEFAULT_FOLDER = Path("/run/kvmedic/locks")


@contextmanager
def locked(names: Sequence[str], owner: str, folder: Path = DEFAULT_FOLDER) -> Iterator[None]:
    """Holds all of ``names`` or none; a PreconditionFailedError names the owner of one that is taken."""
    with ExitStack() as stack:
        for name in sorted(names):
            stack.enter_context(_one(name, owner, folder))
        yield


@contextmanager
def _one(name: str, owner: str, folder: Path) -> Iterator[None]:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(folder / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(handle, 400, 0).decode(errors="replace").strip() or "somebody"
            raise PreconditionFailedError(
                f"{name} is being worked on by {holder}; nothing was touched",
                hint="Wait for that run, or see kvmedic runs.",
            ) from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, owner.encode(), 0)
        yield
    finally:
        os.close(handle)
