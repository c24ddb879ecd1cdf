"""How a report is to be shown."""

from __future__ import annotations

from datetime import tzinfo

from kvmedic.model.record import Record


class RenderOptions(Record, frozen=True, kw_only=True):
    """``width`` is in cells, ``encoding`` names what will carry the text, ``local_zone`` is the reader's.

    ``picture_svg`` is a page map to put into a page.
    """

    width: int
    colour: bool
    verbose: bool
    encoding: str
    local_zone: tzinfo | None
    picture_svg: str | None
