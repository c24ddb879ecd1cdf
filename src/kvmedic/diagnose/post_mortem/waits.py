"""What hung tasks waited for, told by the functions on their stacks (kernel/hung_task.c prints the stack).

The first kind whose words stand on a stack counts, in this order: a frozen file system holds everything
behind it, a cgroup's throttle and reclaim end in I/O too, so plain I/O comes last.
"""

from __future__ import annotations

from collections import Counter
from typing import Literal

from kvmedic.diagnose.post_mortem.said import of_kind
from kvmedic.model.case import Case, Happening
from kvmedic.model.log_event import HungTask

Wait = Literal["frozen", "cgroup", "compaction", "reclaim", "swap", "dirty", "storage", "lock", "unknown"]
_WORDS: tuple[tuple[Wait, tuple[str, ...]], ...] = (
    ("frozen", ("sb_start_write", "freeze_super", "sb_wait_write", "percpu_rwsem_wait", "mnt_want_write")),
    ("cgroup", ("mem_cgroup_handle_over_high", "mem_cgroup_oom", "mem_cgroup_reclaim", "try_charge")),
    (
        "compaction",
        ("compact_zone", "direct_compact", "isolate_migratepages", "khugepaged_alloc", "collapse_huge"),
    ),
    (
        "reclaim",
        (
            "shrink_",
            "try_to_free_pages",
            "throttle_direct_reclaim",
            "reclaim_throttle",
            "alloc_pages_slowpath",
        ),
    ),
    ("swap", ("do_swap_page", "swapin_readahead", "swap_readpage", "swap_read_folio", "read_swap_cache")),
    ("dirty", ("balance_dirty_pages", "wb_wait_for_completion", "sync_inodes_sb")),
    (
        "storage",
        (
            *("io_schedule", "jbd2", "xfs_", "ext4_", "nfs", "rpc_", "blk_", "bio_", "rbd", "ceph", "fuse_"),
            *("btrfs", "md_", "raid", "dm_", "zio_", "txg_", "cv_wait", "wait_on_buffer", "bit_wait_io"),
            *(
                "folio_wait",
                "wait_on_page",
                "__lock_page",
                "submit_bio",
                "scsi_",
                "nvme",
                "cifs",
                "gfs2",
                "ocfs2",
            ),
        ),
    ),
)

_LOCKS = ("mutex_lock", "rwsem_down", "__down", "down_write", "down_read", "rwbase", "rtlock", "rt_mutex")
"""A lock that another task holds, with nothing of storage or memory on the stack: for what is not told."""


def wait_of(task: HungTask) -> Wait:
    """What one hung task waited for."""
    stack = " ".join(task.call_trace)
    if task.task.comm == "khugepaged" and not any(word in stack for word in ("io_schedule", "shrink_")):
        return "compaction"
    for wait, words in _WORDS:
        if any(word in stack for word in words):
            return wait
    return "lock" if any(word in stack for word in _LOCKS) else "unknown"


def hung_tasks(case: Case, *waits: Wait) -> list[tuple[Happening, HungTask]]:
    """The hung tasks of the scene that waited for one of ``waits``."""
    return [(happening, task) for happening, task in of_kind(case.scene, HungTask) if wait_of(task) in waits]


def main_wait(case: Case) -> Wait | None:
    """What most hung tasks of the scene waited for; None where none hung."""
    counts = Counter(wait_of(task) for _, task in of_kind(case.scene, HungTask))
    known = [wait for wait in counts if wait not in ("unknown", "lock")] or list(counts)
    return max(known, key=lambda wait: counts[wait], default=None)


def waiting_words(tasks: list[tuple[Happening, HungTask]]) -> str:
    """How many tasks hung, for how long, and the first of their names."""
    names = list(dict.fromkeys(task.task.comm or "a task" for _, task in tasks))
    longest = max(task.blocked_s for _, task in tasks)
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    verb = "hung" if len(tasks) > 1 else "hung once"
    return f"{', '.join(names[:3])}{more} {verb} for {longest} s or longer"
