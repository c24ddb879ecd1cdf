"""Files of a host below a root folder: whole, bounded, and as a gap where the system says no."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from kvmedic.model.gap import Missing, Reason
from kvmedic.model.reading_list import LARGEST_FILE_BYTES, MOST_MATCHES

_REASONS = {
    errno.ENOENT: Reason.NOT_FOUND,
    errno.ENOTDIR: Reason.NOT_FOUND,
    errno.ESRCH: Reason.NOT_FOUND,
    errno.ENODEV: Reason.NOT_FOUND,
    errno.EACCES: Reason.DENIED,
    errno.EPERM: Reason.DENIED,
    errno.EOPNOTSUPP: Reason.UNSUPPORTED,
    errno.EINVAL: Reason.UNSUPPORTED,
    errno.ELOOP: Reason.DENIED,
}


def gap_of_errno(number: int | None, source: str) -> Missing:
    """The gap that an operating-system error leaves; an error nobody listed counts as not understood."""
    detail = os.strerror(number).lower() if number else "could not be read"
    return Missing(source=source, reason=_REASONS.get(number or 0, Reason.NOT_UNDERSTOOD), detail=detail)


def too_large(source: str, limit_bytes: int) -> Missing:
    """The gap for a file that was longer than anything this source should say."""
    detail = f"longer than {limit_bytes} bytes; not used"
    return Missing(source=source, reason=Reason.NOT_UNDERSTOOD, detail=detail)


def read_file(root: Path, path: str, limit_bytes: int = LARGEST_FILE_BYTES) -> bytes | Missing:
    """The file in as few reads as it takes, so that what the kernel prints stays of one moment.

    Never waits: opened without blocking, and only a regular file is read. A file above the limit is a gap,
    because the half of a table is no evidence.
    """
    try:
        descriptor = os.open(root / path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError as error:
        return gap_of_errno(error.errno, path)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return Missing(source=path, reason=Reason.NOT_UNDERSTOOD, detail="not a regular file")
        data = _read_to_limit(descriptor, limit_bytes)
    except OSError as error:
        return gap_of_errno(error.errno, path)
    finally:
        os.close(descriptor)
    return data if len(data) <= limit_bytes else too_large(path, limit_bytes)


def _read_to_limit(descriptor: int, limit_bytes: int) -> bytes:
    """Up to one byte more than the limit, so that the caller sees whether there was more."""
    parts: list[bytes] = []
    left = limit_bytes + 1
    while left > 0:
        part = os.read(descriptor, min(left, 1024 * 1024))
        if not part:
            break
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def expand(root: Path, pattern: str) -> Iterator[str]:
    """The paths below ``root`` that ``pattern`` stands for, in order and at most MOST_MATCHES.

    A pattern without a ``*`` stands for itself, whether it exists or not.
    """
    if "*" not in pattern:
        yield pattern
        return
    for number, found in enumerate(_matches(root, "", pattern.split("/"))):
        if number >= MOST_MATCHES:
            return
        yield found


def _matches(root: Path, start: str, segments: list[str]) -> Iterator[str]:
    """Depth first, by name; a directory that cannot be listed has no matches."""
    head, rest = segments[0], segments[1:]
    names = _names(root / start, head) if "*" in head else (head,)
    for name in names:
        path = f"{start}/{name}" if start else name
        if rest:
            yield from _matches(root, path, rest)
        elif (root / path).is_file():
            yield path


def _names(directory: Path, pattern: str) -> list[str]:
    before, _, after = pattern.partition("*")
    try:
        with os.scandir(directory) as entries:
            names = [entry.name for entry in entries]
    except OSError:
        return []
    if "*" in after:
        return sorted(name for name in names if Path(name).match(pattern))
    long_enough = len(before) + len(after)
    return sorted(
        name
        for name in names
        if len(name) >= long_enough and name.startswith(before) and name.endswith(after) and _is_plain(name)
    )


def _is_plain(name: str) -> bool:
    """Whether a name can be a path of evidence: no control characters, and valid UTF-8."""
    return name.isprintable()
