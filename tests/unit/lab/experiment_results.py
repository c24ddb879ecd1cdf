"""Results of experiments made by hand, for tests."""

from __future__ import annotations

from typing import Any

import msgspec

from kvmedic.lab.results import Applied, Cycle, Reading, Result
from kvmedic.units import MIB

BASE = Reading(
    at_s=10.0,
    mem_free_bytes=300 * MIB,
    mem_available_bytes=350 * MIB,
    free_blocks=(1000, 0, 0, 0, 0, 0, 0, 0, 0, 10, 5),
    host_stranded_bytes=142 * MIB,
    stranded_bytes=142 * MIB,
    charged_bytes=500 * MIB,
    rss_bytes=380 * MIB,
    huge_bytes=100 * MIB,
    actual_bytes=370 * MIB,
    maximum_bytes=512 * MIB,
    guests=1,
    oom_kills=0,
)


def reading(**changes: Any) -> Reading:
    """A reading that differs from the usual one."""
    return msgspec.structs.replace(BASE, **changes)


def result(
    scenario: str,
    remedy: str,
    *,
    given_mib: int,
    repetition: int = 1,
    is_back: bool | None = True,
    **changes: Any,
) -> Result:
    """A result whose groups gave that much back."""
    after = reading(charged_bytes=(500 - given_mib) * MIB, stranded_bytes=(142 - max(given_mib, 0)) * MIB)
    told = Result(
        scenario=scenario,
        remedy=remedy,
        repetition=repetition,
        ground="nested",
        kernel="6.1.0-56-amd64",
        host_mib=1152,
        is_emulated=True,
        versions={"kvmedic": "0.1.0"},
        began_at="2026-11-24T23:00:00Z",
        total_seconds=100.0,
        calm=reading(stranded_bytes=0),
        before=reading(),
        after=after,
        destination=None,
        found=("balloon-stranded-memory",),
        applied=Applied(
            by="nobody",
            commands=("wait 20 s",),
            seconds=20.0,
            exit_code=None,
            verdict=None,
            measured_freed_bytes=None,
            because=(),
        ),
        gap_before_s=1.2,
        downtime_s=0.0,
        cycles=(Cycle(number=1, reading=after, is_back=is_back, note=""),),
        probe=None,
        notes=(),
    )
    return msgspec.structs.replace(told, **changes)
