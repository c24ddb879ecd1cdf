"""An archive of a host's files: only wanted members are kept, and nothing is ever written to a disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from posixpath import normpath
from typing import NamedTuple

from kvmedic.adapters.decompress import TruncatedError, as_far_as_readable, expanded
from kvmedic.adapters.files import too_large
from kvmedic.adapters.tar_stream import Member, tar_members
from kvmedic.errors import EvidenceError, HostileInputError, ParseError
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.reading_list import (
    ALIASES,
    LARGEST_EVIDENCE_BYTES,
    LARGEST_FILE_BYTES,
    PRESENCE,
    is_log,
    is_named_in,
    is_wanted,
)
from kvmedic.parse.known_safe import keep_safe
from kvmedic.ports import LogStream

Chunks = Callable[[], Iterator[bytes]]
"""Opens the archive's bytes from the beginning."""

AGAIN_PREFIX = "kvmedic/again/"
ROOT_NAMES = frozenset(
    {"proc", "sys", "etc", "var", "run", "boot", "usr", "kvmedic", "sos_commands", "sos_logs"}
)
_MOST_LINKS = 20_000
_MOST_HOPS = 8
_MOST_KEPT = 200_000
_TRUNCATED = "kvmedic/sources/archive"


class Contents(NamedTuple):
    """The wanted files by path of evidence, with when the newest file of procfs was written (or None)."""

    files: Mapping[str, bytes | Missing]
    newest: float | None


class _Paths:
    """Members' names as paths of evidence, once the name of the archive's own top folder is known."""

    def __init__(self, archive: str) -> None:
        self._archive = archive
        self._top: str | None = None

    def of_member(self, member: Member) -> str | None:
        """The path of a member; the first one tells whether all lie in a folder of the archive's own."""
        if self._top is None and member.kind != "other" and normpath(member.name) != ".":
            first, inner, _ = normpath(member.name).partition("/")
            is_own_folder = first not in ROOT_NAMES and bool(inner or member.kind == "directory")
            self._top = first if is_own_folder else ""
        return self.of(member.name)

    def of(self, name: str) -> str | None:
        """The path, or None for a name outside the top folder. HostileInputError for one that leads out."""
        if name.startswith("/") or ".." in name.split("/"):
            raise HostileInputError(
                f"{self._archive} has a member that leads out of it: {name[:200]!r}",
                hint="Do not unpack it. An archive made by sosreport or kvmedic capture has no such names.",
            )
        path = normpath(name)
        if not self._top:
            return path
        first, _, rest = path.partition("/")
        return rest if first == self._top else None


def read_archive(chunks: Chunks, name: str) -> Contents:
    """All wanted members of the archive. A link inside is followed; one that leads out is a gap.

    HostileInputError for names that lead out, devices and bombs. An archive that ends early gives what stood
    before the cut, and a gap; EvidenceError where that is nothing.
    """
    reading = _Reading(name)
    try:
        for member in tar_members(expanded(chunks(), name), name):
            reading.take(member)
    except TruncatedError as error:
        if not reading.files:
            raise
        reading.files[_TRUNCATED] = Missing(
            source=_TRUNCATED, reason=Reason.NOT_UNDERSTOOD, detail=error.message
        )
    except ParseError as error:
        raise EvidenceError(
            f"{name} is not a tar archive, or is damaged: {error.message}",
            hint="Give a sosreport or a bundle of kvmedic capture (tar; gz, xz, bz2 or zst), or a log file.",
        ) from error
    reading.follow_links(chunks)
    return Contents(reading.files, reading.newest)


def archive_logs(chunks: Chunks, name: str, *, is_log: Callable[[str], bool] = is_log) -> Iterator[LogStream]:
    """The logs of the archive in its order. Each stream is good until the next one is asked for."""
    paths = _Paths(name)
    try:
        for member in tar_members(expanded(chunks(), name), name):
            path = paths.of_member(member)
            if path is not None and member.kind == "file" and is_log(path) and member.size_bytes:
                yield _log_stream(path, member)
    except TruncatedError:
        return  # Named as a gap where the evidence is read; here the logs simply end.


def _log_stream(path: str, member: Member) -> LogStream:
    def chunks() -> Iterator[bytes]:
        return as_far_as_readable(expanded(member.pieces(), path))

    return LogStream(name=path, size_bytes=member.size_bytes, chunks=chunks)


