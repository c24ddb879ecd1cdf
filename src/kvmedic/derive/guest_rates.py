"""How fast a guest swaps and faults: growth of its own counters between two of its reports.

The counters of virDomainMemoryStats are totals since the guest booted, and a total is no rate. The guest
reports once in a period that libvirt sets, so two readings of ours may show the same report: no rate then.
"""

from __future__ import annotations

from collections.abc import Mapping

from kvmedic.model.domain import GuestRates
from kvmedic.model.gap import Missing, Reason
from kvmedic.parse.domstats import whole_number
from kvmedic.units import KIB

Stats = Mapping[str, str]
SOURCE = "rates of the guest"
_COUNTERS = ("swap_in", "swap_out", "major_fault")
_LAST_UPDATE = "balloon.last-update"


def derive_guest_rates(
    first: Stats | Missing, again: Stats | Missing, period_s: int | None
) -> GuestRates | Missing:
    """Growth per second, by the guest's own clock of reports; a gap where two reports were not seen."""
    if isinstance(first, Missing):
        return first
    if isinstance(again, Missing):
        return again
    before, after = whole_number(first, _LAST_UPDATE), whole_number(again, _LAST_UPDATE)
    if not before or not after:
        return _no_rates(Reason.NOT_FOUND, "the guest never reported")
    if after <= before:
        return _no_rates(Reason.NOT_COLLECTED, _no_second_report(period_s))
    if any(_growth(first, again, name) < 0 for name in _COUNTERS):
        return _no_rates(Reason.UNSUPPORTED, "the guest's counters fell between its two reports: it booted")
    interval_s = float(after - before)
    return GuestRates(
        interval_s=interval_s,
        swap_in_bytes_per_s=_per_second(first, again, "swap_in", interval_s / KIB),
        swap_out_bytes_per_s=_per_second(first, again, "swap_out", interval_s / KIB),
        major_faults_per_s=_per_second(first, again, "major_fault", interval_s),
    )


def _no_second_report(period_s: int | None) -> str:
    if not period_s:
        return "the guest reported once only between our two readings, and no period is set"
    return (
        f"the guest reports every {period_s} s, and did not between our two readings: "
        f"--interval {period_s + 2} sees two reports"
    )


def _growth(first: Stats, again: Stats, name: str) -> int:
    """What a counter grew by; 0 where a report lacks it or says 2^64-1, which means the same."""
    before, after = _counter(first, name), _counter(again, name)
    return 0 if before is None or after is None else after - before


def _per_second(first: Stats, again: Stats, name: str, interval: float) -> float | None:
    if _counter(first, name) is None or _counter(again, name) is None:
        return None
    return _growth(first, again, name) / interval


def _counter(stats: Stats, name: str) -> int | None:
    found = whole_number(stats, f"balloon.{name}")
    return None if found is None or found >= 2**53 else found


def _no_rates(reason: Reason, detail: str) -> Missing:
    return Missing(source=SOURCE, reason=reason, detail=detail)
