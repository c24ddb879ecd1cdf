"""The balloon of one domain: does its driver answer, what does the guest report, and how old is that.

``actual`` is what the guest says it has (hw/virtio/virtio-balloon.c, query-balloon), never what the host got
back. ``last_update`` 0 means that the driver never sent statistics; the driver sends the first when it loads.
"""

from __future__ import annotations

from collections.abc import Mapping

from kvmedic.derive.guest_rates import derive_guest_rates
from kvmedic.model.domain import DriverState, GuestStatistics
from kvmedic.model.gap import Missing, Reason
from kvmedic.parse.domstats import whole_number
from kvmedic.units import KIB

Stats = Mapping[str, str]

SLACK_S = 10.0
"""Beyond three periods: the time between libvirt's answer and the moment that evidence is stamped with."""
_USUAL_PERIOD_S = 10


def derive_driver(
    model: str | Missing,
    stats: Stats | Missing,
    period_s: int | None,
    maximum_bytes: int | Missing,
    actual_bytes: int | Missing,
) -> DriverState | Missing:
    """Whether a driver in the guest ever answered; a gap where nothing could have shown it."""
    if isinstance(model, Missing):
        return model
    if model == "none":
        return "none"
    if _has_moved(maximum_bytes, actual_bytes):
        return "alive"
    if isinstance(stats, Missing):
        return stats
    if whole_number(stats, "balloon.last-update"):
        return "alive"
    if period_s:
        return "silent"
    detail = (
        "no period of statistics is set, and the balloon is at its maximum: nothing shows whether it answers"
    )
    return Missing(source="balloon driver", reason=Reason.NOT_FOUND, detail=detail)


def derive_guest_statistics(
    stats: Stats | Missing, again: Stats | Missing, period_s: int | None, taken_at: float | Missing
) -> GuestStatistics | Missing:
    """The guest's own figures, in bytes, with their age; a gap where libvirt gave no balloon group.

    ``again`` are its figures of the second reading, from which rates come.
    """
    if isinstance(stats, Missing):
        return stats
    if "balloon.current" not in stats:
        detail = "libvirt gave no figures of the balloon (a busy domain is not waited for)"
        return Missing(source="balloon statistics", reason=Reason.NOT_FOUND, detail=detail)
    last_update_at = whole_number(stats, "balloon.last-update")
    age_s = _age(last_update_at, taken_at)
    return GuestStatistics(
        period_s=period_s,
        last_update_at=last_update_at,
        age_s=age_s,
        usable_bytes=_bytes(stats, "usable"),
        available_bytes=_bytes(stats, "available"),
        unused_bytes=_bytes(stats, "unused"),
        disk_caches_bytes=_bytes(stats, "disk_caches"),
        swap_in_bytes=_bytes(stats, "swap_in"),
        swap_out_bytes=_bytes(stats, "swap_out"),
        major_faults=whole_number(stats, "balloon.major_fault"),
        rates=derive_guest_rates(stats, again, period_s),
        is_fresh=age_s is not None and abs(age_s) <= 3 * (period_s or _USUAL_PERIOD_S) + SLACK_S,
    )


def balloon_bytes(stats: Stats | Missing, key: str) -> int | Missing:
    """One figure of the balloon group ("current", "maximum", "rss") in bytes, or the gap in its place."""
    if isinstance(stats, Missing):
        return stats
    found = _bytes(stats, key)
    if found is None:
        return Missing(source="virsh domstats", reason=Reason.NOT_FOUND, detail=f"no balloon.{key}")
    return found


def _bytes(stats: Stats, key: str) -> int | None:
    kib = whole_number(stats, f"balloon.{key}")
    return None if kib is None or kib >= 2**53 else kib * KIB


def _has_moved(maximum_bytes: int | Missing, actual_bytes: int | Missing) -> bool:
    """An ``actual`` below the maximum is a guest's report, so a driver made it."""
    if isinstance(maximum_bytes, Missing) or isinstance(actual_bytes, Missing):
        return False
    return actual_bytes < maximum_bytes


def _age(last_update_at: int | None, taken_at: float | Missing) -> float | None:
    if not last_update_at or isinstance(taken_at, Missing):
        return None
    return taken_at - last_update_at
