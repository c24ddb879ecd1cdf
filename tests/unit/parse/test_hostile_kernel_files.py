"""Whatever a kernel file holds, its parser returns a record or a ParseError that names source and line."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_samples import DEBIAN, EL8, FRAGMENTED, HERE, sample

from kvmedic.errors import ParseError
from kvmedic.parse.buddyinfo import parse_buddyinfo
from kvmedic.parse.cpu_list import count_of_list, parse_cpu_list
from kvmedic.parse.d_state import parse_d_state_tasks
from kvmedic.parse.extfrag import parse_extfrag
from kvmedic.parse.kernel_config import parse_kernel_config, unpack_kernel_config
from kvmedic.parse.kernel_identity import (
    parse_hypervisor_flag,
    parse_kernel_release,
    parse_libvirt_version,
)
from kvmedic.parse.meminfo import parse_meminfo
from kvmedic.parse.number import parse_number, parse_word
from kvmedic.parse.pagetypeinfo import parse_pagetypeinfo
from kvmedic.parse.pressure import parse_pressure
from kvmedic.parse.slabinfo import parse_slabinfo
from kvmedic.parse.swaps import parse_swaps
from kvmedic.parse.sysctl import parse_sysctl_listing
from kvmedic.parse.transparent_hugepage import parse_setting
from kvmedic.parse.uptime import parse_loadavg, parse_uptime, parse_uptime_output
from kvmedic.parse.vmstat import parse_vmstat
from kvmedic.parse.zoneinfo import parse_zoneinfo

Parser = Callable[[str, str], object]
PARSERS: dict[str, tuple[Parser, str]] = {
    "buddyinfo": (parse_buddyinfo, sample(EL8, "proc/buddyinfo")),
    "zoneinfo": (parse_zoneinfo, sample(HERE, "proc/zoneinfo")),
    "vmstat": (parse_vmstat, sample(DEBIAN, "proc/vmstat")),
    "meminfo": (parse_meminfo, sample(DEBIAN, "sys/devices/system/node/node1/meminfo")),
    "pagetypeinfo": (parse_pagetypeinfo, sample(EL8, "proc/pagetypeinfo")),
    "slabinfo": (lambda text, source: parse_slabinfo(text, source, 4096), sample(HERE, "proc/slabinfo")),
    "pressure": (parse_pressure, sample(EL8, "proc/pressure/memory")),
    "swaps": (parse_swaps, sample(EL8, "proc/swaps")),
    "extfrag": (parse_extfrag, sample(FRAGMENTED, "sys/kernel/debug/extfrag/extfrag_index")),
    "kernel_config": (parse_kernel_config, "CONFIG_NUMA=y\n# CONFIG_CMA is not set\n"),
    "cpu_list": (lambda text, source: count_of_list(parse_cpu_list(text, source)), "0-3,8\n"),
    "d_state": (parse_d_state_tasks, "12 CPU 0/KVM folio_wait_bit\n"),
    "kernel_release": (parse_kernel_release, sample(DEBIAN, "proc/version")),
    "hypervisor_flag": (parse_hypervisor_flag, "flags\t\t: fpu hypervisor\n"),
    "libvirt_version": (parse_libvirt_version, "Using library: libvirt 9.0.0\n"),
    "number": (parse_number, "511\n"),
    "word": (parse_word, "6.1.0-56-amd64\n"),
    "setting": (parse_setting, "always [madvise] never\n"),
    "uptime": (parse_uptime, "904.62 1704.78\n"),
    "uptime(1)": (parse_uptime_output, " 16:19:19 up 17:41,  2 users,  load average: 3.58, 3.27, 2.58\n"),
    "loadavg": (parse_loadavg, "0.06 0.09 0.08 3/94 2172\n"),
    "sysctl": (lambda text, _: parse_sysctl_listing(text), "vm.swappiness = 60\n"),
}
each_parser = pytest.mark.parametrize(("parse", "text"), PARSERS.values(), ids=PARSERS)


def parse_or_refuse(parse: Parser, text: str) -> None:
    """Parse ``text``; a refusal has to name the source, a line that is there, and what was expected."""
    refusal = refusal_of(parse, text)
    if refusal is None:
        return

    assert refusal.source == "proc/source"
    assert 1 <= refusal.line_number <= text.count("\n") + 1
    assert refusal.expected
    assert len(refusal.line) <= ParseError.longest_line


def refusal_of(parse: Parser, text: str) -> ParseError | None:
    """The ParseError that ``text`` meets; None where it is understood. Anything else fails the test."""
    try:
        parse(text, "proc/source")
    except ParseError as error:
        return error
    return None


@each_parser
def test_the_sample_is_understood(parse: Parser, text: str) -> None:
    parse(text, "proc/source")


@each_parser
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_text_is_parsed_or_refused(parse: Parser, text: str, data: st.DataObject) -> None:
    parse_or_refuse(parse, data.draw(st.text(max_size=300)))


@each_parser
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_damaged_sample_is_parsed_or_refused(parse: Parser, text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 40)))
    damage = st.sampled_from(
        ["", "\n", " ", "-1", "x", "\0", "9" * 5000, "٣", ":", "kB", ">100000", "\x1b[31m"]
    )
    parse_or_refuse(parse, text[:start] + data.draw(damage) + text[end:])


@each_parser
def test_a_long_line_costs_no_more_than_its_length(parse: Parser, text: str) -> None:
    first = text.split("\n", 1)[0]
    for filling in (" ", "1", " 1", "a", "a ", "[", ":", "Node 0, zone "):
        parse_or_refuse(parse, first + filling * (400_000 // len(filling)))


def test_numbers_of_other_scripts_and_with_underscores_are_refused() -> None:
    for number in ("١٢", "1_000", "+5", "0x10", "1e3", "9" * 21):
        with pytest.raises(ParseError, match="expected a name and a number"):
            parse_vmstat(f"nr_free_pages {number}\n", "proc/vmstat")


def test_a_packed_configuration_that_is_no_gzip_is_refused() -> None:
    with pytest.raises(ParseError, match=re.escape("proc/config.gz:1: expected a gzip file")):
        unpack_kernel_config(b"\x1f\x8b and then nonsense", "proc/config.gz")
