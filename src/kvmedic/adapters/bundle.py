"""Saved evidence: a bundle or a sosreport, as an archive or as a folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from stat import S_ISREG

from kvmedic.adapters.archive import ROOT_NAMES, archive_logs, canonical, evidence_path, is_kept, read_archive
from kvmedic.adapters.decompress import as_far_as_readable
from kvmedic.adapters.files import read_file
from kvmedic.adapters.live_logs import file_chunks
from kvmedic.adapters.log_file import no_evidence
from kvmedic.derive.bundle import evidence_of_bundle
from kvmedic.errors import EvidenceError, HostileInputError
from kvmedic.model.evidence import Evidence, Target
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.reading_list import (
    LARGEST_EVIDENCE_BYTES,
    PRESENCE,
    is_log,
    is_loose_log,
    is_named_in,
    may_hold,
)
from kvmedic.model.request import CollectRequest
from kvmedic.parse.known_safe import keep_safe
from kvmedic.ports import LogStream, Progress

_CHUNK_BYTES = 256 * 1024
_MOST_ENTRIES = 500_000
_DEEPEST = 48
_NOT_A_HOST = "neither a bundle nor a sosreport: it holds no file that kvmedic knows"
_HINT = "Give a bundle of kvmedic capture, a sosreport, or a folder with proc/ and sys/ of a host in it."


class ArchiveSource:
    """A bundle or sosreport in a tar of any usual compression, read as a stream."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._is_log: Callable[[str], bool] = is_log

    @property
    def target(self) -> Target:
        """The archive by its file name; whether it is a bundle only its content tells."""
        return Target(kind="bundle", name=self._path.name)

    def collect(self, _: CollectRequest, progress: Progress) -> Evidence:
        """All evidence in the archive; the request changes nothing, what was collected is what there is."""
        progress(f"reading {self._path.name}", None)
        contents = read_archive(self._chunks, self._path.name)
        if any(isinstance(data, bytes) for data in contents.files.values()):
            return evidence_of_bundle(contents.files, self._path.name, contents.newest)
        for named_so in (is_log, is_loose_log):
            self._is_log = named_so
            if next(self.logs(), None) is not None:
                return no_evidence(self.target)
        raise EvidenceError(f"{self._path.name} is {_NOT_A_HOST}", hint=_HINT)

    def logs(self) -> Iterator[LogStream]:
        """Its logs in the order of the archive; each is good until the next one is asked for."""
        return archive_logs(self._chunks, self._path.name, is_log=self._is_log)

    def _chunks(self) -> Iterator[bytes]:
        try:
            with self._path.open("rb", buffering=0) as file:
                yield from iter(lambda: file.read(_CHUNK_BYTES), b"")
        except OSError as error:
            raise EvidenceError(f"{self._path.name} could not be read: {error.strerror}") from error


