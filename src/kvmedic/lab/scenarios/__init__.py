"""The scenarios of the lab: one file each, all named here."""

from __future__ import annotations

from collections.abc import Mapping

from kvmedic.lab.scenario import Scenario
from kvmedic.lab.scenarios import (
    clean_shutdown,
    corrected_error,
    daemon_hung,
    deflate_oom,
    fragmented,
    guest_oom,
    hard_reset,
    host_crash,
    hugepages,
    hugetlb,
    hwpoison,
    machine_check,
    manual_oom,
    memcg,
    memory_high,
    nofile_limit,
    numa,
    oom_overcommit,
    over_inflated,
    panic,
    pids_limit,
    qemu_crash,
    qemu_killed,
    service_oom,
    soft_lockup,
    storage_full,
    storage_stall,
    swap_thrash,
    watchdog_reset,
)

SCENARIOS: Mapping[str, Scenario] = {
    module.SCENARIO.id: module.SCENARIO
    for module in (
        clean_shutdown,
        corrected_error,
        daemon_hung,
        deflate_oom,
        fragmented,
        guest_oom,
        hard_reset,
        host_crash,
        hugepages,
        hugetlb,
        hwpoison,
        machine_check,
        manual_oom,
        memcg,
        memory_high,
        nofile_limit,
        numa,
        oom_overcommit,
        over_inflated,
        panic,
        pids_limit,
        qemu_crash,
        qemu_killed,
        service_oom,
        soft_lockup,
        storage_full,
        storage_stall,
        swap_thrash,
        watchdog_reset,
    )
}
