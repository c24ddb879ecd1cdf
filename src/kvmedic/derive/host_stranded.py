"""Stranded memory of the whole host, from /proc/meminfo alone: no root, no cgroup, constant time.

The LRU lists count a folio whole, AnonPages counts its mapped pages only. So what is on the lists of
swap-backed memory and is neither mapped anonymous memory nor shmem belongs to folios of which pages were
discarded (MADV_DONTNEED, which is what a balloon does) while the folio itself stayed allocated.

What blurs the difference (fs/proc/meminfo.c, mm/vmstat.c, mm/swap.c):
- Pages in the swap cache that nobody maps are on the lists and not in AnonPages. Those that somebody maps
  are in both, so SwapCached is the most there can be of the former, and all of it is taken off: what is
  left is stranded for certain.
- Locked memory (mlock, shmem locked by SHM_LOCK) counts in AnonPages or Shmem, but is on the unevictable
  list, which meminfo does not split by kind. It hides as much stranded memory as it has anonymous pages, up
  to ``Unevictable``. A reading can be below 0 for that reason; then nothing is proven.
- Pages given to MADV_FREE, pages taken off the lists for migration, and statistics kept per CPU.
"""

from __future__ import annotations

from collections.abc import Mapping

from kvmedic.model.gap import Missing, Reason
from kvmedic.model.memory import Meminfo
from kvmedic.model.record import Record
from kvmedic.units import MIB, human_bytes

_SOURCE = "stranded memory of the host"
_NEEDED = ("Active(anon)", "Inactive(anon)", "AnonPages", "Shmem")

MEASURED_RESIDUE_BYTES = 16 * MIB
"""11 MiB were left after a complete release (measured with 264 MiB stranded); rounded up."""
LAGGING_STATISTICS = 4
"""The four statistics the method adds up; each lags on each CPU by itself."""
LARGEST_STATISTIC_LAG_PAGES = 125
"""mm/vmstat.c, calculate_normal_threshold: no CPU keeps more to itself before it tells."""

_ONLY_IN_KERNELS_THAT_CAN_LACK_MAPCOUNTS = "nr_free_pages_blocks"
"""A row of /proc/vmstat that came with the release that brought CONFIG_NO_PAGE_MAPCOUNT (6.15)."""


class StrandedRange(Record, frozen=True, kw_only=True):
    """What the accounting proves: at least ``low_bytes`` are stranded, at most ``high_bytes``.

    Both may be below 0; nothing below ``floor_bytes`` means anything.
    """

    low_bytes: int
    high_bytes: int
    floor_bytes: int

    @property
    def proven_bytes(self) -> int:
        """``low_bytes``, or 0 where that is not above the floor."""
        return self.low_bytes if self.low_bytes > self.floor_bytes else 0


def stranded_floor_bytes(cpus: int, page_size_bytes: int) -> int:
    """The largest reading that means nothing on a host of ``cpus`` CPUs.

    Four statistics, each of which every CPU may keep up to 125 pages of to itself (for the node it works on;
    each second it tells), and the residue measured after a complete release.
    """
    lag_pages = LAGGING_STATISTICS * LARGEST_STATISTIC_LAG_PAGES * cpus
    return MEASURED_RESIDUE_BYTES + lag_pages * page_size_bytes


def derive_stranded_range(
    meminfo: Meminfo | Missing, cpus: int, page_size_bytes: int
) -> StrandedRange | Missing:
    """The bounds of the host's stranded memory; a gap where meminfo lacks one of its terms."""
    if isinstance(meminfo, Missing):
        return meminfo
    if lacking := [key for key in _NEEDED if meminfo.get(key) is None]:
        return Missing(
            source=_SOURCE, reason=Reason.NOT_FOUND, detail=f"{meminfo.source} lacks {', '.join(lacking)}"
        )
    on_lists = meminfo["Active(anon)"] + meminfo["Inactive(anon)"]
    reading = on_lists - meminfo["AnonPages"] - meminfo["Shmem"]
    return StrandedRange(
        low_bytes=reading - (meminfo.get("SwapCached") or 0),
        high_bytes=reading + (meminfo.get("Unevictable") or 0),
        floor_bytes=stranded_floor_bytes(cpus, page_size_bytes),
    )


def mapcount_gap(
    configuration: Mapping[str, str] | Missing, vmstat: Mapping[str, int] | Missing
) -> Missing | None:
    """Why AnonPages cannot be trusted to count mapped pages; None where it can.

    A kernel with CONFIG_NO_PAGE_MAPCOUNT counts whole folios there. Where the configuration was not read,
    only kernels old enough never to have had the option are trusted.
    """
    if not isinstance(configuration, Missing):
        is_without = configuration.get("CONFIG_NO_PAGE_MAPCOUNT") == "y"
        return _unsupported("the kernel is built with NO_PAGE_MAPCOUNT") if is_without else None
    if not isinstance(vmstat, Missing) and _ONLY_IN_KERNELS_THAT_CAN_LACK_MAPCOUNTS not in vmstat:
        return None
    return _unsupported("the kernel may be built with NO_PAGE_MAPCOUNT; its configuration was not read")


def hidden_gap(stranded: StrandedRange | Missing) -> Missing | None:
    """The note that nothing is proven, yet up to ``high_bytes`` may be stranded; else None."""
    if isinstance(stranded, Missing) or stranded.proven_bytes or stranded.high_bytes <= stranded.floor_bytes:
        return None
    could_be = f"up to {human_bytes(stranded.high_bytes)}"
    return _unsupported(f"locked memory or the swap cache may hide {could_be}; the page map would show it")


def _unsupported(detail: str) -> Missing:
    return Missing(source=_SOURCE, reason=Reason.UNSUPPORTED, detail=detail)
