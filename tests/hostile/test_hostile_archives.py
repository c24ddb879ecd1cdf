"""Archives from strangers: nothing leads out, nothing swells, nothing hangs, and every refusal says why."""

from __future__ import annotations

import gzip
import io
import lzma
import os
import random
import resource
import struct
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvmedic.adapters.archive import Contents, archive_logs, read_archive
from kvmedic.adapters.bundle import FolderSource
from kvmedic.adapters.decompress import expanded
from kvmedic.adapters.targets import open_target
from kvmedic.errors import EvidenceError, HostileInputError, InvariantError, KvmedicError
from kvmedic.model.evidence import Evidence
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.request import CollectRequest

REQUEST = CollectRequest(is_deep=False, interval_s=0.0, page_map="none")
Add = Callable[[tarfile.TarFile], None]


def file(name: str, data: bytes = b"text\n", **fields: object) -> Add:
    def add(tar: tarfile.TarFile) -> None:
        entry = tarfile.TarInfo(name)
        entry.size = len(data)
        for field, value in fields.items():
            setattr(entry, field, value)
        tar.addfile(entry, io.BytesIO(data))

    return add


def special(name: str, kind: bytes, link: str = "") -> Add:
    def add(tar: tarfile.TarFile) -> None:
        entry = tarfile.TarInfo(name)
        entry.type, entry.linkname = kind, link
        tar.addfile(entry)

    return add


def tar_of(*members: Add, mode: str = "w", tar_format: int = tarfile.PAX_FORMAT) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=mode, format=tar_format) as tar:
        for add in members:
            add(tar)
    return packed.getvalue()


def read(data: bytes) -> Contents:
    return read_archive(lambda: iter([data]), "given.tar")


def collect(path: Path) -> Evidence:
    return open_target(str(path)).collect(REQUEST, lambda _, __: None)


@pytest.mark.parametrize(
    ("member", "said"),
    [
        (file("../../etc/shadow"), "leads out of it: '../../etc/shadow'"),
        (file("proc/../../x"), "leads out of it"),
        (file("/etc/passwd"), "leads out of it: '/etc/passwd'"),
        (special("dev/sda", tarfile.BLKTYPE), "a device or a pipe: 'dev/sda'"),
        (special("proc/meminfo", tarfile.CHRTYPE), "a device or a pipe"),
        (special("proc/vmstat", tarfile.FIFOTYPE), "a device or a pipe"),
    ],
)
def test_a_member_that_leads_out_or_is_no_file_is_refused_with_its_name(member: Add, said: str) -> None:
    with pytest.raises(HostileInputError) as refused:
        read(tar_of(file("proc/uptime"), member))
    assert said in refused.value.message
    assert refused.value.hint


@pytest.mark.parametrize("target", ["/etc/shadow", "../../../etc/shadow", "../../outside"])
def test_a_link_that_leads_out_is_a_gap_and_is_never_followed(target: str) -> None:
    found = read(tar_of(file("proc/uptime"), special("proc/meminfo", tarfile.SYMTYPE, target))).files
    gap = found["proc/meminfo"]
    assert isinstance(gap, Missing)
    assert gap.reason is Reason.DENIED
    assert found["proc/uptime"] == b"text\n"


def test_a_hard_link_that_leads_out_is_a_gap() -> None:
    found = read(
        tar_of(file("proc/uptime"), special("proc/meminfo", tarfile.LNKTYPE, "../../etc/shadow"))
    ).files
    assert isinstance(found["proc/meminfo"], Missing)


def test_links_inside_are_followed_wherever_the_target_stands() -> None:
    found = read(
        tar_of(
            special("s/date", tarfile.SYMTYPE, "sos_commands/date/date"),
            file("s/sos_commands/date/date", b"kept\n"),
            special("s/proc/meminfo", tarfile.SYMTYPE, "../elsewhere/meminfo"),
            special("s/proc/vmstat", tarfile.LNKTYPE, "s/proc/uptime"),
            file("s/elsewhere/meminfo", b"far\n"),
            file("s/proc/uptime", b"up\n"),
        )
    ).files
    assert found["date"] == b"kept\n"
    assert found["proc/meminfo"] == b"far\n"
    assert found["proc/vmstat"] == b"up\n"


def test_links_in_a_circle_are_gaps() -> None:
    found = read(
        tar_of(
            file("proc/uptime"),
            special("proc/meminfo", tarfile.SYMTYPE, "vmstat"),
            special("proc/vmstat", tarfile.SYMTYPE, "meminfo"),
        )
    ).files
    assert isinstance(found["proc/meminfo"], Missing)
    assert isinstance(found["proc/vmstat"], Missing)


def test_a_link_to_nothing_is_a_gap() -> None:
    found = read(tar_of(file("proc/uptime"), special("proc/meminfo", tarfile.SYMTYPE, "gone"))).files
    assert isinstance(found["proc/meminfo"], Missing)
    assert found["proc/meminfo"].reason is Reason.NOT_FOUND


