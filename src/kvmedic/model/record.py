"""What all records of kvmedic share: they are frozen, and their fields are named when they are made."""

from __future__ import annotations

import msgspec


class Record(msgspec.Struct, frozen=True):
    """A frozen record. Subclasses add ``kw_only=True``, which msgspec does not inherit."""
