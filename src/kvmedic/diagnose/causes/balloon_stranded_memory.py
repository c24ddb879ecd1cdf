"""balloon-stranded-memory: the guest gave memory up, QEMU's RSS fell, and the host got nothing.

QEMU discards 4 KiB pages; the kernel unmaps them from the huge page and keeps the huge page whole until
reclaim splits it (mm/memory.c zap_pmd_range, mm/huge_memory.c deferred_split_scan). What is allocated to the
domain's folios and mapped by nobody is stranded.
"""

from __future__ import annotations

from collections.abc import Iterator

from kvmedic.diagnose.need import Need, memory_need
from kvmedic.diagnose.verdicts import LIKELY, PROVEN, because, cleared, finding, found, lacking, over_domains
from kvmedic.model.domain import DomainFacts, StrandedReading
from kvmedic.model.finding import Because, Cause, Judgement
from kvmedic.model.gap import Missing
from kvmedic.model.snapshot import Snapshot
from kvmedic.model.subjects import domain_subject
from kvmedic.units import MIB, human_bytes

ID = "balloon-stranded-memory"
REMEDIES = ("release-stranded-memory", "tune-host", "enable-free-page-reporting", "disable-balloon")
SMALLEST_BYTES = 32 * MIB
"""Less than this helps nobody, and lies near the floor of the accounting (11 MiB of residue were
measured)."""
HIDDEN_BYTES = 64 * MIB
"""A reading whose error could hide at least this much, and 2 % of the domain, clears nobody."""
HIDDEN_SHARE = 0.02
"""On a large domain a wide error matters less: what hides in it is below 2 % of its maximum."""
AGREEMENT_SHARE = 0.05
"""Two methods that differ by more than their errors and by more than 5 % of the larger do not agree."""

CONFIRMING_SHARE = 0.5
"""A second reading whose error is larger than half of the first agrees with anything, and confirms
nothing."""


def examine(snapshot: Snapshot) -> Judgement:
    """Every running domain by its best reading; without any reading the cause is undetermined."""
    need = memory_need(snapshot)
    is_mapcount_off = _has_no_page_mapcount(snapshot)
    return over_domains(
        snapshot, lambda domain: _examine_domain(domain, need, is_mapcount_off=is_mapcount_off)
    )


def _has_no_page_mapcount(snapshot: Snapshot) -> bool:
    """Kernels built so (6.15+, experimental) count mapped memory differently, and the accounting is no
    proof.
    """
    configuration = snapshot.host.kernel_configuration
    return not isinstance(configuration, Missing) and configuration.get("CONFIG_NO_PAGE_MAPCOUNT") == "y"


def _examine_domain(domain: DomainFacts, need: Need | Missing, *, is_mapcount_off: bool) -> Judgement:
    readings = tuple(r for r in domain.stranded if not _is_void(r, domain, is_mapcount_off=is_mapcount_off))
    if not readings:
        return lacking(_why_none(domain, is_mapcount_off=is_mapcount_off))
    present = next((r for r in readings if r.bytes - r.error_bytes >= SMALLEST_BYTES), None)
    best = present or min(readings, key=lambda reading: reading.error_bytes)
    if present is None and best.bytes + best.error_bytes >= _hidden_limit(domain):
        return lacking(f"{domain.name}: {_shown(best)} by {best.method}: too coarse to tell")
    if present is None:
        return cleared("no stranded memory worth a name", best.method)
    if isinstance(need, Missing):
        return lacking(need)
    return found(
        finding(
            ID,
            domain_subject(domain),
            need.severity(),
            _confidence(readings, best),
            summary=_summary(domain, best),
            proof=(*_proof(domain, _decisive_first(readings, best)), need.reason),
            remedies=REMEDIES,
        )
    )


def _is_void(reading: StrandedReading, domain: DomainFacts, *, is_mapcount_off: bool) -> bool:
    """The accounting says nothing of one domain where several share the group, or mapped pages are not
    counted.
    """
    return reading.method == "lru-accounting" and (is_mapcount_off or _sharers(domain) > 1)


