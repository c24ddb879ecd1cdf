"""The test beds: they come up, do what they promise, and leave nothing behind, even when killed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kvmedic.errors import ActionError, OutcomeUnknownError, UsageError
from kvmedic.lab.bed import Bed
from kvmedic.lab.cleanup import clean, clean_named, processes_of, remains_of
from kvmedic.lab.domain_xml import GuestWish
from kvmedic.lab.guest import Guest, start_guest
from kvmedic.lab.ledger import Ledger, all_ledgers, start_ticks
from kvmedic.lab.libvirt_host import LibvirtHost
from kvmedic.lab.nested_host import NestedHost
from kvmedic.lab.nested_qemu import NestedWish

pytestmark = pytest.mark.live

BALLOON_BYTES = 264 << 20


def lru_account(stat_text: str) -> int:
    """Whole folios on the anonymous lists less mapped pages (``rss`` of v1, ``anon`` of v2)."""
    stat = {key: int(value) for key, value in map(str.split, stat_text.splitlines())}
    mapped = stat["rss"] if "rss" in stat else stat["anon"]
    return stat["active_anon"] + stat["inactive_anon"] - mapped - stat["shmem"]


def stranded_bytes(host: LibvirtHost, guest: Guest) -> int:
    group = next(Path("/sys/fs/cgroup").glob(f"**{host.partition}.partition/*{guest.name}.libvirt-qemu"))
    return lru_account((group / "memory.stat").read_text())


def test_the_private_libvirt_is_reached_from_inside_and_from_outside(libvirt_host: LibvirtHost) -> None:
    outside = subprocess.run(
        ["virsh", "-r", "-c", libvirt_host.read_only_uri, "capabilities"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert libvirt_host.host_uuid in libvirt_host.virsh("capabilities")
    assert libvirt_host.host_uuid in outside.stdout


def test_a_fragmented_guest_strands_what_its_balloon_takes(
    libvirt_host: LibvirtHost, fragmented_guest: Guest
) -> None:
    assert stranded_bytes(libvirt_host, fragmented_guest) == pytest.approx(BALLOON_BYTES, rel=0.02)


def test_a_contiguous_guest_gives_it_back(libvirt_host: LibvirtHost, contiguous_guest: Guest) -> None:
    assert stranded_bytes(libvirt_host, contiguous_guest) < BALLOON_BYTES * 0.05


def test_a_guest_without_the_driver_accepts_a_target_and_never_gets_there(driverless_guest: Guest) -> None:
    with pytest.raises(OutcomeUnknownError, match="is at 512 MiB, not at 400 MiB"):
        driverless_guest.set_balloon(400, timeout_s=3)

    assert driverless_guest.statistics().get("balloon.last-update", 0) == 0


def test_file_cache_is_charged_to_the_group_of_the_guest_that_reads(
    libvirt_host: LibvirtHost, cached_guest: Guest
) -> None:
    assert stranded_bytes(libvirt_host, cached_guest) == pytest.approx(BALLOON_BYTES, rel=0.02)


def test_shared_memory_is_not_stranded(libvirt_host: LibvirtHost, shared_memory_guest: Guest) -> None:
    assert stranded_bytes(libvirt_host, shared_memory_guest) < BALLOON_BYTES * 0.05


def test_a_balloon_on_hugetlb_returns_nothing_to_the_pool(hugetlb_guest: Guest) -> None:
    free = Path("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages")

    assert hugetlb_guest.actual_bytes() == 128 << 20
    assert int(free.read_text()) < 64


def test_a_guest_answers_and_reports_failure(fragmented_guest: Guest) -> None:
    assert fragmented_guest.agent.ask("sh echo one; echo two; exit 3").lines == ("one", "two")
    assert fragmented_guest.agent.ask("sh exit 3").status == 3
    with pytest.raises(ActionError, match="Function not implemented"):
        fragmented_guest.agent.ask_or_fail("dance")


def test_a_closed_bed_leaves_nothing_behind() -> None:
    bed = Bed()
    host = LibvirtHost(bed)
    start_guest(host, "short", GuestWish(memory_mib=256))
    assert len(processes_of(bed.ledger)) >= 4

    bed.close()

    assert remains_of(bed.ledger) == []


@pytest.mark.parametrize("after_s", [0.05, 0.15, 0.3, 0.5, 0.8, 2.0])
def test_a_killed_owner_leaves_nothing_behind_after_clean_up(after_s: float) -> None:
    owner = subprocess.Popen([sys.executable, "-m", "kvmedic.lab.try_guest", "--memory", "256"])
    ledger = wait_for_bed_of(owner.pid)
    time.sleep(after_s)
    owner.kill()
    owner.wait()

    clean(ledger)

    assert remains_of(ledger) == []


def wait_for_bed_of(pid: int) -> Ledger:
    while True:
        for ledger in all_ledgers():
            if any(entry["owner"] == pid for entry in ledger.entries("bed")):
                return ledger
        time.sleep(0.01)


def test_a_bed_in_use_is_not_cleaned_by_its_name() -> None:
    with Bed() as bed:
        with pytest.raises(UsageError, match=f"in use by process {os.getpid()}"):
            clean_named(bed.ledger.bed_id)

        assert bed.folder.exists()


def test_clean_up_spares_a_stranger_that_got_the_pid_of_a_dead_process() -> None:
    with subprocess.Popen(["sleep", "60"]) as stranger:
        with Bed() as bed:
            bed.ledger.note("process", pid=stranger.pid, start=(start_ticks(stranger.pid) or 0) + 1)

        assert stranger.poll() is None
        stranger.kill()


def test_clean_up_removes_no_folder_outside_the_temporary_folder(tmp_path: Path) -> None:
    with Bed() as bed:
        bed.ledger.note("folder", path=str(tmp_path))

    assert tmp_path.exists()


def test_a_changed_setting_is_put_back_unless_somebody_else_has_changed_it(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    ours.write_text("1\n")
    theirs.write_text("1\n")
    with Bed() as bed:
        bed.change_setting(ours, "2")
        bed.change_setting(theirs, "2")
        theirs.write_text("3")

    assert (ours.read_text(), theirs.read_text()) == ("1", "3")


def test_a_nested_host_has_a_kernel_and_cgroups_of_its_own(nested_host: NestedHost) -> None:
    done = nested_host.run("uname -r; stat -fc %T /sys/fs/cgroup; echo why >&2; exit 7")

    assert done.stdout.split() == [nested_host.kernel.release, "cgroup2fs"]
    assert (done.stderr, done.returncode) == ("why\n", 7)


def test_a_nested_guest_strands_what_its_balloon_takes(nested_host: NestedHost, nested_guest: Guest) -> None:
    group = f"/sys/fs/cgroup/machine/*{nested_guest.name}*/memory.stat"

    assert lru_account(nested_host.run_or_fail(f"cat {group}")) == pytest.approx(BALLOON_BYTES, rel=0.1)


def test_a_command_that_hangs_is_ended_and_the_host_answers_on(nested_host: NestedHost) -> None:
    assert nested_host.run("sleep 60", timeout_s=1).returncode == 124
    assert nested_host.run_or_fail("echo here") == "here\n"


def test_a_nested_host_comes_back_from_a_panic_and_from_the_power_button() -> None:
    with Bed() as bed:
        host = NestedHost(bed, NestedWish(memory_mib=1024, has_libvirt=False))
        host.wait_until_up()
        first = host.boot_id()
        host.run("(sleep 1; echo c > /proc/sysrq-trigger) >/dev/null 2>&1 &")
        host.wait_until_up(since_boot_id=first)
        second = host.boot_id()
        host.reset()
        host.wait_until_up(since_boot_id=second)

        assert len({first, second, host.boot_id()}) == 3
        assert "Kernel panic - not syncing: sysrq triggered crash" in host.console()
    assert remains_of(bed.ledger) == []
