"""What each remedy would give back, seen from the page map: bytes, and pageblocks that become wholly free.

A map sees where pages lie, not whether something pins them for long (VFIO, RDMA, get_user_pages), and not
which page cache is clean: hence ranges. Compaction moves movable pages within a zone, out of pageblocks
without unmovable pages (mm/compaction.c), so what it gathers is bounded zone by zone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from kvmedic.derive.block_kinds import KERNEL_USE, MOVABLE, QUESTIONS
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.page_map import DomainPages, Forecast, PageClass


class ZoneAnswers(NamedTuple):
    """A zone's answers to ``block_kinds.QUESTIONS``, and the half-widths of their errors."""

    totals: np.ndarray[tuple[int], np.dtype[np.float64]]
    errors: np.ndarray[tuple[int], np.dtype[np.float64]]

    def of(self, question: str) -> float:
        """The answer to one question."""
        return float(self.totals[QUESTIONS.index(question)])


NOT_FROM_SAMPLE = Missing(
    source="page map", reason=Reason.NOT_COLLECTED, detail="a sample cannot tell; a full map can"
)


class Forecaster(NamedTuple):
    """All that forecasts need: bytes by class (with errors), answers by zone, block size, domains' blocks.

    ``blocks_of_domain`` is None for a sampled map.
    """

    bytes_of: dict[PageClass, int]
    error_of: dict[PageClass, int]
    idle_cache_bytes: int
    zones: tuple[ZoneAnswers, ...]
    block_pages: int
    domains: tuple[DomainPages, ...]
    blocks_of_domain: tuple[int, ...] | None

    def all(self) -> tuple[Forecast, ...]:
        """A forecast for every remedy, and for each domain that could be moved away."""
        moves = (self.migrate(number) for number in range(len(self.domains)))
        return (self.release(), self.compact(), *moves, self.drop_cache(), self.reboot())

    def release(self) -> Forecast:
        """Every folio with stranded pages is split, and what nobody maps is freed."""
        stranded = self.bytes_of[PageClass.STRANDED]
        blocks = self._sum("release") if self.blocks_of_domain is not None else NOT_FROM_SAMPLE
        return Forecast(
            remedy="release-stranded-memory",
            domain=None,
            least_bytes=stranded,
            most_bytes=stranded,
            least_blocks=blocks,
            most_blocks=blocks,
            error_bytes=self.error_of[PageClass.STRANDED],
            basis="all pages of the domains' folios that nobody maps; they come back as holes among mapped",
        )

    def compact(self) -> Forecast:
        """Free pages are gathered by moving what can be moved; nothing more becomes free."""
        least = most = 0
        for zone in self.zones:
            empty = zone.of("empty")
            surely = zone.of("free_in_movable") // self.block_pages
            at_best = min(zone.of("free_anywhere") // self.block_pages, zone.of("without_unmovable"))
            least += int(max(0, surely - empty))
            most += int(max(0, at_best - empty))
        return Forecast(
            remedy="compact-memory",
            domain=None,
            least_bytes=0,
            most_bytes=0,
            least_blocks=min(least, most),
            most_blocks=most,
            error_bytes=self.error_of[PageClass.FREE],
            basis="frees nothing; gathers free pages within each zone, if nothing movable is pinned",
        )

    def migrate(self, number: int) -> Forecast:
        """One domain leaves: what it maps and strands becomes free (hugetlb pages go to their pool)."""
        domain = self.domains[number]
        mapped = domain.anonymous_bytes + domain.thp_bytes + domain.shmem_bytes
        stranded = 0 if isinstance(domain.stranded_bytes, Missing) else domain.stranded_bytes
        blocks = NOT_FROM_SAMPLE if self.blocks_of_domain is None else self.blocks_of_domain[number]
        return Forecast(
            remedy="migrate-domain",
            domain=domain.name,
            least_bytes=mapped + stranded,
            most_bytes=mapped + stranded,
            least_blocks=blocks,
            most_blocks=blocks,
            error_bytes=domain.resident_error_bytes + domain.error_bytes,
            basis="what its QEMU maps and strands; shared pages stay with the others",
        )

    def drop_cache(self) -> Forecast:
        """Page cache is dropped: at least what is neither mapped nor dirty, at most all of it."""
        return Forecast(
            remedy="drop-page-cache",
            domain=None,
            least_bytes=self.idle_cache_bytes,
            most_bytes=self.bytes_of[PageClass.PAGE_CACHE],
            least_blocks=self._sum("drop_idle_cache"),
            most_blocks=self._sum("drop_cache"),
            error_bytes=self.error_of[PageClass.PAGE_CACHE],
            basis="clean, unmapped file pages surely; mapped and dirty ones at best; never shared memory",
        )

    def reboot(self) -> Forecast:
        """Everything begins anew: processes and caches surely, the kernel's own pages at best."""
        surely = sum(self.bytes_of[kind] for kind in MOVABLE)
        at_best = surely + sum(self.bytes_of[kind] for kind in KERNEL_USE)
        return Forecast(
            remedy="reboot-host",
            domain=None,
            least_bytes=surely,
            most_bytes=at_best,
            least_blocks=self._sum("reboot_surely"),
            most_blocks=self._sum("reboot_at_best"),
            error_bytes=max(self.error_of[kind] for kind in MOVABLE),
            basis="until the domains are started again; a booted kernel takes some of it back",
        )

    def _sum(self, question: str) -> int:
        return round(sum(zone.of(question) for zone in self.zones))