class FolderSource:
    """A bundle or sosreport that lies unpacked in a folder. Links that lead out of it are not followed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._root = root_in(path)

    @property
    def target(self) -> Target:
        """The folder by its name."""
        return Target(kind="bundle", name=self._path.resolve().name)

    def collect(self, _: CollectRequest, progress: Progress) -> Evidence:
        """All evidence in the folder."""
        progress(f"reading {self._path.name}", None)
        files: dict[str, bytes | Missing] = {}
        newest: float | None = None
        left = LARGEST_EVIDENCE_BYTES
        for path in self._paths():
            known = canonical(path)
            if not is_kept(known):
                continue
            data = self._read(path, known)
            left -= 0 if isinstance(data, Missing) else len(data)
            if left < 0:
                raise HostileInputError(
                    f"{self._path.name} holds more than {LARGEST_EVIDENCE_BYTES} bytes of evidence"
                )
            files[known] = data
            if path.startswith("proc/") and not isinstance(data, Missing):
                newest = max(newest or 0.0, (self._root / path).stat().st_mtime)
        if not files and next(self.logs(), None) is None:
            raise EvidenceError(f"{self._path.name} is {_NOT_A_HOST}", hint=_HINT)
        return evidence_of_bundle(files, self.target.name, newest)

    def logs(self) -> Iterator[LogStream]:
        """Its logs by the time of their last change, oldest first."""
        found: list[tuple[float, int, str]] = []
        for path in self._paths():
            if is_log(path) and self._inside(path) is not None:
                with suppress(OSError):
                    status = (self._root / path).stat()
                    found.append((status.st_mtime, status.st_size, path))
        for _, size, path in sorted(found):
            yield LogStream(name=path, size_bytes=size, chunks=self._opener(path))

    def _opener(self, path: str) -> LogChunks:
        return LogChunks(self._root / path)

    def _read(self, path: str, known: str) -> bytes | Missing:
        if is_named_in(PRESENCE, known):
            return b""
        inside = self._inside(path)
        if inside is None:
            detail = "a link that leads out of the folder, or no file; not followed"
            return Missing(source=known, reason=Reason.DENIED, detail=detail)
        data = read_file(self._root, inside)
        if isinstance(data, Missing):
            return Missing(source=known, reason=data.reason, detail=data.detail)
        return keep_safe(evidence_path(known), data)

    def _inside(self, path: str) -> str | None:
        """The real path of a regular file below the root, or None.

        Only a link can lead out: the directories above ``path`` are none, since linked ones are not entered.
        """
        with suppress(OSError):
            if S_ISREG(os.lstat(f"{self._root}/{path}").st_mode):
                return path
        real = (self._root / path).resolve()
        if not real.is_relative_to(self._root) or not real.is_file():
            return None
        return str(real.relative_to(self._root))

    def _paths(self) -> Iterator[str]:
        """Every printable path of a file or link below the root; linked directories are not entered."""
        seen = 0
        waiting = [("", 0)]
        while waiting:
            directory, depth = waiting.pop()
            for entry in _entries(self._root / directory):
                seen += 1
                if seen > _MOST_ENTRIES:
                    raise HostileInputError(f"{self._path.name} holds more than {_MOST_ENTRIES} files")
                path = f"{directory}/{entry.name}" if directory else entry.name
                if not entry.name.isprintable():
                    continue
                if entry.is_dir(follow_symlinks=False):
                    if not may_hold(path):
                        continue
                    waiting.extend([(path, depth + 1)] if depth < _DEEPEST else [])
                elif entry.is_file(follow_symlinks=False) or entry.is_symlink():
                    yield path


class LogChunks:
    """Opens a log file when it is called."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self) -> Iterator[bytes]:
        """The content in pieces, expanded where it is compressed."""
        return as_far_as_readable(file_chunks(self._path))


def roots_in(path: Path) -> list[Path]:
    """This folder where it looks like a host's root, or else those in it that do."""
    resolved = path.resolve()
    if _looks_like_a_root(resolved):
        return [resolved]
    inner = [Path(entry.path) for entry in _entries(resolved) if entry.is_dir(follow_symlinks=False)]
    return [each for each in inner if _looks_like_a_root(each)]


def root_in(path: Path) -> Path:
    """The folder that stands for the host's root. EvidenceError where none or several look like one."""
    roots = roots_in(path)
    if len(roots) > 1:
        names = ", ".join(sorted(each.name for each in roots)[:5])
        raise EvidenceError(
            f"{path.name} holds several hosts: {names}", hint="Give the folder of one of them."
        )
    if not roots:
        raise EvidenceError(f"{path.name or path} is {_NOT_A_HOST}", hint=_HINT)
    return roots[0]


def _looks_like_a_root(path: Path) -> bool:
    telling = ROOT_NAMES - {"usr", "boot", "run", "etc"}
    return any((path / name).is_dir() and not (path / name).is_symlink() for name in telling)


def _entries(directory: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return []
