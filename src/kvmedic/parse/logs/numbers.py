"""Numbers as logs spell them, read without ever failing on a hostile length."""

from __future__ import annotations

import re
from typing import Final

LONGEST: Final = 19
_UNITS: Final = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_SIZE = re.compile(r"(\d{1,19})(?:\.\d+)? ?([kKMGTB]?)i?B?", re.ASCII)


def whole(text: str | None) -> int | None:
    """A decimal number, None where there is none or where it is absurdly long."""
    if not text or len(text) > LONGEST:
        return None
    try:
        return int(text)
    except ValueError:
        return None


def hexadecimal(text: str | None) -> int | None:
    """A hexadecimal number with or without ``0x``; None where it is none."""
    if not text or len(text) > LONGEST:
        return None
    try:
        return int(text, 16)
    except ValueError:
        return None


def kib(text: str | None) -> int | None:
    """A count of kB (the kernel means KiB) as bytes."""
    number = whole(text)
    return None if number is None else number << 10


def size_bytes(text: str | None) -> int | None:
    """``307200kB``, ``8 MiB``, ``12G`` or plain bytes, as bytes; None where it is no size."""
    match = _SIZE.match(text.strip()) if text else None
    return None if match is None else int(match[1]) * _UNITS[match[2].lower()]
