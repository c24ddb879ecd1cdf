"""The reading list: what acts when read, or holds secrets, is never on it."""

from __future__ import annotations

import pytest

from kvmedic.model import reading_list
from kvmedic.model.reading_list import (
    CAPTURED,
    LOGS,
    SOSREPORT,
    is_captured,
    is_log,
    is_wanted,
    may_hold,
)

NEVER = (
    *("proc/sys/vm/stat_refresh", "proc/sys/vm/drop_caches", "proc/sys/vm/compact_memory", "proc/kcore"),
    *("proc/1/environ", "proc/1/cmdline", "proc/1/mem", "proc/1/maps", "proc/1/pagemap", "proc/kpageflags"),
    *(
        "etc/shadow",
        "etc/libvirt/secrets/a.xml",
        "etc/libvirt/qemu.conf",
        "var/lib/libvirt/qemu/a/master-key.aes",
    ),
    *(
        "sys/fs/cgroup/a/memory.reclaim",
        "sys/fs/cgroup/a/cgroup.kill",
        "root/.ssh/id_ed25519",
        "proc/sysrq-trigger",
    ),
    *("../proc/vmstat", "/proc/vmstat", "proc/vmstat\n", "proc/pressure/../../etc/shadow"),
)


@pytest.mark.parametrize("path", NEVER)
def test_what_acts_or_tells_secrets_is_on_no_list(path: str) -> None:
    assert not is_captured(path)
    assert not is_wanted(path)


@pytest.mark.parametrize(
    "path",
    [
        "proc/buddyinfo",
        "proc/4321/status",
        "sys/devices/system/node/node7/meminfo",
        "sys/fs/cgroup/machine.slice/a.scope/memory.events",
        "sys/fs/cgroup/memory/machine/qemu-1-a.libvirt-qemu/memory.failcnt",
        "sos_commands/virsh/virsh_-r_dumpxml_web-01",
        "run/libvirt/qemu/my guest.xml",
        "kvmedic/process/4321/stack",
    ],
)
def test_what_the_rules_read_is_on_the_list(path: str) -> None:
    assert is_captured(path)
    assert is_wanted(path)


def test_what_virsh_tells_of_storage_and_networks_is_never_in_a_bundle() -> None:
    for name in ("pool-dumpxml_ceph", "secret-list", "net-dumpxml_default", "nodedev-dumpxml_x"):
        assert not is_captured(f"sos_commands/virsh/virsh_-r_{name}")


@pytest.mark.parametrize(
    "path", ["var/log/kern.log.2.gz", "sys/fs/pstore/dmesg-erst-1", "var/log/libvirt/qemu/a.log"]
)
def test_logs_are_logs_and_no_files_of_evidence(path: str) -> None:
    assert is_log(path)
    assert not is_wanted(path)


def test_costly_files_are_not_among_the_cheap_ones() -> None:
    assert not set(reading_list.DEEP) & set(reading_list.HOST)
    assert set(reading_list.AGAIN) <= set(reading_list.HOST)
    assert set(reading_list.CGROUP_AGAIN) <= set(reading_list.CGROUP)


def test_no_directory_that_can_hold_evidence_is_passed_over() -> None:
    for pattern in (*CAPTURED, *SOSREPORT, *LOGS):
        words = pattern.replace("*", "x").split("/")[:-1]
        for depth in range(1, len(words) + 1):
            assert may_hold("/".join(words[:depth])), pattern
            assert may_hold("/".join(["kvmedic", "again", *words[:depth]])), pattern
    assert may_hold("sys/fs/cgroup/machine.slice/any/depth")
    assert may_hold("sys/fs/cgroup/memory/machine/any/depth")


@pytest.mark.parametrize(
    "directory",
    ["usr", "var/lib/docker", "sos_commands/networking", "proc/7/task", "sys/fs/cgroup/blkio/machine"],
)
def test_directories_without_evidence_are_passed_over(directory: str) -> None:
    assert not may_hold(directory)
