"""The logs of this host: pstore, crash dumps, log files with their rotations, the journal, the ring buffer,
and what sysstat measured.

Oldest first within a family. A family keeps its newest LARGEST_FAMILY_BYTES: what led to the last failure
stands at the end of a log, and an old rotation is left out before a new one is.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from kvmedic.adapters.child import Answers, end_child
from kvmedic.adapters.decompress import as_far_as_readable, expanded
from kvmedic.adapters.files import expand
from kvmedic.model.reading_list import (
    JOURNAL_MATCHES,
    LOGS,
    SADF,
    SADF_ACTIVITIES,
    SYSSTAT,
    SYSSTAT_FILES,
)
from kvmedic.ports import LogStream

LARGEST_FAMILY_BYTES = 2 * 1024**3
_CHUNK_BYTES = 1024 * 1024
_JOURNAL_FIELDS = (
    "MESSAGE,SYSLOG_IDENTIFIER,_BOOT_ID,PRIORITY,_SOURCE_MONOTONIC_TIMESTAMP,_HOSTNAME,_TRANSPORT"
)
_JOURNAL = (
    *("journalctl", "--no-pager", "-q", "-o", "json", f"--output-fields={_JOURNAL_FIELDS}"),
    *" + ".join(JOURNAL_MATCHES).split(),
)
_JOURNAL_PLACES = ("var/log/journal", "run/log/journal")
_SILENCE_S = 20.0
_DAY_FILE = re.compile(r"sa(?:\d{2}|\d{8})")
_LARGEST_RECORD_BYTES = 8192


def live_logs(root: Path) -> Iterator[LogStream]:
    """Every log that can be opened; nothing is read before its chunks are asked for."""
    for pattern in LOGS:
        yield from _family(root, pattern)
    if root == Path("/"):
        if any(any((root / place).glob("*/*.journal")) for place in _JOURNAL_PLACES):
            yield LogStream(name="journal", size_bytes=None, chunks=lambda: command_chunks(_JOURNAL))
        yield LogStream(name="dev/kmsg", size_bytes=None, chunks=ring_buffer)
        yield from sysstat_days(root)


def file_chunks(path: Path) -> Iterator[bytes]:
    """The content of a log file, expanded where it is compressed, in pieces."""
    with path.open("rb", buffering=0) as file:
        yield from expanded(iter(lambda: file.read(_CHUNK_BYTES), b""), str(path))


def command_chunks(arguments: tuple[str, ...]) -> Iterator[bytes]:
    """What a command prints, in pieces; it is ended when nobody wants more, or when it falls silent."""
    process = subprocess.Popen(
        arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdout is not None  # noqa: S101
    with process.stdout as pipe:
        answers = Answers(pipe)
        try:
            while part := answers.chunk(time.monotonic() + _SILENCE_S):
                yield part
        except TimeoutError:
            return
        finally:
            answers.close()
            end_child(process)


def _family(root: Path, pattern: str) -> Iterator[LogStream]:
    """The files of one pattern by the time of their last line; the newest of them that fit the limit."""
    found: list[tuple[float, int, str]] = []
    for path in expand(root, pattern):
        with suppress(OSError):
            status = (root / path).stat()
            if status.st_size and os.access(root / path, os.R_OK):
                found.append((status.st_mtime, status.st_size, path))
    kept: list[tuple[int, str]] = []
    left = LARGEST_FAMILY_BYTES
    for _, size, path in sorted(found, reverse=True):
        left -= size
        if left >= 0:
            kept.append((size, path))
    for size, path in reversed(kept):
        yield LogStream(name=path, size_bytes=size, chunks=_opener(root / path))


def sysstat_days(root: Path) -> Iterator[LogStream]:
    """The newest days of sysstat, printed by its own tool: its files have a form of each version."""
    found: list[tuple[float, str]] = []
    for place in SYSSTAT if shutil.which(SADF[0]) else ():
        for path in expand(root, f"{place}/sa*"):
            with suppress(OSError):
                if _DAY_FILE.fullmatch(Path(path).name):
                    found.append(((root / path).stat().st_mtime, path))
    for _, path in sorted(found)[-SYSSTAT_FILES:]:
        yield LogStream(name=f"sadf {path}", size_bytes=None, chunks=_printer(str(root / path)))


def _printer(path: str) -> Callable[[], Iterator[bytes]]:
    return lambda: command_chunks((*SADF, path, *SADF_ACTIVITIES))


def _opener(path: Path) -> Callable[[], Iterator[bytes]]:
    return lambda: as_far_as_readable(file_chunks(path))


def ring_buffer(path: str = "/dev/kmsg") -> Iterator[bytes]:
    """Records of /dev/kmsg as they are ("6,339,5140900,-;text"; Documentation/ABI/testing/dev-kmsg).

    Reading moves no other reader. EPIPE: records were overwritten meanwhile, the next read goes on behind.
    A container may have /dev/null in its place, which ends at once.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return
    try:
        while True:
            try:
                record = os.read(descriptor, _LARGEST_RECORD_BYTES)
                if not record:
                    return
                yield record
            except BlockingIOError:
                return
            except BrokenPipeError:
                continue
            except OSError:
                return
    finally:
        os.close(descriptor)
