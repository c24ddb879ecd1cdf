"""/proc/meminfo and a node's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_samples import DEBIAN, EL8, HERE, sample

from kvmedic.errors import ParseError
from kvmedic.parse.meminfo import parse_meminfo

PATH = "proc/meminfo"


def test_kib_become_bytes_and_rows_without_a_unit_are_counts() -> None:
    meminfo = parse_meminfo(sample(EL8, PATH), PATH)

    assert meminfo["MemTotal"] == 263847312 * 1024
    assert meminfo["Active(anon)"] == 180123456 * 1024
    assert meminfo["Hugepagesize"] == 2 * 1024**2
    assert meminfo.counts == {
        "HugePages_Total": 1024,
        "HugePages_Free": 512,
        "HugePages_Rsvd": 12,
        "HugePages_Surp": 0,
    }


def test_a_row_this_kernel_does_not_print_is_none_and_not_zero() -> None:
    assert parse_meminfo(sample(EL8, PATH), PATH).get("SecPageTables") is None
    assert parse_meminfo(sample(HERE, PATH), PATH).get("SecPageTables") == 0


def test_a_row_nobody_knows_is_kept() -> None:
    assert parse_meminfo("MemTotal: 8 kB\nFutureThing: 4 kB\n", PATH)["FutureThing"] == 4096


def test_a_node_s_file_has_the_same_keys() -> None:
    meminfo = parse_meminfo(sample(DEBIAN, "sys/devices/system/node/node1/meminfo"), "node1/meminfo")

    assert meminfo["MemTotal"] > meminfo["MemFree"] > 0
    assert meminfo.counts["HugePages_Total"] == 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "a row MemTotal"),
        ("MemFree: 1 kB\n", "a row MemTotal"),
        ("MemTotal: 1 kB\nMemTotal: 1 kB\n", "MemTotal only once"),
        ("MemTotal: 1 kB\nMemFree: -1 kB\n", "a row such as"),
        ("MemTotal: 1 MB\n", "a row such as"),
        ("               total        used        free\n", "a row such as"),
    ],
)
def test_what_is_no_meminfo_is_refused(text: str, expected: str) -> None:
    with pytest.raises(ParseError, match=expected):
        parse_meminfo(text, PATH)


@given(st.dictionaries(st.from_regex(r"[A-Z][A-Za-z0-9_()]{0,15}", fullmatch=True), st.integers(0, 2**63)))
def test_what_is_printed_is_read_back(rows: dict[str, int]) -> None:
    rows["MemTotal"] = 1
    text = "".join(f"{key + ':':<16}{kib:8d} kB\n" for key, kib in rows.items())

    assert parse_meminfo(text, PATH).bytes_of == {key: kib * 1024 for key, kib in rows.items()}
