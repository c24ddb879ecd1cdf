"""Compressed bytes as a stream of plain ones: gzip, xz, bzip2, zstd, told by their first bytes, not by name.

What swells without end is refused: an archive of logs shrinks tenfold, sometimes a hundredfold, a bomb a
thousandfold. Expanding holds one piece at a time, whatever the size.
"""

from __future__ import annotations

import bz2
import lzma
import os
import shutil
import subprocess
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import IO, Protocol

from kvmedic.adapters.child import end_child
from kvmedic.errors import EvidenceError, HostileInputError

PIECE_BYTES = 1024 * 1024
LARGEST_RATIO = 400
FREE_BYTES = 256 * 1024 * 1024
"""Up to here anything may be as dense as it likes."""
LARGEST_EXPANDED_BYTES = 64 * 1024**3
_XZ_MEMORY_BYTES = 256 * 1024 * 1024
_GZIP, _XZ, _BZIP2, _ZSTD = b"\x1f\x8b", b"\xfd7zXZ\x00", b"BZh", b"\x28\xb5\x2f\xfd"
_LONGEST_MAGIC = 6


class TruncatedError(EvidenceError):
    """A compressed stream ends before its end."""


class _Decompressor(Protocol):
    """What bz2, lzma and our gzip share."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    @property
    def needs_input(self) -> bool: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class _Gzip:
    """zlib's object in the form of the other two: it keeps what it could not put out yet."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data

    @property
    def needs_input(self) -> bool:
        return not self._zlib.unconsumed_tail and not self._zlib.eof

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        return self._zlib.decompress(self._zlib.unconsumed_tail + data, max_length)


def expanded(chunks: Iterator[bytes], name: str) -> Iterator[bytes]:
    """The plain bytes behind ``chunks``; those that are not compressed come through as they are.

    HostileInputError for a bomb, TruncatedError where the stream is cut, EvidenceError where it is damaged or
    the tool for it is missing.
    """
    head = b""
    for chunk in chunks:
        head += chunk
        if len(head) >= _LONGEST_MAGIC:
            break
    rest = _chained(head, chunks)
    make = _maker(head)
    if make is not None:
        yield from _guarded(_decompressed(rest, make, name), rest, name)
    elif head.startswith(_ZSTD):
        yield from _guarded(_through_zstd(rest, name), rest, name)
    else:
        yield from rest


def as_far_as_readable(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """One log of many: where it is damaged, cut or vanishes, it ends, and the others are read all the same.

    A crash leaves such logs behind, so a cut one is ordinary. What wants to do harm is still refused.
    """
    try:
        yield from chunks
    except HostileInputError:
        raise
    except (EvidenceError, OSError):
        return


class _Counted(Iterator[bytes]):
    """An iterator that knows how much it has given."""

    def __init__(self, head: bytes, chunks: Iterator[bytes]) -> None:
        self._head = head
        self._chunks = chunks
        self.given_bytes = 0

    def __next__(self) -> bytes:
        part, self._head = (self._head, b"") if self._head else (next(self._chunks), b"")
        self.given_bytes += len(part)
        return part


def _chained(head: bytes, chunks: Iterator[bytes]) -> _Counted:
    return _Counted(head, chunks)


def _maker(head: bytes) -> Callable[[], _Decompressor] | None:
    if head.startswith(_GZIP):
        return _Gzip
    if head.startswith(_XZ):
        return lambda: lzma.LZMADecompressor(memlimit=_XZ_MEMORY_BYTES)
    return bz2.BZ2Decompressor if head.startswith(_BZIP2) else None


def _guarded(plain: Iterable[bytes], packed: _Counted, name: str) -> Iterator[bytes]:
    size = 0
    for piece in plain:
        size += len(piece)
        swollen = size > FREE_BYTES and size > LARGEST_RATIO * packed.given_bytes
        if swollen or size > LARGEST_EXPANDED_BYTES:
            raise HostileInputError(
                f"{name} expands without end: {size} bytes from {packed.given_bytes}; not read further",
                hint="Unpack it yourself in a place with limits, and give the folder.",
            )
        yield piece


def _decompressed(packed: Iterator[bytes], make: Callable[[], _Decompressor], name: str) -> Iterator[bytes]:
    """One stream after another, as gzip and xz allow; padding and rubbish behind the last one end it."""
    current, has_ended = make(), False
    for part in packed:
        data = part
        while data or not (current.needs_input or current.eof):
            if current.eof:
                data, current = data.lstrip(b"\0"), make()
                if not data:
                    break
            try:
                piece = current.decompress(data, PIECE_BYTES)
            except (zlib.error, lzma.LZMAError, OSError, EOFError) as error:
                if has_ended:
                    return
                raise EvidenceError(f"{name} is damaged: {error}") from error
            data = current.unused_data if current.eof else b""
            has_ended = has_ended or current.eof
            yield piece
    if not current.eof and not has_ended:
        raise TruncatedError(f"{name} ends before its end", hint="Copy it again; it may have been cut.")


def _through_zstd(packed: Iterator[bytes], name: str) -> Iterator[bytes]:
    """Python has no zstd before 3.14, and the tool is on every host that writes such archives."""
    tool = shutil.which("zstd")
    if tool is None:
        raise EvidenceError(
            f"{name} is compressed with zstd, and the tool zstd is not installed here",
            hint="Install the package zstd, or compress the archive with gzip or xz.",
        )
    process = subprocess.Popen(
        [tool, "-dcq", "--memory=256MB"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdin is not None  # noqa: S101
    assert process.stdout is not None  # noqa: S101
    descriptor = process.stdout.fileno()
    failures: list[BaseException] = []
    feeder = threading.Thread(target=_feed, args=(packed, process.stdin, failures), daemon=True)
    feeder.start()
    try:
        yield from iter(lambda: os.read(descriptor, PIECE_BYTES), b"")
        if process.wait(timeout=10) and not failures:
            raise TruncatedError(f"{name} is damaged, or ends before its end")
    finally:
        end_child(process)
        feeder.join(timeout=1)
        process.stdout.close()
    if failures:
        raise EvidenceError(f"{name} could not be read: {failures[0]}") from failures[0]


def _feed(packed: Iterator[bytes], pipe: IO[bytes], failures: list[BaseException]) -> None:
    """A pipe that nobody reads any more is no failure: the reader has had enough."""
    try:
        with suppress(BrokenPipeError), pipe:
            for part in packed:
                pipe.write(part)
    except (OSError, EvidenceError, ValueError) as error:
        failures.append(error)
