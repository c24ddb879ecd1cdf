"""Units of memory and time. Inside kvmedic: bytes, pages, seconds; conversions happen here, once."""

from __future__ import annotations

from typing import NewType

Bytes = NewType("Bytes", int)
Pages = NewType("Pages", int)
Order = NewType("Order", int)
"""log2 of the number of pages of a block: never a size."""

KIB = 1024
MIB = 1024**2
GIB = 1024**3
TIB = 1024**4

_STEPS = (("TiB", TIB), ("GiB", GIB), ("MiB", MIB), ("KiB", KIB))


def from_kib(kib: int) -> Bytes:
    """KiB (what /proc calls kB, and libvirt KiB) to bytes."""
    return Bytes(kib * KIB)


def pages_to_bytes(pages: int, page_size: int) -> Bytes:
    """A number of pages of ``page_size`` bytes each, in bytes."""
    return Bytes(pages * page_size)


def human_bytes(count: float) -> str:
    """Bytes for people: binary units, three significant figures at most ("4.0 GiB", "698 MiB").

    The choice of the unit happens after rounding, so that 1023.97 MiB reads "1.0 GiB".
    """
    sign = "−" if count < 0 else ""
    size = abs(count)
    for name, step in _STEPS:
        if size >= step * 0.9995:
            value = size / step
            return f"{sign}{value:.0f} {name}" if value >= 99.5 else f"{sign}{value:.1f} {name}"
    return f"{sign}{size:.0f} B"


def human_seconds(seconds: float) -> str:
    """A span of time for people: "85 ms", "3 s", "12 min", "5.2 h", "83 d"."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86400:.0f} d"
