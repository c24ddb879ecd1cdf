"""release-stranded-memory: split the folios that hold it, so that the kernel frees what nobody maps.

process_madvise(MADV_COLD) on exactly the ranges that the page map proves (mm/madvise.c,
madvise_cold_or_pageout_pte_range splits a large folio that the range does not map whole). Nothing of the
guest is discarded, moved or swapped.
"""

from __future__ import annotations

from collections.abc import Iterator

from kvmedic.model.domain import DomainFacts, StrandedReading
from kvmedic.model.gap import Missing
from kvmedic.model.plan import Action, Amount, Blocker, Forecast, Option, ReleaseStranded
from kvmedic.model.subjects import domain_subject
from kvmedic.plan.forecasts import NO_DOWNTIME, NOBODY, exactly, khugepaged_refills, not_known
from kvmedic.plan.situation import Remedy, Situation, blocker
from kvmedic.plan.tunings import SHRINK_UNDERUSED, against_refilling, persistence, writes_of
from kvmedic.units import GIB, MIB

ID = "release-stranded-memory"
ANSWERS = ("balloon-stranded-memory", "host-memory-exhausted", "host-memory-overcommitted")
LEAST_BYTES = 8 * MIB
"""A release counts as done with up to 4 MiB left: less than this is not worth a plan."""
SECONDS_PER_GIB = 0.3
"""Measured 0.24 s/GiB on 6.18 (x86-64, 2 MiB folios); rounded up."""


def propose(situation: Situation) -> tuple[Option, ...]:
    """One option for each running domain that has stranded memory."""
    options = (_option(situation, domain) for domain in situation.wished)
    return tuple(option for option in options if option is not None)


def _option(situation: Situation, domain: DomainFacts) -> Option | None:
    reading = domain.stranded_best
    if reading is None or reading.bytes - reading.error_bytes < LEAST_BYTES:
        return None
    subject = domain_subject(domain)
    return Option(
        remedy=ID,
        subject=subject,
        forecast=_forecast(situation, domain, reading),
        risk="low",
        is_reversible=False,
        is_interruptible=True,
        blockers=tuple(_blockers(domain)),
        notes=tuple(_notes(situation)),
        helps_against=situation.causes_of(subject, ANSWERS),
    )


def _notes(situation: Situation) -> Iterator[str]:
    yield "reclaim finds the split pages a little sooner later on"
    yield "what was released comes back as 4 KiB holes; compact-memory gathers them"
    if against_refilling(situation.snapshot) and not situation.wishes.with_tune_host:
        yield "khugepaged refills it, unless the host is tuned in the same plan: add --tune-host"


def _forecast(situation: Situation, domain: DomainFacts, reading: StrandedReading) -> Forecast:
    low, high = max(reading.bytes - reading.error_bytes, 0), reading.bytes + reading.error_bytes
    memory = situation.snapshot.memory
    resident = 0 if isinstance(domain.rss_bytes, Missing) else domain.rss_bytes
    return Forecast(
        freed_bytes=Amount(best=reading.bytes, low=low, high=high, basis=reading.method),
        contiguous_blocks=not_known("the holes lie among the guest's pages; compact-memory gathers them"),
        returns="no (the same plan sets khugepaged/max_ptes_none to 0)"
        if situation.wishes.with_tune_host
        else khugepaged_refills(memory.thp, resident, memory.page_size_bytes),
        downtime=NO_DOWNTIME,
        takes_s=exactly(max(1, round(reading.bytes / GIB * SECONDS_PER_GIB)), "measured 0.24 s/GiB on 6.18"),
        noticed_by=NOBODY,
    )


def _blockers(domain: DomainFacts) -> list[Blocker]:
    found = []
    if isinstance(domain.pid, Missing):
        found.append(blocker("its QEMU process is not known", domain.pid.source))
    if isinstance(domain.process, Missing):
        found.append(blocker("its process could not be read", domain.process.source))
    elif not isinstance(domain.process.locked_bytes, Missing) and domain.process.locked_bytes > 0:
        found.append(blocker("its memory is locked, so the kernel refuses", f"proc/{domain.pid}/status"))
    if domain.backing == "hugetlb":
        found.append(blocker("its memory is hugetlb, which cannot be split", "libvirt"))
    return found


def actions(situation: Situation, option: Option) -> tuple[Action, ...]:
    """The release; with --tune-host between the settings that keep it released.

    Where shrink_underused is on, it is turned off first and max_ptes_none comes last. Where it is not,
    nothing splits full huge pages, and khugepaged is stopped first: it refilled what was released before the
    setting came (docs/evidence.md, 6.1).
    """
    domain = next(d for d in situation.wished if domain_subject(d) == option.subject)
    if isinstance(domain.pid, Missing) or isinstance(domain.process, Missing):
        return ()
    release = ReleaseStranded(
        domain_uuid=None if isinstance(domain.uuid, Missing) else domain.uuid,
        domain_name=domain.name,
        pid=domain.pid,
        start_ticks=domain.process.start_ticks,
        group=_own_group(domain),
    )
    if not situation.wishes.with_tune_host:
        return (release,)
    found = against_refilling(situation.snapshot)
    has_trap = any(tuning.path == SHRINK_UNDERUSED for tuning in found)
    first = [tuning for tuning in found if not has_trap or tuning.path == SHRINK_UNDERUSED]
    before = (write for tuning in first for write in writes_of(tuning))
    after = (write for tuning in found if tuning not in first for write in writes_of(tuning))
    return (*before, release, *after, *persistence(situation, found))


def _own_group(domain: DomainFacts) -> str | None:
    """The folder of the memory cgroup that holds this QEMU alone; None where there is none."""
    group = domain.cgroup
    if isinstance(group, Missing) or group.qemu_pids != (domain.pid,):
        return None
    return f"{'sys/fs/cgroup/memory' if group.version == 1 else 'sys/fs/cgroup'}/{group.path.strip('/')}"


REMEDY = Remedy(
    id=ID,
    title="Release memory that the balloon stranded",
    answers=ANSWERS,
    propose=propose,
    actions=actions,
)