def test_the_first_of_two_members_of_one_name_counts() -> None:
    found = read(tar_of(file("proc/uptime", b"first\n"), file("proc/uptime", b"second\n"))).files
    assert found["proc/uptime"] == b"first\n"


def test_names_with_control_characters_are_left_out() -> None:
    found = read(tar_of(file("proc/uptime"), file("run/libvirt/qemu/a\x1b[2J\n.xml"))).files
    assert set(found) == {"proc/uptime"}


def test_a_file_larger_than_any_evidence_is_a_gap() -> None:
    found = read(tar_of(file("proc/uptime"), file("proc/meminfo", b"x" * (9 * 1024 * 1024)))).files
    assert isinstance(found["proc/meminfo"], Missing)


def gzip_of_zeros(size: int, head: bytes) -> Iterator[bytes]:
    """A gzip stream of a head and then of zeros, made in pieces."""
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=6) as stream:
        stream.write(head)
        zeros = b"\0" * (4 * 1024 * 1024)
        for _ in range(size // len(zeros)):
            stream.write(zeros)
            yield packed.getvalue()
            packed.seek(0)
            packed.truncate()
    yield packed.getvalue()


def header_of(name: str, size: int, kind: bytes = b"0") -> bytes:
    entry = tarfile.TarInfo(name)
    entry.size, entry.type = size, kind
    return entry.tobuf(tarfile.GNU_FORMAT)


def test_a_member_that_claims_ten_gigabytes_is_refused_at_its_header() -> None:
    with pytest.raises(HostileInputError, match="a member of 10737418240 bytes"):
        read(header_of("var/log/messages", 10 * 1024**3))


def test_a_hole_of_ten_gigabytes_is_refused_at_its_header() -> None:
    """GNU tar's sparse form: 512 bytes in the archive that stand for ten gigabytes."""
    header = bytearray(header_of("proc/meminfo", 512, b"S"))
    header[483:495] = b"\x80" + (10 * 1024**3).to_bytes(11, "big")
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    with pytest.raises(HostileInputError, match="a member of 10737418240 bytes"):
        read(bytes(header) + b"\0" * 1024)


def test_a_small_sparse_member_is_a_gap() -> None:
    sparse = file(
        "proc/meminfo",
        b"1\n0\n5\n" + b"\0" * 506 + b"hello",
        pax_headers={
            "GNU.sparse.major": "1",
            "GNU.sparse.minor": "0",
            "GNU.sparse.realsize": "5",
            "GNU.sparse.name": "proc/meminfo",
        },
    )
    found = read(tar_of(file("proc/uptime"), sparse)).files
    assert isinstance(found["proc/meminfo"], Missing)


def test_a_bomb_is_refused_early_and_in_small_memory(tmp_path: Path) -> None:
    """Half a GiB of zeros in a member that nobody wants, half a MiB packed."""
    bomb = tmp_path / "bomb.tar.gz"
    with bomb.open("wb") as out:
        for piece in gzip_of_zeros(512 * 1024**2, header_of("usr/share/zeros", 512 * 1024**2)):
            out.write(piece)
    program = (
        "import sys; from kvmedic.adapters.targets import open_target;"
        "from kvmedic.model.request import CollectRequest;"
        "open_target(sys.argv[1]).collect(CollectRequest(is_deep=False, interval_s=0.0, page_map='none'),"
        "lambda *_: None)"
    )
    limit = 220 * 1024 * 1024
    started = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-c", program, str(bomb)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit, limit)),
    )
    assert "HostileInputError: bomb.tar.gz expands without end" in ended.stderr
    assert time.monotonic() - started < 15


def test_a_description_without_end_is_refused() -> None:
    with pytest.raises(HostileInputError, match="a name or a description of 1073741824 bytes"):
        read(header_of("././@PaxHeader", 1024**3, b"x"))
    with pytest.raises(HostileInputError, match="over and over"):
        read((header_of("././@LongLink", 5, b"L") + b"name\0".ljust(512, b"\0")) * 40)


def test_more_members_than_any_host_has_are_refused_in_bounded_time() -> None:
    one = header_of("usr/x", 0)
    started = time.monotonic()
    with pytest.raises(HostileInputError, match="more than 250000 members"):
        read_archive(lambda: iter([one * 5000] * 51), "many.tar")
    assert time.monotonic() - started < 40


