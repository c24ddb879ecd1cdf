"""khugepaged fills the holes of the balloon again; libvirt never knows."""

from __future__ import annotations

from kvmedic.lab.domain_xml import GuestWish
from kvmedic.lab.scenario import Scenario
from kvmedic.lab.stage import Stage

KHUGEPAGED = "/sys/kernel/mm/transparent_hugepage/khugepaged"


def bring_about(stage: Stage) -> None:
    """Inflate in a fragmented guest, then let khugepaged run without pauses."""
    guest = stage.lively("shop-03", GuestWish(memory_mib=512, orders=("punch 320",)))
    guest.set_balloon(stage.pick(370, 390), timeout_s=200)
    stage.sh(f"echo 0 > {KHUGEPAGED}/scan_sleep_millisecs; echo 100000 > {KHUGEPAGED}/pages_to_scan")
    stage.on_clear(f"echo 10000 > {KHUGEPAGED}/scan_sleep_millisecs; echo 4096 > {KHUGEPAGED}/pages_to_scan")
    stage.sleep(30)


SCENARIO = Scenario(
    id="undone",
    title="khugepaged fills the balloon again",
    bench="plain",
    seconds=130,
    bring_about=bring_about,
    ends_host=False,
    needs_full_record=True,
    proof_in="state",
    is_incident=False,
)
