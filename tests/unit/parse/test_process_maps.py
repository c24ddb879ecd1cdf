"""/proc/PID/maps, with lines of real QEMU processes."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmedic.errors import ParseError
from kvmedic.parse.process_maps import parse_process_maps

SOURCE = "proc/1/maps"
QEMU = """\
55d0c0a00000-55d0c0d2c000 r--p 00000000 fe:00 263121                     /usr/bin/qemu-system-x86_64
55d0c2b5d000-55d0c3f0e000 rw-p 00000000 00:00 0                          [heap]
7f1a20000000-7f1a20021000 rw-p 00000000 00:00 0\x20
7f1a20021000-7f1a24000000 ---p 00000000 00:00 0\x20
7f1a40000000-7f1a80000000 rw-p 00000000 00:00 0                          [anon:pc.ram]
7f1ac0000000-7f1b00000000 rw-s 00000000 00:01 1033                       /memfd:memory-backend-memfd (deleted)
7f1b00000000-7f1b40000000 rw-s 00000000 00:0f 4711 /dev/hugepages/libvirt/qemu/1-a/pc.ram (deleted)
7f1b40000000-7f1b40200000 rw-p 00000000 00:0f 21                         /anon_hugepage (deleted)
7ffd1c3e1000-7ffd1c402000 rw-p 00000000 00:00 0                          [stack]
7ffd1c5a7000-7ffd1c5ab000 r--p 00000000 00:00 0                          [vvar]
"""


def test_areas_of_a_qemu_are_told_apart() -> None:
    found = parse_process_maps(QEMU, SOURCE)
    assert [area.kind for area in found] == [
        "file",
        "anonymous",
        "anonymous",
        "anonymous",
        "anonymous",
        "shared-memory",
        "hugetlb",
        "hugetlb",
        "anonymous",
        "special",
    ]
    assert found[4].end - found[4].start == 1 << 30
    assert [area.is_readable for area in found].count(False) == 1


def test_this_process_can_be_parsed_whole() -> None:
    text = Path("/proc/self/maps").read_text()
    assert len(parse_process_maps(text, SOURCE)) == len(text.splitlines())


@pytest.mark.parametrize(
    "line", ["nonsense", "1000-1000 rw-p 0 0:0 0", "2000-1000 rw-p 0 0:0 0", "1-2 rwxq 0 0:0 0"]
)
def test_a_line_that_is_no_area_is_refused_with_its_number(line: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse_process_maps(QEMU + line + "\n", SOURCE)
    assert (caught.value.source, caught.value.line_number) == (SOURCE, 11)


@given(st.text(max_size=400))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    with suppress(ParseError):
        areas = parse_process_maps(text, SOURCE)
        assert all(area.start < area.end for area in areas)
