"""vmstat, pressure, swaps, slabinfo, extfrag, settings of one word and of one number."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_samples import DEBIAN, EL8, HERE, sample

from kvmedic.errors import ParseError
from kvmedic.model.memory import PressureLine, Swap
from kvmedic.parse.arcstats import parse_arcstats
from kvmedic.parse.cpu_list import count_of_list, parse_cpu_list
from kvmedic.parse.d_state import parse_d_state_tasks
from kvmedic.parse.extfrag import parse_extfrag
from kvmedic.parse.kernel_config import parse_kernel_config, unpack_kernel_config
from kvmedic.parse.kernel_identity import (
    parse_hypervisor_flag,
    parse_kernel_release,
    parse_libvirt_version,
)
from kvmedic.parse.number import parse_number
from kvmedic.parse.pressure import parse_pressure
from kvmedic.parse.slabinfo import parse_slabinfo
from kvmedic.parse.swaps import parse_swaps
from kvmedic.parse.sysctl import name_of_sysctl, parse_sysctl_listing, parse_sysctl_value
from kvmedic.parse.transparent_hugepage import parse_setting, size_of_directory
from kvmedic.parse.uptime import parse_load_output, parse_loadavg, parse_uptime, parse_uptime_output
from kvmedic.parse.vmstat import parse_vmstat


def test_vmstat_keeps_every_counter_by_name() -> None:
    vmstat = parse_vmstat(sample(HERE, "proc/vmstat"), "proc/vmstat")

    assert "nr_free_pages_blocks" in vmstat
    assert "nr_unstable" in vmstat


def test_a_counter_that_stands_twice_is_refused() -> None:
    with pytest.raises(ParseError, match="pgfault only once"):
        parse_vmstat("pgfault 1\npgfault 2\n", "proc/vmstat")


def test_pressure_is_percent_and_microseconds() -> None:
    pressure = parse_pressure(sample(EL8, "proc/pressure/memory"), "proc/pressure/memory")

    assert pressure.some == PressureLine(
        avg10_percent=0.12, avg60_percent=0.30, avg300_percent=1.02, total_us=81234567
    )


def test_cpu_pressure_of_old_kernels_has_no_full() -> None:
    assert parse_pressure(sample(EL8, "proc/pressure/cpu"), "proc/pressure/cpu").full is None


def test_a_pressure_row_of_another_kind_and_a_new_key_are_passed_over() -> None:
    text = "most avg1=1.00\nsome avg10=1.00 avg60=2.00 avg300=3.00 total=4 avg900=5.00\n"

    assert parse_pressure(text, "proc/pressure/memory").some.total_us == 4


def test_a_pressure_row_that_stands_twice_is_refused() -> None:
    row = "some avg10=1.00 avg60=2.00 avg300=3.00 total=4\n"
    with pytest.raises(ParseError, match="some only once"):
        parse_pressure(row + row, "proc/pressure/memory")


def test_swap_areas_come_in_bytes_and_names_without_escapes() -> None:
    swaps = parse_swaps(sample(EL8, "proc/swaps"), "proc/swaps")

    assert swaps == (
        Swap(name="/dev/dm-1", size_bytes=4194300 * 1024, used_bytes=2097152 * 1024, priority=-2),
        Swap(name="/var/swap file", size_bytes=4194304 * 1024, used_bytes=0, priority=10),
    )


def test_a_heading_alone_is_a_host_without_swap_and_nothing_at_all_is_refused() -> None:
    assert parse_swaps(sample(HERE, "proc/swaps"), "proc/swaps") == ()
    with pytest.raises(ParseError, match="Filename"):
        parse_swaps("", "proc/swaps")


def test_slab_memory_is_slabs_by_pages_by_page_size() -> None:
    text = (
        "slabinfo - version: 2.1\n"
        "# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables <limit> "
        "<batchcount> <sharedfactor> : slabdata <active_slabs> <num_slabs> <sharedavail>\n"
        "dentry(12:a b)  100  210  192  21  1 : tunables  0  0  0 : slabdata  9  10  0\n"
    )
    (slab,) = parse_slabinfo(text, "proc/slabinfo", 4096)

    assert (slab.name, slab.active_objects, slab.total_objects, slab.object_size_bytes, slab.total_bytes) == (
        "dentry(12:a b)",
        100,
        210,
        192,
        40960,
    )


def test_slabinfo_of_a_real_kernel_is_understood() -> None:
    slabs = {
        slab.name: slab for slab in parse_slabinfo(sample(DEBIAN, "proc/slabinfo"), "proc/slabinfo", 4096)
    }

    assert slabs["kmalloc-8k"].object_size_bytes == 8192


def test_extfrag_prints_negative_numbers_in_two_ways() -> None:
    (row,) = parse_extfrag(
        "Node 0, zone   Normal -1.000  0.-500  0.-05  0.000  0.967  1.000 \n", "extfrag_index"
    )

    assert row.thousandths == (-1000, -500, -5, 0, 967, 1000)


@given(st.lists(st.integers(-1000, 1000), min_size=1, max_size=14))
def test_every_index_the_kernel_prints_is_read_back(indices: list[int]) -> None:
    def printed(index: int) -> str:  # C divides towards zero, and the remainder takes the sign
        whole, rest = (abs(index) // 1000, abs(index) % 1000)
        sign = -1 if index < 0 else 1
        return f"{sign * whole:2d}.{sign * rest:03d} "

    row = "Node 3, zone   Normal " + "".join(printed(index) for index in indices)

    assert parse_extfrag(row, "extfrag_index")[0].thousandths == tuple(indices)


def test_a_setting_is_its_chosen_word_or_its_value() -> None:
    assert parse_setting("always [madvise] never\n", "enabled") == "madvise"
    assert parse_setting("511\n", "max_ptes_none") == "511"
    with pytest.raises(ParseError, match="one word in brackets"):
        parse_setting("[always] [never]\n", "enabled")


def test_the_size_in_a_directory_s_name_is_read_in_bytes() -> None:
    assert size_of_directory("hugepages-1048576kB") == 1024**3
    assert size_of_directory("khugepaged") is None


def test_a_number_may_be_negative_and_stands_alone() -> None:
    assert parse_number("-64\n", "general_profit") == -64
    with pytest.raises(ParseError, match="nothing after the first line"):
        parse_number("1\n2\n", "run")


def test_uptime_and_load_are_the_first_numbers() -> None:
    assert parse_uptime("904.62 1704.78\n", "proc/uptime") == 904.62
    assert parse_loadavg("0.06 0.09 0.08 3/94 2172\n", "proc/loadavg") == 0.06


def test_an_option_that_is_not_set_is_n_and_one_not_mentioned_is_unknown() -> None:
    options = parse_kernel_config('#\n# CONFIG_CMA is not set\nCONFIG_NUMA=y\nCONFIG_LSM="a=b"\n', "config")

    assert options == {"CONFIG_CMA": "n", "CONFIG_NUMA": "y", "CONFIG_LSM": '"a=b"'}


def test_a_packed_configuration_is_unpacked_within_bounds() -> None:
    assert unpack_kernel_config(gzip.compress(b"CONFIG_NUMA=y\n"), "config.gz") == "CONFIG_NUMA=y\n"
    with pytest.raises(ParseError, match="at most 8388608 bytes"):
        unpack_kernel_config(gzip.compress(bytes(9 * 1024**2)), "config.gz")


def test_sysctl_names_and_values_are_those_of_the_tool() -> None:
    assert name_of_sysctl("proc/sys/vm/lowmem_reserve_ratio") == "vm.lowmem_reserve_ratio"
    assert name_of_sysctl("proc/sys/net/ipv4/conf/eth0.5/forwarding") == "net.ipv4.conf.eth0/5.forwarding"
    assert parse_sysctl_value("256\t256\t32\n") == "256 256 32"
    assert parse_sysctl_listing("sysctl: reading key x: denied = no\nvm.swappiness = 60\n") == {
        "vm.swappiness": "60"
    }


def test_cpu_lists_are_counted() -> None:
    assert count_of_list(parse_cpu_list("0-3,8,10-11\n", "online")) == 7
    assert count_of_list(parse_cpu_list("\n", "cpulist")) == 0
    with pytest.raises(ParseError, match="a list such as"):
        parse_cpu_list("3-1\n", "online")


def test_tasks_in_d_state_keep_names_with_blanks() -> None:
    assert parse_d_state_tasks("12 CPU 0/KVM folio_wait_bit\n7 dd 0\n", "d_state") == ("CPU 0/KVM", "dd")
    assert parse_d_state_tasks("", "d_state") == ()
    with pytest.raises(ParseError, match="PID COMM WCHAN"):
        parse_d_state_tasks("12\n", "d_state")


def test_the_release_is_read_from_proc_version_and_from_uname() -> None:
    assert parse_kernel_release(sample(DEBIAN, "proc/version"), "proc/version") == "6.1.0-56-amd64"
    assert (
        parse_kernel_release("Linux kvm7 4.18.0-553.el8.x86_64 #1 SMP x86_64\n", "uname")
        == "4.18.0-553.el8.x86_64"
    )


def test_the_hypervisor_flag_tells_a_virtual_machine() -> None:
    assert parse_hypervisor_flag("processor : 0\nflags : fpu hypervisor\n", "proc/cpuinfo") is True
    assert parse_hypervisor_flag("flags : fpu vmx\n", "proc/cpuinfo") is False
    with pytest.raises(ParseError, match="flags"):
        parse_hypervisor_flag("processor : 0\nFeatures : fp asimd\n", "proc/cpuinfo")


def test_the_version_of_libvirt_is_the_library_s() -> None:
    printed = "Compiled against library: libvirt 9.0.0\nUsing library: libvirt 8.0.0\nUsing API: QEMU 8.0.0\n"

    assert parse_libvirt_version(printed, "virsh_-r_version") == "8.0.0"
    with pytest.raises(ParseError, match="Using library"):
        parse_libvirt_version("error: failed to connect\n", "virsh_-r_version")


@pytest.mark.parametrize(
    ("printed", "seconds", "load"),
    [
        (" 16:19:19 up 17:41,  2 users,  load average: 3.58, 3.27, 2.58\n", 17 * 3600 + 41 * 60, 3.58),
        (" 19:23:40 up 25 min,  1 user,  load average: 0.83, 0.73, 0.76\n", 25 * 60, 0.83),
        (
            " 10:00:00 up 83 days,  3:12,  0 users,  load average: 12.00, 1.00, 1.00\n",
            83 * 86400 + 11520,
            12.0,
        ),
        (" 10:00:00 up 1 day, 5 min,  1 user,  load average: 0,10, 0,10, 0,10\n", 86400 + 300, 0.1),
        (" 10:00:00 up 2 days,  1 user,  load average: 0.00, 0.00, 0.00\n", 2 * 86400, 0.0),
    ],
)
def test_the_line_of_uptime_stands_for_both_files_in_a_sosreport(
    printed: str, seconds: float, load: float
) -> None:
    assert parse_uptime_output(printed, "x") == seconds
    assert parse_load_output(printed, "x") == load


def test_other_words_of_uptime_are_not_guessed_at() -> None:
    with pytest.raises(ParseError):
        parse_uptime_output("bash: uptime: command not found\n", "x")


ARCSTATS = """6 1 0x01 91 4368 5266997922 97951858082072
name                            type data
c_min                           4    33554432
c_max                           4    8367976448
size                            4    1603939792
memory_available_bytes          3    -123
"""


def test_sizes_of_zfs_s_cache_are_read_by_name() -> None:
    found = parse_arcstats(ARCSTATS, "x")
    assert (found["size"], found["c_min"], found["c_max"]) == (1603939792, 33554432, 8367976448)
    assert found["memory_available_bytes"] == -123


@pytest.mark.parametrize("text", ["", "size 4 1\n", "name type data\nsize 4\n", "name type data\nsize 4 x\n"])
def test_what_is_no_arcstats_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        parse_arcstats(text, "x")
