"""The host's page size. No file of procfs states it, but two tell the same amounts, in KiB and in pages."""

from __future__ import annotations

from collections.abc import Mapping

from kvmedic.derive.reading import read_with
from kvmedic.model.evidence import Evidence
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.memory import Meminfo
from kvmedic.parse.number import parse_number
from kvmedic.units import KIB

STATED = "kvmedic/page_size"
"""Where a collector may have written what getconf PAGESIZE says, in bytes."""

USUAL_BYTES = 4 * KIB
_SIZES = (4 * KIB, 8 * KIB, 16 * KIB, 64 * KIB, 256 * KIB)
_PAIRS = {
    "Active(file)": "nr_active_file",
    "Inactive(file)": "nr_inactive_file",
    "AnonPages": "nr_anon_pages",
    "Mapped": "nr_mapped",
    "Shmem": "nr_shmem",
}
_FEWEST_PAGES = 64


def derive_page_size(
    evidence: Evidence, meminfo: Meminfo | Missing, vmstat: Mapping[str, int] | Missing
) -> tuple[int, Missing | None]:
    """Bytes of a page: as stated, else from meminfo over vmstat, else 4 KiB and a gap."""
    stated = read_with(evidence, STATED, parse_number)
    if not isinstance(stated, Missing) and stated in _SIZES:
        return stated, None
    compared = _compared(meminfo, vmstat)
    if compared:
        return compared, None
    return USUAL_BYTES, Missing(
        source="page size", reason=Reason.NOT_FOUND, detail="not told by any file; 4 KiB assumed"
    )


def _compared(meminfo: Meminfo | Missing, vmstat: Mapping[str, int] | Missing) -> int | None:
    """The size that fits the sums of five amounts best; the two files are read at different moments."""
    if isinstance(meminfo, Missing) or isinstance(vmstat, Missing):
        return None
    shared = [
        (key, counter) for key, counter in _PAIRS.items() if key in meminfo.bytes_of and counter in vmstat
    ]
    in_bytes = sum(meminfo[key] for key, _ in shared)
    in_pages = sum(vmstat[counter] for _, counter in shared)
    if in_pages < _FEWEST_PAGES:
        return None
    return next((size for size in _SIZES if 0.75 * size <= in_bytes / in_pages <= 1.25 * size), None)
