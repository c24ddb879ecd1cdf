"""Amounts of a forecast, with their basis; and how long khugepaged takes to undo a release."""

from __future__ import annotations

from kvmedic.model.gap import Missing
from kvmedic.model.memory import TransparentHugepages
from kvmedic.model.plan import Amount, Downtime
from kvmedic.units import human_seconds

NO_DOWNTIME: tuple[Downtime, ...] = ()
NOBODY = "nobody"


def exactly(number: int, basis: str) -> Amount:
    """A number without a range."""
    return Amount(best=number, low=number, high=number, basis=basis)


def between(low: int, high: int, basis: str) -> Amount:
    """A range; its middle is the best guess."""
    return Amount(best=(low + high) // 2, low=low, high=high, basis=basis)


def not_known(basis: str) -> Amount:
    """No number, and why."""
    return Amount(best=None, low=None, high=None, basis=basis)


def khugepaged_refills(thp: TransparentHugepages | Missing, domain_bytes: int, page_size: int) -> str:
    """Whether and when khugepaged refills what a balloon took (mm/khugepaged.c, collapse with holes).

    One pass visits ``pages_to_scan`` pages every ``scan_sleep_millisecs``; a huge page range with up to
    ``max_ptes_none`` holes is made whole again, which fills them.
    """
    if isinstance(thp, Missing):
        return "not known (no transparent huge page settings were read)"
    settings = thp.settings
    if settings.get("enabled") == "never":
        return "no (transparent huge pages are off)"
    holes = settings.get("khugepaged/max_ptes_none")
    if holes is None:
        return "not known (khugepaged's settings were not read)"
    if holes == "0":
        return "no (khugepaged/max_ptes_none is 0)"
    pass_s = _pass_seconds(settings, domain_bytes // page_size)
    when = "yes" if pass_s is None else f"in {human_seconds(pass_s)}"
    return f"{when} (khugepaged refills it while max_ptes_none is {holes})"


def _pass_seconds(settings: object, pages: int) -> float | None:
    scan = settings.get("khugepaged/pages_to_scan") if isinstance(settings, dict) else None
    sleep = settings.get("khugepaged/scan_sleep_millisecs") if isinstance(settings, dict) else None
    if not (scan and sleep and scan.isdigit() and sleep.isdigit() and int(scan)):
        return None
    return pages / int(scan) * int(sleep) / 1000