class _Reading:
    """What one pass over an archive has found so far."""

    def __init__(self, archive: str) -> None:
        self.files: dict[str, bytes | Missing] = {}
        self.newest: float | None = None
        self._archive = archive
        self._paths = _Paths(archive)
        self._links: dict[str, str] = {}
        self._left_bytes = LARGEST_EVIDENCE_BYTES

    def take(self, member: Member, aliases: Mapping[str, list[str]] | None = None) -> None:
        """Keep a wanted member; in a second pass those that ``aliases`` names, under their other names."""
        path = self._paths.of_member(member)
        if member.kind == "special":
            raise HostileInputError(
                f"{self._archive} holds a device or a pipe: {member.name[:200]!r}",
                hint="Unpack it yourself without devices, and give the folder.",
            )
        if path is None or not path.isprintable():
            return
        if aliases is not None:
            if path in aliases and member.kind == "file":
                self._keep_as(aliases[path], member)
            return
        path = canonical(path)
        if not is_kept(path):
            return
        if len(self.files) >= _MOST_KEPT:
            raise HostileInputError(f"{self._archive} holds more than {_MOST_KEPT} files of evidence")
        self._keep(path, member)

    def _keep(self, path: str, member: Member) -> None:
        if member.kind == "file":
            self._keep_as([path], member)
            if path.startswith("proc/") and member.mtime > 0:
                self.newest = max(self.newest or 0.0, member.mtime)
        elif member.kind == "sparse":
            detail = "a file with holes, which no host's evidence is"
            self.files[path] = Missing(source=path, reason=Reason.NOT_UNDERSTOOD, detail=detail)
        elif is_named_in(PRESENCE, path):
            self.files[path] = b""
        elif member.kind in {"symlink", "hardlink"} and len(self._links) < _MOST_LINKS:
            folder = member.name.rpartition("/")[0] if member.kind == "symlink" else ""
            self._links[path] = _joined(folder, member.link)

    def _keep_as(self, paths: list[str], member: Member) -> None:
        """The first member of a name counts: a second one that says otherwise is not believed."""
        wanted = [path for path in paths if not isinstance(self.files.get(path), bytes)]
        if not wanted:
            return
        if member.size_bytes > LARGEST_FILE_BYTES:
            self.files.update((path, too_large(path, LARGEST_FILE_BYTES)) for path in wanted)
            return
        self._left_bytes -= member.size_bytes
        if self._left_bytes < 0:
            detail = f"more than {LARGEST_EVIDENCE_BYTES} bytes of evidence in all"
            gaps = (Missing(source=path, reason=Reason.NOT_COLLECTED, detail=detail) for path in wanted)
            self.files.update((gap.source, gap) for gap in gaps)
            return
        data = member.read()
        self.files.update((path, keep_safe(evidence_path(path), data)) for path in wanted)

    def follow_links(self, chunks: Chunks) -> None:
        """Links to what was kept are copies; for other links inside, one more pass over the archive."""
        wanted: dict[str, list[str]] = {}
        for path, target in self._links.items():
            if path in self.files:
                continue
            end = self._end_of(target)
            if end is None:
                detail = "a link that leads out of the archive, or in a circle; not followed"
                self.files[path] = Missing(source=path, reason=Reason.DENIED, detail=detail)
            elif end in self.files:
                self.files[path] = self.files[end]
            else:
                wanted.setdefault(end, []).append(path)
        if wanted:
            self._read_targets(chunks, wanted)
        for paths in wanted.values():
            for path in paths:
                gap = Missing(
                    source=path, reason=Reason.NOT_FOUND, detail="a link to what is not in the archive"
                )
                self.files.setdefault(path, gap)

    def _read_targets(self, chunks: Chunks, wanted: Mapping[str, list[str]]) -> None:
        self._paths = _Paths(self._archive)
        try:
            for member in tar_members(expanded(chunks(), self._archive), self._archive):
                self.take(member, wanted)
        except TruncatedError:
            return  # Already a gap of the first pass.

    def _end_of(self, target: str) -> str | None:
        """The path at the end of a chain of links, or None where it leads out or is too long."""
        for _ in range(_MOST_HOPS):
            target = normpath(target)
            if target.startswith("/") or target.split("/", 1)[0] == "..":
                return None
            inside = self._paths.of(target)
            if inside is None:
                return None
            path = canonical(inside)
            if path not in self._links:
                return path
            target = self._links[path]
        return None


def canonical(path: str) -> str:
    """The path under which the rules know a file that a sosreport holds elsewhere."""
    return next((to + path[len(start) :] for start, to in ALIASES if path.startswith(start)), path)


def evidence_path(path: str) -> str:
    """The path on the host, also for a file of the second reading."""
    return path.removeprefix(AGAIN_PREFIX)


def is_kept(path: str) -> bool:
    """Whether a member is evidence, of either reading."""
    return is_wanted(evidence_path(path))


def _joined(folder: str, link: str) -> str:
    """A link's target seen from the top of the archive; it begins with "/" or ".." where it leads out."""
    return link if link.startswith("/") or not folder else normpath(f"{folder}/{link}")
