"""Logs that are no lines of UTF-8: UTF-16 as Windows' shell redirects it, carriage returns alone."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from typing import Final

_MARKS: Final = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
FEWEST_RETURNS: Final = 4


def as_text(head: bytes, chunks: Iterable[bytes]) -> Iterable[bytes]:
    """The chunks of a log that begins with ``head``, as UTF-8 with line feeds."""
    encoding = _MARKS.get(head[:2])
    if encoding is not None:
        return _decoded(chunks, encoding)
    if b"\n" not in head and head.count(b"\r") >= FEWEST_RETURNS:
        return (chunk.replace(b"\r", b"\n") for chunk in chunks)
    return chunks


def _decoded(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    for chunk in chunks:
        yield decoder.decode(chunk).lstrip("\ufeff").encode()
    yield decoder.decode(b"", final=True).encode()
