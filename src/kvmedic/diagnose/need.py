"""How much the host needs memory now: severity follows need, not size."""

from __future__ import annotations

from kvmedic.model.finding import Because, Severity
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.record import Record
from kvmedic.model.snapshot import Snapshot
from kvmedic.units import GIB, human_bytes

SHORT_SHARE = 0.10
"""Below this share of MemTotal available, an ordinary burst of one guest can exhaust the host."""
SHORT_BYTES_CAP = 32 * GIB
"""On large hosts a tenth is more than any burst needs; beyond this much available, memory is not short."""


class Need(Record, frozen=True, kw_only=True):
    """Whether the host is short of memory now, and by which reading."""

    is_short: bool
    available_bytes: int
    total_bytes: int
    reason: Because

    def severity(self, when_short: Severity = Severity.WARNING) -> Severity:
        """The severity of a loss of memory on this host."""
        return when_short if self.is_short else Severity.INFO


def short_threshold_bytes(total_bytes: int) -> int:
    """Available memory below which a host of ``total_bytes`` counts as short."""
    return min(int(total_bytes * SHORT_SHARE), SHORT_BYTES_CAP)


def memory_need(snapshot: Snapshot) -> Need | Missing:
    """Judges MemAvailable against MemTotal; a gap where meminfo is one."""
    meminfo = snapshot.memory.meminfo
    if isinstance(meminfo, Missing):
        return meminfo
    available, total = meminfo.get("MemAvailable"), meminfo.get("MemTotal")
    if available is None or total is None:
        return Missing(
            source=meminfo.source, reason=Reason.NOT_FOUND, detail="no MemAvailable or MemTotal in it"
        )
    text = f"{human_bytes(available)} of {human_bytes(total)} available"
    return Need(
        is_short=available < short_threshold_bytes(total),
        available_bytes=available,
        total_bytes=total,
        reason=Because(text=text, source="proc/meminfo", line=None),
    )
