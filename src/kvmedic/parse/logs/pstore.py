"""Dumps a dying kernel left in pstore: parts in reverse order under ``Panic#1 Part1`` headers.

Part 1 holds the newest lines. Here the parts of each dump are put back in order; what has no such header is
left alone. Source: fs/pstore/platform.c (``pstore_dump``).
"""

from __future__ import annotations

import re
from typing import Final

LONGEST_DUMP_BYTES: Final = 16 << 20
_HEADER = re.compile(
    rb"^(Panic|Oops|Emergency|Restart|Halt|Poweroff|Shutdown|Unknown)#(\d{1,9}) Part ?(\d{1,9})\r?$", re.M
)


def is_pstore(head: bytes) -> bool:
    """True where a log begins with such a header."""
    return _HEADER.match(head) is not None


def in_order(text: bytes) -> bytes:
    """The parts of every dump from oldest to newest, each dump under one header line."""
    headers = list(_HEADER.finditer(text))
    dumps: dict[tuple[bytes, bytes], list[tuple[int, bytes]]] = {}
    for index, header in enumerate(headers):
        end = headers[index + 1].start() if index + 1 < len(headers) else len(text)
        piece = (int(header[3]), text[header.end() : end].lstrip(b"\r\n"))
        dumps.setdefault((header[1], header[2]), []).append(piece)
    lines = []
    for (kind, number), parts in dumps.items():
        lines.append(b"%s#%s Part1\n" % (kind, number))
        for _, part in sorted(parts, reverse=True):
            lines.append(part if part.endswith(b"\n") else part + b"\n")
    return b"".join(lines)
