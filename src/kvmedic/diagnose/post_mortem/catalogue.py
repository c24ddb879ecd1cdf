"""Which post-mortem rule belongs to which cause: joined by the cause's permanent id.

Rules of a living host stand in diagnose/causes, those of a past failure here, one file for each cause and
the same name in both.
"""

from __future__ import annotations

from collections.abc import Mapping

from kvmedic.diagnose.catalogue import CAUSES
from kvmedic.diagnose.post_mortem import (
    atomic_reserve_low,
    backup_job,
    balloon_ineffective,
    balloon_over_inflated,
    cgroup_memory_limit,
    colocated_service_memory,
    dirty_writeback_stall,
    guest_internal,
    guest_paused,
    hardware_memory_error,
    host_cpu_overcommitted,
    host_fenced,
    host_memory_exhausted,
    host_memory_overcommitted,
    host_panic,
    host_reset_unlogged,
    hugepages_exhausted,
    hypervisor_daemon_hung,
    kernel_bug,
    kernel_memory_growth,
    limit_exhausted,
    management_daemon_leak,
    manual_oom,
    memory_fragmented,
    numa_node_exhausted,
    qemu_crash,
    qemu_killed,
    qemu_memory_growth,
    reclaim_stall,
    soft_lockup,
    split_lock_throttled,
    storage_full,
    storage_stall,
    swap_thrashing,
    thp_compaction_stall,
    unexplained,
    userspace_oom_killer,
)
from kvmedic.model.case import Explain
from kvmedic.model.finding import Cause

EXPLANATIONS: Mapping[str, Explain] = {
    module.ID: module.explain
    for module in (
        atomic_reserve_low,
        backup_job,
        balloon_ineffective,
        balloon_over_inflated,
        cgroup_memory_limit,
        colocated_service_memory,
        dirty_writeback_stall,
        guest_internal,
        guest_paused,
        hardware_memory_error,
        host_cpu_overcommitted,
        host_fenced,
        host_memory_exhausted,
        host_memory_overcommitted,
        host_panic,
        host_reset_unlogged,
        hugepages_exhausted,
        hypervisor_daemon_hung,
        kernel_bug,
        kernel_memory_growth,
        limit_exhausted,
        management_daemon_leak,
        manual_oom,
        memory_fragmented,
        numa_node_exhausted,
        qemu_crash,
        qemu_killed,
        qemu_memory_growth,
        reclaim_stall,
        soft_lockup,
        split_lock_throttled,
        storage_full,
        storage_stall,
        swap_thrashing,
        thp_compaction_stall,
        unexplained,
        userspace_oom_killer,
    )
}
EXPLAINED: tuple[tuple[Cause, Explain], ...] = tuple(
    (cause, EXPLANATIONS[cause.id]) for cause in CAUSES if cause.id in EXPLANATIONS
)
"""Every cause that a past failure can show, in the order of the catalogue: causes before effects."""
