"""khugepaged fills the holes of the balloon again; libvirt never knows."""

from __future__ import annotations

from kvmedic.lab.domain_xml import GuestWish
from kvmedic.lab.scenario import Scenario
from kvmedic.lab.stage import Stage

KHUGEPAGED = "/sys/kernel/mm/transparent_hugepage/khugepaged"
LONGEST_S = 120.0


def bring_about(stage: Stage) -> None:
    """Inflate in a fragmented guest, by more than QEMU itself may need; then khugepaged runs to its end."""
    guest = stage.lively("shop-03", GuestWish(memory_mib=1024, orders=("punch 840",)))
    guest.set_balloon(stage.pick(660, 640), timeout_s=300)
    stage.on_clear(f"echo 10000 > {KHUGEPAGED}/scan_sleep_millisecs; echo 4096 > {KHUGEPAGED}/pages_to_scan")
    let_khugepaged_run(stage)


def let_khugepaged_run(stage: Stage) -> None:
    """Let it scan without pauses until it has nothing more to fill (or for two minutes)."""
    stage.sh(f"echo 0 > {KHUGEPAGED}/scan_sleep_millisecs; echo 100000 > {KHUGEPAGED}/pages_to_scan")
    filled, waited_s = -1, 0.0
    while (now := _filled(stage)) != filled and waited_s < LONGEST_S:
        filled, waited_s = now, waited_s + 10
        stage.sleep(10)


def _filled(stage: Stage) -> int:
    """Huge pages that khugepaged has made since the boot."""
    return int(stage.sh("grep ^thp_collapse_alloc /proc/vmstat").split()[1])


SCENARIO = Scenario(
    id="undone",
    title="khugepaged fills the balloon again",
    bench="roomy",
    seconds=150,
    bring_about=bring_about,
    ends_host=False,
    needs_full_record=True,
    proof_in="state",
    is_incident=False,
)
