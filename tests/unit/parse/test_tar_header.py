"""Headers of tar as tar writes them, and as nobody should."""

from __future__ import annotations

import tarfile
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmedic.errors import ParseError
from kvmedic.parse.date_output import parse_date_output
from kvmedic.parse.tar_header import parse_pax_records, parse_tar_header


def header(name: str = "proc/uptime", size: int = 5, kind: bytes = tarfile.REGTYPE, link: str = "") -> bytes:
    entry = tarfile.TarInfo(name)
    entry.size, entry.type, entry.linkname, entry.mtime = size, kind, link, 1_700_000_000
    return entry.tobuf(tarfile.GNU_FORMAT)[-512:]


@given(st.text("abc/.", min_size=1, max_size=90), st.integers(0, 2**40))
def test_what_tar_writes_is_read_back(name: str, size: int) -> None:
    found = parse_tar_header(header(name, size), "x.tar")
    assert found is not None
    assert (found.name.rstrip("/"), found.mtime) == (name.rstrip("/"), 1_700_000_000.0)
    assert found.size_bytes == (size if not name.endswith("/") else found.size_bytes)


def test_a_ustar_prefix_belongs_to_the_name() -> None:
    entry = tarfile.TarInfo("d/" * 60 + "file")
    found = parse_tar_header(entry.tobuf(tarfile.USTAR_FORMAT), "x.tar")
    assert found is not None
    assert found.name == "d/" * 60 + "file"


def test_links_tell_where_they_lead() -> None:
    found = parse_tar_header(header(kind=tarfile.SYMTYPE, link="../x"), "x.tar")
    assert found is not None
    assert (found.kind, found.link, found.size_bytes) == ("symlink", "../x", 0)


def test_a_block_of_zeros_is_the_end() -> None:
    assert parse_tar_header(b"\0" * 512, "x.tar") is None


def test_a_wrong_checksum_is_no_header() -> None:
    with pytest.raises(ParseError, match="a tar header with its checksum"):
        parse_tar_header(b"x" + header()[1:], "x.tar")


@given(st.binary(min_size=512, max_size=512))
def test_any_block_is_a_header_or_an_error(block: bytes) -> None:
    with suppress(ParseError):
        parse_tar_header(block, "x.tar")


@given(st.dictionaries(st.text("abcXYZ.", min_size=1, max_size=9), st.text(max_size=40), max_size=5))
def test_pax_records_are_read_back(records: dict[str, str]) -> None:
    written = tarfile.TarInfo._create_pax_generic_header  # type: ignore[attr-defined]
    block = written(records, tarfile.XHDTYPE, "utf-8")
    assert dict(parse_pax_records(block[512:], "x")) == records


@given(st.binary(max_size=200))
def test_any_records_are_read_or_an_error(data: bytes) -> None:
    with suppress(ParseError):
        parse_pax_records(data, "x")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Thu Jan  1 00:00:00 UTC 2026\n", 1767225600.0),
        ("Thu  1 Jan 00:00:00 UTC 2026\n", 1767225600.0),
        ("Thu Jan  1 12:00:00 AM UTC 2026\n", 1767225600.0),
        ("Thu 01 Jan 2026 12:00:00 AM UTC\n", 1767225600.0),
        ("Thu Jan  1 01:00:00 +01 2026\n", 1767225600.0),
        ("Thu Jan  1 05:30:00 +0530 2026\n", 1767225600.0),
    ],
)
def test_dates_in_utc_or_with_numbers_are_moments(text: str, seconds: float) -> None:
    assert parse_date_output(text, "date") == seconds


@pytest.mark.parametrize(
    "text",
    ["", "Thu Jan  1 00:00:00 IST 2026", "Thu Feb 31 00:00:00 UTC 2026", "Thu Foo  1 00:00:00 UTC 2026"],
)
def test_other_dates_are_no_moments(text: str) -> None:
    with pytest.raises(ParseError):
        parse_date_output(text, "date")


@given(st.text(max_size=80))
def test_any_text_is_a_date_or_an_error(text: str) -> None:
    with suppress(ParseError):
        assert isinstance(parse_date_output(text, "date"), float)
