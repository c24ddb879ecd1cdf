"""One memory cgroup against its limits: near the end, throttled, killing, or smaller than its domain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kvmedic.diagnose.readings import WAITING_PERCENT
from kvmedic.diagnose.verdicts import LIKELY, POSSIBLE, PROVEN, because
from kvmedic.model.domain import CgroupLevel, DomainFacts
from kvmedic.model.finding import Because, Severity
from kvmedic.model.gap import Missing, Reason, first_missing
from kvmedic.model.memory import Pressure
from kvmedic.model.record import Record
from kvmedic.units import human_bytes

NEAR_SHARE = 0.95
"""A group whose memory that cannot be dropped fills 95 % of its limit is one burst from the OOM killer."""


class Strain(Record, frozen=True, kw_only=True):
    """One way in which a group's limit hurts."""

    severity: Severity
    confidence: float
    sentence: str
    proof: tuple[Because, ...]


class LimitedGroup(Record, frozen=True, kw_only=True):
    """A level with a limit, the domains charged to it or below it, and what is known of it alone.

    ``is_own``: memory of the domains is charged here, and not only below. ``cache_bytes`` is file cache,
    which reclaim can drop; None where nobody told.
    """

    level: CgroupLevel
    is_own: bool
    domains: tuple[DomainFacts, ...]
    qemu_count: int
    cache_bytes: int | None
    pressure: Pressure | None


def gaps_of(level: CgroupLevel) -> Missing | None:
    """What keeps a level from being judged; that version 1 has no memory.high is no gap."""
    high = level.high_bytes
    if isinstance(high, Missing) and high.reason is not Reason.NOT_FOUND:
        return high
    return first_missing(level.usage_bytes, level.max_bytes)


def is_limited(level: CgroupLevel) -> bool:
    """Whether max or high is set."""
    return any(isinstance(limit, int) for limit in (level.max_bytes, level.high_bytes))


def cache_bytes(stat: Mapping[str, int] | Missing) -> int | None:
    """File cache in a memory.stat of version 2 or 1 (there ``total_`` counts the groups below)."""
    if isinstance(stat, Missing):
        return None
    for names in (("total_inactive_file", "total_active_file"), ("inactive_file", "active_file")):
        if all(name in stat for name in names):
            return sum(stat[name] for name in names)
    return None


def strains(group: LimitedGroup) -> Iterator[Strain]:
    """Every way in which the limits of this group hurt now, or will."""
    for strain in (_killing(group), _near_limit(group), _throttled(group), _too_small(group)):
        if strain is not None:
            yield strain


def _rate(level: CgroupLevel, event: str) -> float:
    return 0.0 if isinstance(level.event_rates, Missing) else level.event_rates.get(event, 0.0)


def _killing(group: LimitedGroup) -> Strain | None:
    """Counts of version 2 include the groups below, and kills of the whole host's OOM killer too.

    So a limit must be there and be met in the same interval, and for a group above it stays likely.
    """
    kills, meets = _rate(group.level, "oom_kill"), _rate(group.level, "oom") + _rate(group.level, "max")
    if kills <= 0 or meets <= 0 or not isinstance(group.level.max_bytes, int):
        return None
    line = because(
        "the kernel killed in this group between the two readings", f"{group.level.path}/memory.events"
    )
    return Strain(
        severity=Severity.CRITICAL,
        confidence=PROVEN if group.is_own else LIKELY,
        sentence="kills processes at its limit now",
        proof=(line,),
    )


def _near_limit(group: LimitedGroup) -> Strain | None:
    usage, limit = group.level.usage_bytes, group.level.max_bytes
    if not isinstance(usage, int) or not isinstance(limit, int) or limit <= 0:
        return None
    firm = usage - (group.cache_bytes or 0)
    if firm < limit * NEAR_SHARE:
        return None
    hits = _rate(group.level, "max")
    is_known = group.cache_bytes is not None
    confidence = LIKELY if is_known or hits > 0 else POSSIBLE
    unknown = "" if is_known else " (file cache, which could be dropped, included)"
    lines = [
        because(
            f"{human_bytes(firm)} of {human_bytes(limit)} used{unknown}", f"{group.level.path}/memory.max"
        )
    ]
    if hits > 0:
        lines.append(
            because(f"it ran into the limit {hits:.1f} times a second", f"{group.level.path}/memory.events")
        )
    return Strain(
        severity=Severity.CRITICAL if hits > 0 and is_known else Severity.WARNING,
        confidence=confidence,
        sentence=f"is at {firm / limit:.0%} of its limit of {human_bytes(limit)}",
        proof=tuple(lines),
    )


def _throttled(group: LimitedGroup) -> Strain | None:
    """memory.high kills softly: the vCPUs sleep in the kernel, the guest hangs, and no log line is
    written.
    """
    rate, high = _rate(group.level, "high"), group.level.high_bytes
    if rate <= 0 or not isinstance(high, int):
        return None
    lines = [because(f"throttled {rate:.1f} times a second", f"{group.level.path}/memory.events")]
    waits = group.pressure is not None and group.pressure.some.avg10_percent >= WAITING_PERCENT
    if group.pressure is not None:
        percent = group.pressure.some.avg10_percent
        lines.append(
            because(
                f"its tasks waited for memory {percent:.0f} % of the last 10 s",
                f"{group.level.path}/memory.pressure",
            )
        )
    return Strain(
        severity=Severity.CRITICAL if waits else Severity.WARNING,
        confidence=PROVEN if waits else LIKELY,
        sentence=f"is slowed down on purpose at memory.high {human_bytes(high)}: its vCPUs sleep, nothing "
        "is logged",
        proof=tuple(lines),
    )


def _too_small(group: LimitedGroup) -> Strain | None:
    limit = group.level.max_bytes
    if not isinstance(limit, int):
        return None
    maxima = [(_maximum(domain), domain.name) for domain in group.domains]
    largest, name = max(maxima)
    if largest > limit:
        text = f"limit {human_bytes(limit)}, maximum of {name} {human_bytes(largest)}"
        return _small(group, Severity.WARNING, LIKELY, f"may hold less than {name} may use", text)
    together = sum(maximum for maximum, _ in maxima)
    if together > limit:
        text = f"limit {human_bytes(limit)}, maxima of {len(maxima)} domains {human_bytes(together)}"
        return _small(
            group, Severity.INFO, POSSIBLE, f"may hold less than its {len(maxima)} domains may use", text
        )
    return None


def _maximum(domain: DomainFacts) -> int:
    """What the domain may charge to its group: nothing of its memory on hugetlb; 0 where nobody knows."""
    maximum = domain.memory_max_bytes
    return 0 if domain.backing == "hugetlb" or isinstance(maximum, Missing) else maximum


def _small(group: LimitedGroup, severity: Severity, confidence: float, sentence: str, text: str) -> Strain:
    return Strain(
        severity=severity,
        confidence=confidence,
        sentence=f"{sentence}: if the guests use all, QEMU is killed",
        proof=(because(text, f"{group.level.path}/memory.max"),),
    )
