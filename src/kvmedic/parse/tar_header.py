"""Headers of tar archives: POSIX ustar and pax, and GNU's long names and big numbers (tar.h of GNU tar).

Written here because an archive from a stranger is read header by header with every length bounded; a general
library reads names, pax records and sparse maps of any length into memory.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from kvmedic.errors import ParseError
from kvmedic.model.record import Record

BLOCK_BYTES = 512
MemberKind = Literal[
    "file", "directory", "symlink", "hardlink", "special", "sparse", "name", "link", "pax", "other"
]
_KINDS: Mapping[bytes, MemberKind] = {
    b"0": "file",
    b"\0": "file",
    b"7": "file",
    b"1": "hardlink",
    b"2": "symlink",
    b"3": "special",
    b"4": "special",
    b"5": "directory",
    b"6": "special",
    b"L": "name",
    b"K": "link",
    b"x": "pax",
    b"S": "sparse",
}
_OCTAL = re.compile(rb"[0-7]{1,24}")
_PAX_RECORD = re.compile(rb"([0-9]{1,7}) ([^=\n]{1,256})=")
_LARGEST_NUMBER = 1 << 62


class TarHeader(Record, frozen=True, kw_only=True):
    """One header. ``size_bytes`` is what follows in the archive; ``name`` is as written, not trusted."""

    name: str
    kind: MemberKind
    size_bytes: int
    real_bytes: int
    """What the member would take on a disk: more than it takes here where it has holes."""
    mtime: float
    link: str
    is_map_continued: bool
    """An old GNU sparse member: more blocks of its map follow this header."""


def parse_tar_header(block: bytes, source: str) -> TarHeader | None:
    """The header in a block of 512 bytes; None for a block of zeros (the end). Else a ParseError."""
    if not block.strip(b"\0"):
        return None
    stated = _number(block[148:156], source)
    if stated != sum(block[:148]) + sum(block[156:512]) + 8 * ord(" "):
        raise ParseError(source, 1, block[:100].decode("ascii", "replace"), "a tar header with its checksum")
    kind = _KINDS.get(block[156:157], "other")
    name, prefix = _text(block[:100]), _text(block[345:500])
    is_ustar = block[257:263] == b"ustar\0"
    if kind == "file" and name.endswith("/"):
        kind = "directory"
    real_bytes = _number(block[483:495], source) if kind == "sparse" else 0
    has_data = kind in {"file", "sparse", "name", "link", "pax", "other"}
    return TarHeader(
        name=f"{prefix}/{name}" if prefix and is_ustar else name,
        kind=kind,
        size_bytes=_number(block[124:136], source) if has_data else 0,
        real_bytes=real_bytes,
        mtime=float(_number(block[136:148], source)),
        link=_text(block[157:257]),
        is_map_continued=kind == "sparse" and block[482:483] not in {b"\0", b""},
    )


def parse_pax_records(data: bytes, source: str) -> Mapping[str, str]:
    """The records "LENGTH KEY=VALUE" of an extended header. ParseError where a length does not fit."""
    records: dict[str, str] = {}
    place = 0
    while place < len(data.rstrip(b"\0")):
        match = _PAX_RECORD.match(data, place)
        end = place + int(match[1]) if match else 0
        if match is None or not match.end() < end <= len(data) or data[end - 1 : end] != b"\n":
            raise ParseError(
                source, 1, data[place : place + 80].decode("utf-8", "replace"), "LENGTH KEY=VALUE"
            )
        records[match[2].decode("utf-8", "replace")] = data[match.end() : end - 1].decode("utf-8", "replace")
        place = end
    return records


def _text(field: bytes) -> str:
    return field.split(b"\0", 1)[0].decode("utf-8", "replace")


def _number(field: bytes, source: str) -> int:
    """Octal digits, or GNU's base 256 behind a first byte of 0x80."""
    if field[0] == 0x80:
        number = int.from_bytes(field[1:], "big")
    else:
        digits = field.strip(b" \0") or b"0"
        if not _OCTAL.fullmatch(digits):
            raise ParseError(source, 1, field.decode("ascii", "replace"), "an octal number in a tar header")
        number = int(digits, 8)
    if number > _LARGEST_NUMBER:
        raise ParseError(source, 1, str(number), "a size that a file can have")
    return number
