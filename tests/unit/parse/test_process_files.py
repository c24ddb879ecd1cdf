"""Files of one process and its groups: status, stat, limits, cgroup, mounts, ps, Proxmox's configuration."""

from __future__ import annotations

import pytest

from kvmedic.errors import ParseError
from kvmedic.parse.cgroup import parse_cgroup_counters, parse_cgroup_limit, parse_process_cgroup
from kvmedic.parse.mounts import parse_memory_mounts
from kvmedic.parse.process_kinds import parse_process_kinds
from kvmedic.parse.process_limits import parse_process_limits
from kvmedic.parse.process_status import parse_process_stat, parse_process_status
from kvmedic.parse.ps import parse_ps, parse_ps_groups
from kvmedic.parse.pve_conf import parse_pve_conf, safe_pve_conf


def test_a_zombie_has_no_sizes() -> None:
    found = parse_process_status("Name:\tqemu-system-x86\nState:\tZ (zombie)\nThreads:\t1\n", "x")
    assert (found.state, found.rss_bytes, found.locked_bytes) == ("Z", None, None)


def test_a_name_with_brackets_and_blanks_does_not_shift_the_fields() -> None:
    fields = " ".join(str(number) for number in range(4, 52))
    found = parse_process_stat(f"42 (a) b (c) S {fields}\n", "x")
    assert (found.pid, found.name, found.state, found.start_ticks) == (42, "a) b (c", "S", 22)


def test_limits_are_the_soft_ones() -> None:
    text = """Limit                     Soft Limit           Hard Limit           Units
Max open files            1024                 524288               files
Max locked memory         8388608              unlimited            bytes
Max nice priority         0                    0
"""
    found = parse_process_limits(text, "x")
    assert found == {"Max open files": 1024, "Max locked memory": 8388608, "Max nice priority": 0}
    assert parse_process_limits("Max cpu time  unlimited  unlimited  seconds\n", "x") == {
        "Max cpu time": None
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0::/machine.slice/a.scope\n", {"": "/machine.slice/a.scope"}),
        ("4:memory:/m\n0::/u\n", {"memory": "/m", "": "/u"}),
        ("3:cpu,cpuacct:/a:b\n", {"cpu": "/a:b", "cpuacct": "/a:b"}),
    ],
)
def test_groups_of_both_versions_are_read(text: str, expected: dict[str, str]) -> None:
    assert parse_process_cgroup(text, "x") == expected


@pytest.mark.parametrize(
    ("text", "expected"), [("max\n", None), ("9223372036854771712\n", None), ("4096\n", 4096), ("0\n", 0)]
)
def test_limits_of_groups_know_unlimited(text: str, expected: int | None) -> None:
    assert parse_cgroup_limit(text, "x") == expected


def test_counters_keep_names_nobody_knows() -> None:
    assert parse_cgroup_counters("anon 5\nfrom_the_future 7\n", "x") == {"anon": 5, "from_the_future": 7}


def test_in_hybrid_mode_the_memory_is_where_its_controller_is() -> None:
    text = (
        "cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\ncgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n"
    )
    found = parse_memory_mounts(text, "x")
    assert (found.cgroup_version, found.directory) == (1, "sys/fs/cgroup/memory")


def test_mounts_of_hugetlbfs_tell_their_page_size() -> None:
    text = """cgroup2 /sys/fs/cgroup cgroup2 rw 0 0
hugetlbfs /dev/huge\\040pages hugetlbfs rw,pagesize=1024M 0 0
none /mnt/h hugetlbfs rw 0 0
"""
    found = parse_memory_mounts(text, "x")
    assert found.cgroup_version == 2
    assert found.hugetlbfs == {"/dev/huge pages": 1 << 30, "/mnt/h": None}


def test_ps_names_its_own_columns_and_threads_are_passed_over() -> None:
    text = """USER         PID %CPU %MEM    VSZ   RSS TTY      STAT START   TIME COMMAND
root          71  0.0  2.0 900000 61000 ?        Sl   10:00   1:00 /usr/bin/kvm -id 101 -name web -m 512
root           -  0.0    -      -     - -        Sl   10:00   0:00 -
"""
    (row,) = parse_ps(text, "x")
    assert (row.pid, row.state, row.rss_bytes) == (71, "S", 61000 * 1024)
    assert row.command == "/usr/bin/kvm -id 101 -name web -m 512"


def test_what_ps_complains_of_before_its_header_is_passed_over() -> None:
    text = "your 131072x1 screen size is bogus. expect trouble\n"
    (row,) = parse_ps(text + "PID RSS STAT COMMAND\n7 1 S kvm -m 512\n", "x")
    assert row.pid == 7
    assert list(parse_ps_groups(text + "PID CGROUP\n7 4:memory:/a\n", "x")) == [7]
    with pytest.raises(ParseError, match=r"x:1: .*bogus"):
        parse_ps(text * 9 + "PID RSS STAT COMMAND\n7 1 S kvm -m 512\n", "x")


def test_a_listing_with_threads_marks_states_that_it_does_not_tell() -> None:
    (row,) = parse_ps("PID RSS STAT COMMAND\n7 1 - kvm -m 512\n", "x")
    assert row.state is None


def test_the_groups_of_processes_stand_in_the_last_column_also_behind_names_with_blanks() -> None:
    text = (
        "    PID USER COMMAND         CGROUP\n"
        "      1 root systemd         12:cpu,cpuacct:/init.scope,3:memory:/init.scope\n"
        "     71 root tmux: server    3:memory:/machine/a,b,12:cpu,cpuacct:/machine/a,b\n"
        "     80 root kvm             0::/qemu.slice/101.scope\n"
        "      2 root kthreadd        -\n"
    )
    assert parse_ps_groups(text, "x") == {
        1: {"cpu": "/init.scope", "cpuacct": "/init.scope", "memory": "/init.scope"},
        71: {"memory": "/machine/a,b", "cpu": "/machine/a,b", "cpuacct": "/machine/a,b"},
        80: {"": "/qemu.slice/101.scope"},
    }
    with pytest.raises(ParseError):
        parse_ps_groups("PID COMMAND\n1 init\n", "x")


def test_kinds_of_processes_are_read() -> None:
    assert parse_process_kinds("7 qemu\n9 daemon libvirtd\n11 service\n", "x") == {
        7: "qemu", 9: "daemon libvirtd", 11: "service",
    }  # fmt: skip
    with pytest.raises(ParseError):
        parse_process_kinds("seven qemu\n", "x")


def test_proxmoxs_configuration_keeps_only_what_is_safe() -> None:
    text = (
        "#password: hunter2\nmemory: 4096\nballoon: 2048\ncipassword: hunter2\nargs: -fw_cfg hunter2\n"
        "hostpci0: 0000:01:00\nonboot: 1\n[snap]\nmemory: 1\n"
    )
    assert parse_pve_conf(text, "x") == {"memory": "4096", "balloon": "2048", "hostpci0": "", "onboot": "1"}
    assert "hunter2" not in safe_pve_conf(text, "x")
    assert parse_pve_conf(safe_pve_conf(text, "x"), "x") == parse_pve_conf(text, "x")
