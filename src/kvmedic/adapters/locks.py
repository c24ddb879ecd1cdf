"""Locks on the host that is acted upon: one for the host, one for each domain, naming their owner.

flock(2) on files below /run: a lock dies with its process, so nobody has to break one. What concerns one
domain shares the lock of its host; what concerns the host as a whole holds that alone.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from kvmedic.errors import PreconditionFailedError

DEFAULT_FOLDER = Path("/run/kvmedic/locks")


@contextmanager
def locked(
    names: Sequence[str], owner: str, folder: Path = DEFAULT_FOLDER, *, shared: Sequence[str] = ()
) -> Iterator[None]:
    """Holds all of ``names`` or none; a PreconditionFailedError names the owner of one that is taken.

    Those in ``shared`` are held together with others who share them.
    """
    with ExitStack() as stack:
        for name in sorted({*names, *shared}):
            mode = fcntl.LOCK_EX if name in names else fcntl.LOCK_SH
            stack.enter_context(_one(name, owner, folder, mode))
        yield


def owners_now(folder: Path = DEFAULT_FOLDER) -> tuple[str, ...]:
    """Who holds a lock alone now, by /proc/locks: looking must not stand in anybody's way."""
    held = {line.split()[5] for line in _kernel_locks() if "FLOCK" in line and " WRITE " in line}
    found = []
    for path in sorted(folder.glob("*.lock")) if os.access(folder, os.R_OK) else ():
        with suppress(OSError):
            status = path.stat()
            device = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}"
            if f"{device}:{status.st_ino}" in held:
                found.append(path.read_text(errors="replace").strip())
    return tuple(found)


def _kernel_locks() -> list[str]:
    """Lines such as "1: FLOCK  ADVISORY  WRITE 812 fe:01:2621 0 EOF" (fs/locks.c, lock_get_status)."""
    with suppress(OSError):
        return [line for line in Path("/proc/locks").read_text().splitlines() if len(line.split()) > 5]
    return []


@contextmanager
def _one(name: str, owner: str, folder: Path, mode: int) -> Iterator[None]:
    handle = _opened(folder, name)
    try:
        try:
            fcntl.flock(handle, mode | fcntl.LOCK_NB)
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


def _opened(folder: Path, name: str) -> int:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        return os.open(folder / f"{name.replace('/', '_')}.lock", flags, 0o600)
    except OSError as error:
        raise PreconditionFailedError(
            f"the lock {folder / name} cannot be taken: {error.strerror}; nothing was touched",
            hint="Acting takes root.",
        ) from error
