"""The frames that the libvirt child writes, taken apart as they come in; a cut frame is not taken."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_HEADER = re.compile(rb"([SFGD]) ([0-9]{1,5}) ([0-9]{1,8})\n")
_LONGEST_HEADER = 32


class Frame(NamedTuple):
    """One frame: its kind (S, F, G or D), the path (or words) and the data."""

    kind: str
    path: str
    data: bytes


class FrameReader:
    """Takes bytes in pieces and gives the whole frames in them; what cannot be a frame ends it for good."""

    def __init__(self) -> None:
        self._rest = b""
        self.is_broken = False

    def feed(self, piece: bytes) -> Iterator[Frame]:
        """The frames that are complete with ``piece``."""
        self._rest += piece
        while not self.is_broken:
            header = _HEADER.match(self._rest)
            if header is None:
                self.is_broken = b"\n" in self._rest[:_LONGEST_HEADER] or len(self._rest) > _LONGEST_HEADER
                return
            middle = header.end() + int(header[2])
            end = middle + int(header[3])
            if len(self._rest) < end:
                return
            path, data = self._rest[header.end() : middle], self._rest[middle:end]
            self._rest = self._rest[end:]
            yield Frame(header[1].decode(), path.decode(errors="replace"), data)
