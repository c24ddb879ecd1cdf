"""Marks of a host: who else sets a setting, who balloons by himself, what never yields a CPU."""

from __future__ import annotations

from pathlib import Path

import pytest

from kvmedic.adapters.host_marks import read_marks
from kvmedic.adapters.rt_tasks import realtime_tasks_on_isolated_cpus


def put(root: Path, path: str, text: str = "") -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def task(root: Path, pid: int, name: str, *, cpu: int, policy: int, flags: int = 0) -> None:
    """A task as /proc/PID/task/TID/stat shows it (proc(5): fields 9, 39 and 41)."""
    fields = ["0"] * 50
    fields[2], fields[8], fields[38], fields[40] = "R", str(flags), str(cpu), str(policy)
    put(root, f"proc/{pid}/task/{pid}/stat", f"{pid} ({name}) {' '.join(fields[2:])}\n")


def test_files_that_set_a_key_are_its_owners_and_an_earlier_folder_hides_a_later_one(tmp_path: Path) -> None:
    put(tmp_path, "etc/sysctl.d/50-site.conf", "# vm.swappiness = 1\n-vm/min_free_kbytes = 90000\n")
    put(tmp_path, "usr/lib/sysctl.d/50-site.conf", "vm.defrag_mode = 0\n")
    put(tmp_path, "etc/sysctl.d/90-kvmedic.conf", "vm.defrag_mode = 1\n")
    put(tmp_path, "etc/tmpfiles.d/thp.conf", "w /sys/kernel/mm/transparent_hugepage/x - - - - 0\n")
    marks = read_marks(tmp_path)

    assert marks.owners_of("vm.min_free_kbytes") == ("/etc/sysctl.d/50-site.conf",)
    assert marks.owners_of("vm.defrag_mode") == ()
    assert marks.owners_of("vm.swappiness") == ()
    assert marks.owners_of("sys/kernel/mm/transparent_hugepage/x") == ("/etc/tmpfiles.d/thp.conf",)


def test_tuned_managers_ballooners_and_guardians_are_seen(tmp_path: Path) -> None:
    put(tmp_path, "etc/tuned/active_profile", "virtual-host\n")
    put(tmp_path, "etc/salt/minion")
    put(tmp_path, "etc/ceph/ceph.conf")
    put(tmp_path, "proc/77/comm", "pvestatd\n")
    marks = read_marks(tmp_path)

    assert marks.tuned_profile == "virtual-host"
    assert marks.configuration_managers == ("salt (/etc/salt/minion)",)
    assert marks.auto_ballooners == ("pvestatd (Proxmox)",)
    assert marks.questions == {"ceph-noout-set": "/etc/ceph/ceph.conf"}


def test_an_empty_host_bears_no_marks(tmp_path: Path) -> None:
    marks = read_marks(tmp_path)

    assert marks.setting_owners == marks.configuration_managers == marks.auto_ballooners == ()
    assert marks.tuned_profile is None


@pytest.mark.parametrize(
    ("task_of", "expected"),
    [
        ({"cpu": 3, "policy": 1}, ("pmd (1) (77) on CPU 3",)),
        ({"cpu": 3, "policy": 2}, ("pmd (1) (77) on CPU 3",)),
        ({"cpu": 3, "policy": 0}, ()),
        ({"cpu": 1, "policy": 1}, ()),
        ({"cpu": 3, "policy": 1, "flags": 0x00200000}, ()),
    ],
    ids=["fifo", "round robin", "ordinary", "housekeeping cpu", "kernel thread"],
)
def test_realtime_tasks_of_user_space_on_isolated_cpus_are_told(
    tmp_path: Path, task_of: dict[str, int], expected: tuple[str, ...]
) -> None:
    for cpu in range(4):
        (tmp_path / f"sys/devices/system/cpu/cpu{cpu}").mkdir(parents=True)
    put(tmp_path, "sys/devices/system/cpu/isolated", "2-3\n")
    task(tmp_path, 77, "pmd (1)", **task_of)

    assert realtime_tasks_on_isolated_cpus(tmp_path) == expected


def test_this_host_can_be_read() -> None:
    assert read_marks().realtime_tasks is not None
