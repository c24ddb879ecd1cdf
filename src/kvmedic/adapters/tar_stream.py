"""A tar archive as a stream of members, forward only, in bounded memory and never on a disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from kvmedic.adapters.decompress import TruncatedError
from kvmedic.errors import HostileInputError, InvariantError, ParseError
from kvmedic.parse.tar_header import (
    BLOCK_BYTES,
    MemberKind,
    TarHeader,
    parse_pax_records,
    parse_tar_header,
)

MOST_MEMBERS = 250_000
LARGEST_MEMBER_BYTES = 8 * 1024**3
"""No log or file of evidence is larger; a member that says it is was made to hurt."""
_LONGEST_NAME_BYTES = 16 * 1024
_LARGEST_PAX_BYTES = 256 * 1024
_MOST_NOTES = 16
_MOST_MAP_BLOCKS = 1024
_HINT = "Unpack it yourself in a place with limits, look at it, and give the folder."


class Feed:
    """Bytes of an iterator in the amounts one asks for."""

    def __init__(self, chunks: Iterator[bytes], name: str) -> None:
        self._chunks = chunks
        self._name = name
        self._held = memoryview(b"")

    def pieces(self, length: int) -> Iterator[bytes]:
        """Exactly ``length`` bytes in pieces as they come; TruncatedError where there are fewer."""
        while length > 0:
            if not self._held:
                self._held = memoryview(self._next(length))
            piece = self._held[:length]
            self._held = self._held[len(piece) :]
            length -= len(piece)
            yield bytes(piece)

    def take(self, length: int) -> bytes:
        """Exactly ``length`` bytes at once."""
        return b"".join(self.pieces(length))

    def skip(self, length: int) -> None:
        """Read past ``length`` bytes."""
        for _ in self.pieces(length):
            pass

    def has_more(self) -> bool:
        """Whether any byte is left."""
        while not self._held:
            part = next(self._chunks, None)
            if part is None:
                return False
            self._held = memoryview(part)
        return True

    def _next(self, wanted: int) -> bytes:
        for part in self._chunks:
            if part:
                return part
        hint = "Copy it again; it may have been cut."
        raise TruncatedError(f"{self._name} ends early: {wanted} bytes of a member are missing", hint=hint)


@dataclass(slots=True)
class Member:
    """A member while the stream stands at its data; once the next one is asked for, its data is gone."""

    name: str
    kind: MemberKind
    size_bytes: int
    mtime: float
    link: str
    feed: Feed
    unread_bytes: int
    has_passed: bool = False

    def pieces(self) -> Iterator[bytes]:
        """The data in pieces, once. InvariantError when the stream has gone on to the next member."""
        if self.has_passed:
            raise InvariantError(f"{self.name} was read after its turn in the archive")
        for piece in self.feed.pieces(self.unread_bytes):
            self.unread_bytes -= len(piece)
            yield piece

    def read(self) -> bytes:
        """The data at once; the caller has looked at its size."""
        return b"".join(self.pieces())


def tar_members(chunks: Iterator[bytes], name: str) -> Iterator[Member]:
    """The members of a plain tar in order.

    HostileInputError for too many, too large or too deeply described ones; ParseError for what is no tar;
    TruncatedError where it ends early.
    """
    feed = Feed(chunks, name)
    for number, header in enumerate(_headers(feed, name)):
        if number >= MOST_MEMBERS:
            raise HostileInputError(f"{name} holds more than {MOST_MEMBERS} members", hint=_HINT)
        padding = -header.size_bytes % BLOCK_BYTES
        member = Member(
            header.name, header.kind, header.size_bytes, header.mtime, header.link, feed, header.size_bytes
        )
        yield member
        feed.skip(member.unread_bytes + padding)
        member.has_passed = True


def _headers(feed: Feed, name: str) -> Iterator[TarHeader]:
    """Headers with the long names and pax records before them worked in. One block of zeros is the end."""
    while feed.has_more():
        notes: dict[str, str] = {}
        for _ in range(_MOST_NOTES):
            header = parse_tar_header(feed.take(BLOCK_BYTES), name)
            if header is None or header.kind not in {"name", "link", "pax"}:
                break
            notes.update(_note(feed, header, name))
        else:
            raise HostileInputError(f"{name} describes one member over and over", hint=_HINT)
        if header is None:
            return
        _skip_sparse_map(feed, header, name)
        yield _described(header, notes, name)


def _note(feed: Feed, header: TarHeader, name: str) -> Mapping[str, str]:
    limit = _LARGEST_PAX_BYTES if header.kind == "pax" else _LONGEST_NAME_BYTES
    if header.size_bytes > limit:
        raise HostileInputError(
            f"{name} has a name or a description of {header.size_bytes} bytes", hint=_HINT
        )
    data = feed.take(header.size_bytes)
    feed.skip(-header.size_bytes % BLOCK_BYTES)
    if header.kind == "pax":
        return parse_pax_records(data, name)
    key = "path" if header.kind == "name" else "linkpath"
    return {key: data.rstrip(b"\0").decode("utf-8", "replace")}


def _described(header: TarHeader, notes: Mapping[str, str], name: str) -> TarHeader:
    stated = notes.get("size", str(header.size_bytes))
    if not (stated.isascii() and stated.isdigit() and len(stated) < 20):
        raise ParseError(name, 1, stated, "a size in a pax record")
    has_data = header.kind in {"file", "sparse", "other"}
    size_bytes = int(stated) if has_data else 0
    is_sparse = header.kind == "sparse" or any(key.startswith("GNU.sparse") for key in notes)
    real = notes.get("GNU.sparse.realsize", notes.get("GNU.sparse.size", ""))
    largest = max(
        size_bytes,
        header.real_bytes,
        int(real) if real.isascii() and real.isdigit() and len(real) < 20 else 0,
    )
    if largest > LARGEST_MEMBER_BYTES:
        raise HostileInputError(f"{name} has a member of {largest} bytes", hint=_HINT)
    return TarHeader(
        name=notes.get("GNU.sparse.name", notes.get("path", header.name)),
        kind="sparse" if is_sparse and header.kind in {"file", "sparse"} else header.kind,
        size_bytes=size_bytes,
        real_bytes=largest,
        mtime=header.mtime,
        link=notes.get("linkpath", header.link),
        is_map_continued=False,
    )


def _skip_sparse_map(feed: Feed, header: TarHeader, name: str) -> None:
    """Each further block of the map says at byte 504 whether one more follows."""
    is_continued = header.is_map_continued
    for _ in range(_MOST_MAP_BLOCKS):
        if not is_continued:
            return
        is_continued = feed.take(BLOCK_BYTES)[504:505] not in {b"\0", b""}
    raise HostileInputError(f"{name} has a member with endless holes", hint=_HINT)
