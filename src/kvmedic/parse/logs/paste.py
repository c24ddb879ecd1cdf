"""Logs that a mail program or a forum wrapped: each line as it was written, told by the width of the wrap.

A line was wrapped where its first word would not have fitted behind the line above (RFC 3676 writers fill
lines greedily), or where the line above is cut at the very width. Continuations are joined to the line they
belong to; an empty line takes their place, so that the numbers of all lines stay those of the paste.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Final

from kvmedic.model.record import Record

NARROWEST: Final = 60
WIDEST: Final = 100
"""Kernel reports have lines far longer than this: a log whose longest line is shorter was wrapped."""
FEWEST_LINES: Final = 3
MOSTLY: Final = 3
WIDEST_GAP: Final = 16
"""So many spaces may have stood between two columns of a table where it was wrapped."""
LONGEST_JOINED_BYTES: Final = 8 << 10
_STAMPED = re.compile(
    rb"[ \t]*(?:[>|] ?)*[ \t]*(?:<\d{1,3}>)?"
    rb"(?:\[ *\d+\.\d+\]|\[\w{2,4} \w{3} +\d|[A-Z][a-z]{2} +\d+ \d\d:|\d{4}-\d\d-\d\d)"
)
_MARKS = re.compile(rb"(?:[>|] ?)*")
_QUOTE = re.compile(rb"[ \t]*(?:[>|] ?)*[ \t]*")


class Wrap(Record, frozen=True, kw_only=True):
    """How a log was wrapped: at which width, and whether words were cut."""

    width: int
    is_cut: bool


def find_wrap(head: bytes) -> Wrap | None:
    """How the log that begins so was wrapped; None where it was not. One long word may stand out."""
    lines = [line.rstrip(b"\r") for line in head.split(b"\n")[:-1]]
    width = max((len(line) for line in lines if b" " in line[_quote_length(line) :]), default=0)
    if not NARROWEST <= width <= WIDEST or sum(map(is_stamped, lines)) < FEWEST_LINES:
        return None
    pairs = [(above, line) for above, line in pairwise(lines) if not is_stamped(line)]
    cut = sum(_is_cut(above, line, width) for above, line in pairs)
    filled = sum(_is_filled(above, line, width) and len(above) < width for above, line in pairs)
    if cut + filled < FEWEST_LINES:
        return None
    return Wrap(width=width, is_cut=cut > MOSTLY * filled)


def is_stamped(line: bytes) -> bool:
    """Whether a line begins with a time, behind a mail's quote marks."""
    return _STAMPED.match(line) is not None


def _is_cut(above: bytes, line: bytes, width: int) -> bool:
    """Whether a terminal cut the line above at its edge."""
    return len(above) == width and bool(line)


def _is_filled(above: bytes, line: bytes, width: int) -> bool:
    """Whether the first word of this line did not fit behind the line above; indented ones were not moved."""
    text = line[_mark_length(line) :]
    if not text.strip() or not above.strip() or text[:1].isspace():
        return False
    word = len(text.split(maxsplit=1)[0]) + (WIDEST_GAP if b"  " in above else 1)
    return len(above) + word > width


def _mark_length(line: bytes) -> int:
    """The quote marks of a mail, with the one space behind each."""
    match = _MARKS.match(line)
    return match.end() if match is not None else 0


def _quote_length(line: bytes) -> int:
    match = _QUOTE.match(line)
    return match.end() if match is not None else 0


def unwrapped(blocks: Iterable[bytes], wrap: Wrap) -> Iterator[bytes]:
    """The blocks with wrapped lines joined; a line that a block's end parts from its rest stays wrapped."""
    for block in blocks:
        yield b"\n".join(_joined(block.split(b"\n")[:-1], wrap)) + b"\n"


def _joined(lines: list[bytes], wrap: Wrap) -> list[bytes]:
    out: list[bytes] = []
    begin, above = 0, b""
    for line in (line.rstrip(b"\r") for line in lines):
        is_open = bool(out) and len(out[begin]) < LONGEST_JOINED_BYTES and is_stamped(out[begin])
        is_rest = (_is_cut if wrap.is_cut else _is_filled)(above, line, wrap.width)
        if is_open and is_rest and not is_stamped(line):
            out[begin] += line[_mark_length(line) :] if wrap.is_cut else b" " + line[_quote_length(line) :]
            out.append(b"")
        else:
            begin = len(out)
            out.append(line)
        above = line
    return out
