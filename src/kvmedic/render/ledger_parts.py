"""The parts of the host's memory ledger that add up to its total, in the order in which they are shown."""

from __future__ import annotations

LEDGER_PARTS = (
    "guests_rss_bytes",
    "stranded_bytes",
    "anonymous_other_bytes",
    "hugetlb_bytes",
    "page_cache_bytes",
    "shmem_bytes",
    "slab_bytes",
    "kernel_bytes",
    "unaccounted_bytes",
    "free_bytes",
)
