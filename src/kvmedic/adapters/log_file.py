"""Bare logs as a target: a file of any name and usual compression, a folder of them, or standard input."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from functools import partial
from itertools import chain, islice
from pathlib import Path
from stat import S_ISREG

from kvmedic.adapters.archive import read_archive
from kvmedic.adapters.decompress import expanded
from kvmedic.adapters.live_logs import file_chunks
from kvmedic.derive.bundle import evidence_of_bundle
from kvmedic.errors import EvidenceError, ParseError
from kvmedic.model.evidence import Evidence, Target
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.reading_list import is_loose_log
from kvmedic.model.request import CollectRequest
from kvmedic.parse.tar_header import BLOCK_BYTES, parse_tar_header
from kvmedic.ports import LogStream, Progress

_CHUNK_BYTES = 256 * 1024
_MOST_FOLDERS = 1000
STANDARD_INPUT = "-"


class LogFile:
    """One log. It holds no evidence of a host, so each of its facts is a gap."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def target(self) -> Target:
        """The log by its file name."""
        return Target(kind="log", name=self._path.name)

    def collect(self, _: CollectRequest, __: Progress) -> Evidence:
        """Nothing but the gaps."""
        return no_evidence(self.target)

    def logs(self) -> Iterator[LogStream]:
        """The log itself."""
        size_bytes = self._path.stat().st_size
        yield LogStream(name=self._path.name, size_bytes=size_bytes, chunks=lambda: file_chunks(self._path))


class LogFolder:
    """Logs that somebody put into a folder: no host's layout, so each fact of the host is a gap."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def target(self) -> Target:
        """The folder by its name."""
        return Target(kind="log", name=self._path.resolve().name)

    def collect(self, _: CollectRequest, __: Progress) -> Evidence:
        """Nothing but the gaps."""
        return no_evidence(self.target)

    def logs(self) -> Iterator[LogStream]:
        """The logs by the time of their last change, oldest first."""
        for path in sorted(loose_logs(self._path), key=lambda each: each.stat().st_mtime):
            name, size_bytes = str(path.relative_to(self._path)), path.stat().st_size
            yield LogStream(name=name, size_bytes=size_bytes, chunks=partial(file_chunks, path))


def loose_logs(folder: Path) -> Iterator[Path]:
    """Regular files of the folder and of those below it that are logs by their names; no link is followed."""
    visited = islice(os.walk(folder), _MOST_FOLDERS)
    for place, folders, names in visited:
        folders.sort()
        for path in (Path(place, name) for name in sorted(names) if name.isprintable()):
            if is_loose_log(path.name) and S_ISREG((status := path.lstat()).st_mode) and status.st_size:
                yield path


class StandardInput:
    """What comes through a pipe: a log, or an archive such as the collector writes. It can be read once."""

    def __init__(self) -> None:
        self._plain: Iterator[bytes] | None = None
        self._is_archive = False

    @property
    def target(self) -> Target:
        """Standard input, by the name people give it."""
        return Target(kind="bundle" if self._is_archive else "log", name=STANDARD_INPUT)

    def collect(self, _: CollectRequest, progress: Progress) -> Evidence:
        """The evidence of an archive; of a log, nothing but the gaps."""
        plain = self._look_ahead()
        if not self._is_archive:
            return no_evidence(self.target)
        progress("reading standard input", None)
        contents = read_archive(lambda: plain, "standard input")
        return evidence_of_bundle(contents.files, STANDARD_INPUT, contents.newest)

    def logs(self) -> Iterator[LogStream]:
        """The log, expanded where it is compressed. EvidenceError for an archive: its logs have gone by."""
        plain = self._look_ahead()
        if self._is_archive:
            raise EvidenceError(
                "an archive that comes through a pipe can be read only once",
                hint="Save it to a file, and give that.",
            )
        yield LogStream(name="standard input", size_bytes=None, chunks=lambda: plain)

    def _look_ahead(self) -> Iterator[bytes]:
        """All that comes in, expanded; whether it is an archive is known from then on."""
        if self._plain is None:
            descriptor = sys.stdin.fileno()
            pieces = iter(lambda: os.read(descriptor, _CHUNK_BYTES), b"")
            rest = expanded(pieces, "standard input")
            head = _first_block(rest)
            self._is_archive = _is_tar(head)
            self._plain = chain([head], rest)
        return self._plain


def _first_block(pieces: Iterator[bytes]) -> bytes:
    head = b""
    while len(head) < BLOCK_BYTES and (piece := next(pieces, b"")):
        head += piece
    return head


def _is_tar(head: bytes) -> bool:
    try:
        return len(head) >= BLOCK_BYTES and parse_tar_header(head[:BLOCK_BYTES], STANDARD_INPUT) is not None
    except ParseError:
        return False


def no_evidence(target: Target) -> Evidence:
    """Evidence of a target that is only a log."""
    taken_at = Missing(
        source="taken_at", reason=Reason.NOT_COLLECTED, detail="a log does not say when it was read"
    )
    interval_s = Missing(source="interval", reason=Reason.NOT_COLLECTED, detail="a log holds no counters")
    return Evidence(target=target, taken_at=taken_at, interval_s=interval_s, files={}, again={})