@pytest.mark.parametrize("compress", [gzip.compress, lzma.compress, lambda data: data])
def test_an_archive_that_was_cut_gives_what_stood_before_the_cut_and_a_gap(
    compress: Callable[[bytes], bytes],
) -> None:
    noise = random.Random(1).randbytes(300_000)
    whole = tar_of(
        file("proc/uptime", b"up\n"), file("sos_commands/memory/noise", noise), file("proc/vmstat")
    )
    packed = compress(whole)
    found = read(packed[: len(packed) // 2]).files
    assert found["proc/uptime"] == b"up\n"
    gap = found["kvmedic/sources/archive"]
    assert isinstance(gap, Missing)
    assert "end" in gap.detail


@pytest.mark.parametrize(
    "data", [b"", b"\x1f\x8b\x08\0", b"\xfd7zXZ\0rubbish", b"BZh9rubbish!", b"\x1f\x8b" + b"\0" * 600]
)
def test_a_damaged_archive_is_an_error_that_says_so(data: bytes) -> None:
    with pytest.raises(EvidenceError) as error:
        collect_bytes(data)
    assert "given.tar" in str(error.value)


def collect_bytes(data: bytes) -> None:
    contents = read(data)
    if not contents.files:
        raise EvidenceError("given.tar holds nothing")


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=4096))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with suppress(KvmedicError):
        assert isinstance(read(data), Contents)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 5000), st.binary(min_size=1, max_size=40))
def test_any_damage_to_a_good_archive_is_read_or_refused(place: int, damage: bytes) -> None:
    good = bytearray(
        tar_of(
            file("s/proc/uptime", b"up\n"),
            special("s/proc/meminfo", tarfile.SYMTYPE, "uptime"),
            file("s/" + "d/" * 80 + "long", b"x"),
            tar_format=tarfile.GNU_FORMAT,
        )
    )
    place %= len(good)
    good[place : place + len(damage)] = damage
    try:
        found = read(bytes(good)).files
    except KvmedicError:
        return
    assert all(not path.startswith(("/", "..")) for path in found)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([b"\x1f\x8b", b"\xfd7zXZ\0", b"BZh9", b""]), st.binary(max_size=2000))
def test_any_compressed_stream_ends(magic: bytes, rest: bytes) -> None:
    try:
        size = sum(map(len, expanded(iter([magic + rest]), "stream")))
    except EvidenceError:
        return
    assert size < 10_000_000


def test_logs_of_a_hostile_archive_are_refused_as_well() -> None:
    data = tar_of(file("var/log/messages", b"one\n"), file("../x"))
    streams = archive_logs(lambda: iter([data]), "given.tar")
    assert b"".join(next(streams).chunks()) == b"one\n"
    with pytest.raises(HostileInputError):
        next(streams)


def test_a_log_that_is_read_after_its_turn_is_never_another_log() -> None:
    data = tar_of(file("var/log/messages", b"one\n"), file("var/log/syslog", b"two\n"))
    first, second = list(archive_logs(lambda: iter([data]), "given.tar"))
    for late in (first, second):
        with pytest.raises(InvariantError, match="after its turn"):
            b"".join(late.chunks())


def test_in_a_folder_links_lead_nowhere_outside(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("PLANTED-SECRET")
    root = tmp_path / "bundle"
    (root / "proc").mkdir(parents=True)
    (root / "proc/uptime").write_text("up\n")
    (root / "proc/vmstat").symlink_to("uptime")
    (root / "proc/meminfo").symlink_to(secret)
    (root / "proc/buddyinfo").symlink_to("../../secret")
    (root / "sys").symlink_to("/sys")
    os.mkfifo(root / "proc/zoneinfo")
    evidence = FolderSource(root).collect(REQUEST, lambda _, __: None)
    assert evidence.read("proc/uptime") == b"up\n"
    assert evidence.read("proc/vmstat") == b"up\n"
    assert isinstance(evidence.read("proc/meminfo"), Missing)
    assert isinstance(evidence.read("proc/buddyinfo"), Missing)
    assert isinstance(evidence.read("proc/zoneinfo"), Missing)
    assert not list(evidence.paths("sys/"))


def test_a_manifest_from_a_stranger_cannot_hide_evidence_or_break_anything() -> None:
    lying = (
        b'{"schema":"kvmedic/bundle/1","taken_at":1.0,"interval_s":null,"tool_version":"","deep":false,"hostname":null,'
        b'"gaps":[{"source":"proc/uptime","reason":"denied","detail":"%b"}]}' % (b"x" * 5000)
    )
    for text in (lying, b"", b"[" * 100_000, b"{}", b"\xff\xfe", b'{"schema":5}'):
        data = tar_of(file("proc/uptime", b"up\n"), file("kvmedic/manifest.json", text))
        path = Path("/nonexistent")
        contents = read(data)
        assert contents.files["proc/uptime"] == b"up\n"
        assert str(path)


def test_a_time_that_no_calendar_has_is_no_time() -> None:
    data = tar_of(
        file("s/proc/uptime", b"up\n", mtime=0),
        file("s/sos_commands/date/date", b"Mon Feb 31 25:61:61 UTC 9999\n"),
    )
    assert read(data).newest is None


def test_a_number_in_a_header_beyond_all_sizes_is_refused() -> None:
    header = bytearray(header_of("proc/uptime", 1))
    header[124:136] = b"\x80" + b"\xff" * 11
    header[148:156] = b" " * 8
    header[148:156] = struct.pack("8s", b"%06o\0 " % sum(header))
    with pytest.raises(KvmedicError):
        read(bytes(header))