def _sharers(domain: DomainFacts) -> int:
    return 1 if isinstance(domain.cgroup, Missing) else len(domain.cgroup.qemu_pids)


def _why_none(domain: DomainFacts, *, is_mapcount_off: bool) -> str:
    if domain.stranded and is_mapcount_off:
        return (
            f"{domain.name}: this kernel (NO_PAGE_MAPCOUNT) does not count mapped pages; needs the page map"
        )
    if domain.stranded:
        return f"{domain.name}: {_sharers(domain)} QEMU processes share its memory group; needs the page map"
    return str(domain.stranded_gap or f"stranded memory of {domain.name}: no method could be used")


def _hidden_limit(domain: DomainFacts) -> int:
    maximum = 0 if isinstance(domain.memory_max_bytes, Missing) else domain.memory_max_bytes
    return max(HIDDEN_BYTES, int(maximum * HIDDEN_SHARE))


def _confidence(readings: tuple[StrandedReading, ...], best: StrandedReading) -> float:
    others = [reading for reading in readings if reading is not best]
    if any(not _agree(best, other) for other in others):
        return LIKELY
    confirms = any(other.error_bytes <= CONFIRMING_SHARE * best.bytes for other in others)
    return PROVEN if best.method == "page-map" or confirms else LIKELY


def _decisive_first(
    readings: tuple[StrandedReading, ...], best: StrandedReading
) -> tuple[StrandedReading, ...]:
    return (best, *(reading for reading in readings if reading is not best))


def _agree(one: StrandedReading, other: StrandedReading) -> bool:
    gap = abs(one.bytes - other.bytes)
    return gap <= max(one.error_bytes + other.error_bytes, AGREEMENT_SHARE * max(one.bytes, other.bytes))


def _shown(reading: StrandedReading) -> str:
    error = f" ± {human_bytes(reading.error_bytes)}" if reading.error_bytes else ""
    return f"{human_bytes(reading.bytes)}{error}"


def _summary(domain: DomainFacts, reading: StrandedReading) -> str:
    given_up = _given_up(domain)
    amount = human_bytes(reading.bytes)
    if given_up is None or given_up < reading.bytes:
        return f"{amount} of {domain.name}'s memory is allocated and mapped by nobody"
    taken = human_bytes(given_up)
    return f"the balloon took {taken} from {domain.name}, and the host did not get {amount} of it back"


def _given_up(domain: DomainFacts) -> int | None:
    if isinstance(domain.memory_max_bytes, Missing) or isinstance(domain.balloon_actual_bytes, Missing):
        return None
    return domain.memory_max_bytes - domain.balloon_actual_bytes


def _proof(domain: DomainFacts, readings: tuple[StrandedReading, ...]) -> Iterator[Because]:
    if not isinstance(domain.balloon_actual_bytes, Missing) and not isinstance(
        domain.memory_max_bytes, Missing
    ):
        actual, maximum = human_bytes(domain.balloon_actual_bytes), human_bytes(domain.memory_max_bytes)
        yield because(f"actual {actual}, maximum {maximum}", "libvirt")
    if not isinstance(domain.rss_bytes, Missing):
        yield because(f"RSS {human_bytes(domain.rss_bytes)}", f"proc/{domain.pid}/status")
    for reading in readings:
        blocks = "" if reading.blocks is None else f" in {reading.blocks:,} huge pages partly mapped"
        yield because(f"{_shown(reading)} allocated and mapped by nobody{blocks}", reading.method)
    first = readings[0]
    for other in readings[1:]:
        if not _agree(first, other):
            text = (
                f"{first.method} and {other.method} differ by {human_bytes(abs(first.bytes - other.bytes))}"
            )
            yield because(f"{text}, more than their errors", first.method)


CAUSE = Cause(
    id=ID,
    title="The balloon took memory and the host did not get it back",
    is_essential=True,
    judged="living",
    examine=examine,
)
