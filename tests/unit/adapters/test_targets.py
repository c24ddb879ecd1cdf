"""What an operator's word means, and how bundles, sosreports and logs are told apart."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from kvmedic.adapters.bundle import ArchiveSource, FolderSource
from kvmedic.adapters.live_host import LiveHost
from kvmedic.adapters.live_logs import file_chunks, live_logs
from kvmedic.adapters.log_file import LogFile, StandardInput
from kvmedic.adapters.ssh import SshHost
from kvmedic.adapters.targets import open_target
from kvmedic.errors import EvidenceError, UsageError
from kvmedic.model.evidence import Evidence
from kvmedic.model.gap import Missing
from kvmedic.model.request import CollectRequest
from kvmedic.ports import EvidenceSource, LogStream

REQUEST = CollectRequest(is_deep=False, interval_s=0.0, page_map="none")
TOP = "sosreport-kvm07-2026-01-01-abcdefg"
SOSREPORT = {
    "version.txt": b"sosreport: 4.5.5\n",
    "proc/buddyinfo": b"Node 0, zone   Normal      1      0      0\n",
    "proc/uptime": b"10.0 1.0\n",
    "sys/devices/virtual/dmi/id/sys_vendor": b"Example Inc.\n",
    "sos_commands/date/date": b"Thu Jan  1 00:00:00 UTC 2026\n",
    "sos_commands/virsh/virsh_-r_list_--all": b" Id   Name   State\n",
    "sos_commands/kernel/uname_-a": b"Linux kvm07 5.14.0\n",
    "sos_commands/networking/ip_addr": b"not wanted\n",
    "var/log/messages": b"second\n",
    "var/log/messages-20251231.gz": gzip.compress(b"first\n"),
    "sos_commands/logs/journalctl_--no-pager": b"third\n",
    "var/log/libvirt/qemu/web.log": b"fourth\n",
    "var/log/unrelated": b"not wanted\n",
}


def packed(files: dict[str, bytes], top: str = "", *, mtime: int = 1_700_000_000) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for path, data in files.items():
            entry = tarfile.TarInfo(f"{top}{path}")
            entry.size, entry.mtime = len(data), mtime
            tar.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def unpacked(files: dict[str, bytes], folder: Path) -> Path:
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def collect(source: EvidenceSource) -> Evidence:
    return source.collect(REQUEST, lambda _, __: None)


def text_of(stream: LogStream) -> bytes:
    return b"".join(stream.chunks())


@pytest.fixture(
    params=["archive", "archive without a top folder", "archive with dots", "folder", "folder above"]
)
def sosreport(request: pytest.FixtureRequest, tmp_path: Path) -> EvidenceSource:
    """One and the same sosreport in the forms in which people send it."""
    form = request.param
    if form.startswith("folder"):
        folder = unpacked(SOSREPORT, tmp_path / TOP)
        return open_target(str(folder if form == "folder" else tmp_path))
    top = {"archive": f"{TOP}/", "archive without a top folder": "", "archive with dots": "./"}[form]
    path = tmp_path / "sosreport.tar.xz"
    path.write_bytes(lzma.compress(packed(SOSREPORT, top)))
    return open_target(str(path))


def test_a_sosreport_is_read_in_every_form(sosreport: EvidenceSource) -> None:
    evidence = collect(sosreport)
    assert evidence.target.kind == "sosreport"
    assert evidence.read("proc/buddyinfo") == SOSREPORT["proc/buddyinfo"]
    assert evidence.read("sys/class/dmi/id/sys_vendor") == b"Example Inc.\n"
    assert evidence.read("sos_commands/kernel/uname_-a") == b"Linux kvm07 5.14.0\n"
    assert "sos_commands/networking/ip_addr" not in evidence.files
    assert evidence.taken_at == 1767225600.0
    assert isinstance(evidence.interval_s, Missing)


def test_the_logs_of_a_sosreport_are_streamed_and_expanded(sosreport: EvidenceSource) -> None:
    found = {stream.name: text_of(stream) for stream in sosreport.logs()}
    assert found == {
        "var/log/messages-20251231.gz": b"first\n",
        "var/log/messages": b"second\n",
        "sos_commands/logs/journalctl_--no-pager": b"third\n",
        "var/log/libvirt/qemu/web.log": b"fourth\n",
    }


def test_a_sosreport_without_a_date_is_as_old_as_its_newest_kernel_file(tmp_path: Path) -> None:
    path = tmp_path / "s.tar"
    path.write_bytes(packed({"proc/uptime": b"1.0 1.0\n"}))
    assert collect(open_target(str(path))).taken_at == 1_700_000_000.0


def test_an_archive_without_any_evidence_says_what_to_give_instead(tmp_path: Path) -> None:
    path = tmp_path / "holiday.tar"
    path.write_bytes(packed({"photos/beach.jpg": b"sand"}))
    with pytest.raises(EvidenceError, match="neither a bundle nor a sosreport") as error:
        collect(open_target(str(path)))
    assert "kvmedic capture" in (error.value.hint or "")


LAID_OUT = {"var/log/kern.log": b"a\n", "var/log/libvirt/qemu/web.log": b"b\n"}
LOOSE = {"dmesg.txt.gz": gzip.compress(b"a\n"), "guests/web.log": b"b\n", "picture.png": b"c\n"}


@pytest.mark.parametrize("form", ["folder", "archive", "archive with a top folder"])
@pytest.mark.parametrize("files", [LAID_OUT, LOOSE], ids=["laid out as on a host", "loose"])
def test_logs_without_a_host_around_them_are_logs(tmp_path: Path, files: dict[str, bytes], form: str) -> None:
    path = tmp_path / "mail.tar"
    if form == "folder":
        path = unpacked(files, tmp_path / "mail")
    else:
        path.write_bytes(packed(files, "collected/" if "top" in form else ""))
    source = open_target(str(path))
    assert isinstance(collect(source).taken_at, Missing)
    found = {stream.name: text_of(stream) for stream in source.logs()}
    assert found == dict(zip(files, (b"a\n", b"b\n"), strict=False))


def test_a_link_among_loose_logs_is_not_followed(tmp_path: Path) -> None:
    folder = unpacked({"mail/kern.log": b"a\n", "elsewhere.log": b"b\n"}, tmp_path) / "mail"
    (folder / "linked.log").symlink_to(tmp_path / "elsewhere.log")
    assert [stream.name for stream in open_target(str(folder)).logs()] == ["kern.log"]


def test_a_folder_of_two_hosts_asks_which_one(tmp_path: Path) -> None:
    for name in ("kvm07", "kvm08"):
        unpacked(SOSREPORT, tmp_path / name)
    with pytest.raises(EvidenceError, match="several hosts: kvm07, kvm08"):
        open_target(str(tmp_path))


def test_an_empty_folder_is_no_host(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match="neither a bundle nor a sosreport"):
        open_target(str(tmp_path))


@pytest.mark.parametrize(
    "pack", [gzip.compress, lzma.compress, bz2.compress, lambda data: data], ids=["gz", "xz", "bz2", "plain"]
)
def test_a_log_of_any_name_and_compression_is_a_log(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "kern.log.3.weird"
    path.write_bytes(pack(b"Jan  1 00:00:00 host kernel: Out of memory\n"))
    source = open_target(str(path))
    assert isinstance(source, LogFile)
    assert [text_of(stream) for stream in source.logs()] == [b"Jan  1 00:00:00 host kernel: Out of memory\n"]
    assert collect(source).files == {}
    assert source.target.kind == "log"


def test_an_empty_log_is_a_log(tmp_path: Path) -> None:
    path = tmp_path / "dmesg"
    path.write_bytes(b"")
    assert isinstance(open_target(str(path)), LogFile)


def test_a_log_through_a_pipe_is_read_and_expanded() -> None:
    program = (
        "from kvmedic.adapters.targets import open_target\n"
        "for stream in open_target('-').logs():\n    print(b''.join(stream.chunks()).decode(), end='')"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        input=gzip.compress(b"line\n"),
        capture_output=True,
        check=True,
        timeout=30,
    )
    assert ended.stdout == b"line\n"


def test_names_mean_what_the_manual_says(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(packed(SOSREPORT))
    unpacked(SOSREPORT, tmp_path / "f")
    assert isinstance(open_target(None), LiveHost)
    assert isinstance(open_target(""), LiveHost)
    assert isinstance(open_target("-"), StandardInput)
    assert isinstance(open_target("ssh://root@kvm07"), SshHost)
    assert isinstance(open_target(str(tmp_path / "a.tar")), ArchiveSource)
    assert isinstance(open_target(str(tmp_path / "f")), FolderSource)


@pytest.mark.parametrize("name", ["/no/such/file", "http://host/x", "/dev/null", "qemu+ssh://host/system"])
def test_what_is_no_target_is_refused_with_the_forms_that_are(name: str) -> None:
    with pytest.raises(UsageError) as error:
        open_target(name)
    assert error.value.hint


def test_zstd_without_its_tool_names_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "kern.log.zst"
    path.write_bytes(
        subprocess.run(["zstd", "-qc"], input=b"x" * 100, capture_output=True, check=True).stdout
    )
    assert b"".join(file_chunks(path)) == b"x" * 100
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EvidenceError) as error:
        b"".join(file_chunks(path))
    assert "zstd is not installed" in error.value.message
    assert "Install the package zstd" in (error.value.hint or "")


def test_a_reader_that_wants_no_more_leaves_no_process(tmp_path: Path) -> None:
    path = tmp_path / "big.zst"
    noise = os.urandom(4 * 1024 * 1024)
    path.write_bytes(subprocess.run(["zstd", "-qc"], input=noise, capture_output=True, check=True).stdout)
    chunks = file_chunks(path)
    assert next(chunks)
    chunks.close()  # type: ignore[attr-defined]
    children = subprocess.run(
        ["ps", "--ppid", str(os.getpid()), "-o", "comm="], capture_output=True, text=True, check=False
    )
    assert "zstd" not in children.stdout


def test_rotated_logs_come_oldest_first(tmp_path: Path) -> None:
    for age, name in enumerate(["kern.log", "kern.log.1", "kern.log.2.gz"]):
        path = tmp_path / "var/log" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = f"{name}\n".encode()
        path.write_bytes(gzip.compress(text) if name.endswith("gz") else text)
        os.utime(path, (1_700_000_000 - age, 1_700_000_000 - age))
    streams = list(live_logs(tmp_path))
    assert [stream.name for stream in streams] == [
        "var/log/kern.log.2.gz",
        "var/log/kern.log.1",
        "var/log/kern.log",
    ]
    assert text_of(streams[0]) == b"kern.log.2.gz\n"


def test_a_log_that_was_cut_gives_its_beginning_and_spares_the_others(tmp_path: Path) -> None:
    cut = gzip.compress(os.urandom(100_000))[:50_000]
    files = {"proc/uptime": b"1 1\n", "var/log/messages-1.gz": cut, "var/log/messages": b"whole\n"}
    path = tmp_path / "s.tar"
    path.write_bytes(packed(files))
    unpacked(files, tmp_path / "f")
    for source in (open_target(str(path)), open_target(str(tmp_path / "f")), LiveHost(tmp_path / "f")):
        found = {stream.name: text_of(stream) for stream in source.logs()}
        assert found["var/log/messages"] == b"whole\n"
        assert "var/log/messages-1.gz" in found


def test_a_bare_log_that_was_cut_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "kern.log.gz"
    path.write_bytes(gzip.compress(os.urandom(100_000))[:50_000])
    with pytest.raises(EvidenceError, match="ends before its end"):
        [text_of(stream) for stream in open_target(str(path)).logs()]


def test_the_ring_buffer_of_this_host_can_be_read_without_waiting() -> None:
    streams = {stream.name: stream for stream in LiveHost().logs()}
    assert "dev/kmsg" in streams
    first = next(iter(streams["dev/kmsg"].chunks()), b"")
    assert first == b"" or b";" in first


@pytest.mark.parametrize(
    "content", [b"", b"no tar at all, but a text of some length\n" * 40, bytes(range(256)) * 12]
)
@pytest.mark.parametrize("name", ["sosreport.tar", "sosreport.tar.gz", "sosreport.tgz"])
def test_a_file_named_as_an_archive_that_is_none_is_no_log(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(EvidenceError, match="sosreport"):
        open_target(str(path)).collect(REQUEST, lambda _, __: None)


def piped(verb: str, data: bytes, *options: str) -> subprocess.CompletedProcess[bytes]:
    words = [str(Path(sys.executable).parent / "kvmedic"), verb, "-", *options]
    return subprocess.run(words, input=data, capture_output=True, timeout=60, check=False)


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lzma.compress])
def test_an_archive_that_comes_through_a_pipe_is_one(pack: Callable[[bytes], bytes]) -> None:
    done = piped("check", pack(packed(SOSREPORT, f"{TOP}/")), "--json")
    report = json.loads(done.stdout)
    assert report["target"] == {"kind": "sosreport", "name": "-"}
    assert report["host"]["uptime_s"] == 10.0


def test_the_logs_of_an_archive_in_a_pipe_have_gone_by_and_that_is_said() -> None:
    done = piped("why", packed(SOSREPORT))
    assert done.returncode == 13
    assert b"can be read only once" in done.stderr
    assert b"Save it to a file" in done.stderr


def test_a_log_in_a_pipe_loses_nothing_to_the_look_at_its_beginning() -> None:
    line = b"2026-01-01T00:00:00 h kernel: Out of memory: Killed process 7 (qemu-system-x86) total-vm:1kB\n"
    assert b"killed QEMU" in piped("why", line).stdout
    assert piped("check", line).returncode == 3
    assert b"kern.log, messages, or journalctl -k" in piped("why", b"hello\n").stdout
