"""Growth of the host's counters between two readings of one boot. A total since boot is never a rate."""

from __future__ import annotations

from collections.abc import Mapping

from kvmedic.derive.reading import read_again_with, read_with
from kvmedic.model.evidence import Evidence
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.zone_facts import Rates
from kvmedic.parse.number import parse_word
from kvmedic.parse.uptime import parse_uptime
from kvmedic.parse.vmstat import parse_vmstat

VMSTAT = "proc/vmstat"
BOOT_ID = "proc/sys/kernel/random/boot_id"
UPTIME = "proc/uptime"

_COUNTERS_NAMED_AS_LEVELS = frozenset(
    {
        "nr_vmscan_write",
        "nr_vmscan_immediate_reclaim",
        "nr_dirtied",
        "nr_written",
        "nr_throttled_written",
        "nr_foll_pin_acquired",
        "nr_foll_pin_released",
    }
)
"""Named nr_ like the levels of mm/vmstat.c, and only ever counted up."""


def derive_rates(evidence: Evidence) -> Rates | Missing:
    """Growth per second of every counter of /proc/vmstat.

    A gap where there is no second reading, no time between the two, or a reboot.
    """
    first = read_with(evidence, VMSTAT, parse_vmstat)
    second = read_again_with(evidence, VMSTAT, parse_vmstat)
    interval_s = evidence.interval_s
    if isinstance(first, Missing):
        return first
    if isinstance(second, Missing):
        return second
    if isinstance(interval_s, Missing):
        return interval_s
    if interval_s <= 0:
        return _no_rates("no time passed between the two readings")
    if _was_rebooted(evidence):
        return _no_rates("the host was rebooted between the two readings")
    return Rates(interval_s=interval_s, per_second=growth_per_second(first, second, interval_s))


def is_counter(name: str) -> bool:
    """Whether a row of /proc/vmstat counts events (it only grows), not a level such as nr_free_pages."""
    if name.startswith("nr_"):
        return name in _COUNTERS_NAMED_AS_LEVELS
    return name != "workingset_nodes"


def growth_per_second(
    first: Mapping[str, int], second: Mapping[str, int], interval_s: float
) -> Mapping[str, float]:
    """What every counter of both readings grew by per second; one that fell was reset, and is left out."""
    shared = ((name, second[name] - before) for name, before in first.items() if name in second)
    return {name: growth / interval_s for name, growth in shared if is_counter(name) and growth >= 0}


def _was_rebooted(evidence: Evidence) -> bool:
    """Whether boot id or uptime say so. Where neither was read twice, the interval stands."""
    boot_ids = {read(evidence, BOOT_ID, parse_word) for read in (read_with, read_again_with)}
    if not any(isinstance(boot_id, Missing) for boot_id in boot_ids):
        return len(boot_ids) > 1
    before, after = (read(evidence, UPTIME, parse_uptime) for read in (read_with, read_again_with))
    return not isinstance(before, Missing) and not isinstance(after, Missing) and after < before


def _no_rates(detail: str) -> Missing:
    return Missing(source="rates of proc/vmstat", reason=Reason.UNSUPPORTED, detail=detail)
