"""All sources of evidence keep one contract, and the collector reads what the live host reads."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kvmedic.adapters.capture_writer import bundle_name, new_pseudonym_key, write_bundle
from kvmedic.adapters.collector import collector_script
from kvmedic.adapters.live_host import LiveHost
from kvmedic.adapters.targets import open_target
from kvmedic.app.capture import BundleContents, contents_of
from kvmedic.errors import UsageError
from kvmedic.model.evidence import Evidence, Target
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.reading_list import is_captured
from kvmedic.model.request import CollectRequest
from kvmedic.parse.domain_xml import parse_domain_xml
from kvmedic.parse.domstats import parse_domstats

TWICE = CollectRequest(is_deep=False, interval_s=0.2, page_map="none")
SHELLS = ("dash", "busybox sh", "bash --posix")
SECRET = "PLANTED" + "-SECRET"
UUID = "6a1bb7a4-92c4-4b3a-9a0c-3f5b0a4c7d11"
LISTED = " Id   Name     State\n------------------------\n 1    web-01   running\n -    memory   shut off\n"
DEFINITION = f"""<domain type='kvm' id='1' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>web-01</name>
  <uuid>{UUID}</uuid>
  <title>{SECRET}</title>
  <description>root password is {SECRET}</description>
  <metadata>
    <nova:instance xmlns:nova="http://openstack.org/xmlns/libvirt/nova/1.1">
      <nova:user uuid="{SECRET}">{SECRET}</nova:user>
    </nova:instance>
  </metadata>
  <memory unit='KiB'>2097152</memory>
  <currentMemory unit='KiB'>1048576</currentMemory>
  <os>
    <type arch='x86_64' machine='pc-q35-7.2'>hvm</type>
    <cmdline>console=ttyS0 password={SECRET}</cmdline>
  </os>
  <sysinfo type='smbios'>
    <oemStrings>
      <entry>io.systemd.credential:passwd.plaintext-password.root={SECRET}</entry>
    </oemStrings>
  </sysinfo>
  <devices>
    <disk type='network' device='disk'>
      <source protocol='https' name='image' query='token={SECRET}'>
        <host name='10.11.12.13' port='443'/>
        <cookies>
          <cookie name='sid'>{SECRET}</cookie>
        </cookies>
      </source>
      <auth username='{SECRET}'>
        <secret type='ceph' uuid='{SECRET}'/>
      </auth>
    </disk>
    <disk type='file' device='disk'>
      <source file='/srv/customers/web-01.qcow2'/>
    </disk>
    <interface type='bridge'>
      <mac address='52:54:00:ab:cd:ef'/>
      <source bridge='br-customer'/>
    </interface>
    <graphics type='vnc' port='5900' passwd='{SECRET}' passwdValidTo='2030-01-01T00:00:00'/>
    <memballoon model='virtio' freePageReporting='on'>
      <stats period='5'/>
    </memballoon>
  </devices>
  <launchSecurity type='sev'>
    <session>{SECRET}</session>
  </launchSecurity>
  <qemu:commandline>
    <qemu:arg value='-object'/>
    <qemu:arg value='secret,id=s0,data={SECRET}'/>
    <qemu:env name='TOKEN' value='{SECRET}'/>
  </qemu:commandline>
</domain>
"""
STATISTICS = b"Domain: 'web-01'\n  state.state=1\n  block.0.path=/srv/customers/web-01.qcow2\n\n"
STATUS = f"<domstatus state='running' reason='booted' pid='4321'>{DEFINITION}</domstatus>"
NO_UPTIME = Missing(source="proc/uptime", reason=Reason.NOT_FOUND, detail="")
FILES: dict[str, bytes | Missing] = {
    "proc/uptime": b"1000.00 1.00\n",
    "proc/vmstat": b"pgfault 5\n",
    "proc/sys/kernel/hostname": b"kvm07.example.org\n",
    "proc/cmdline": f"ro root=/dev/vda1 rd.luks.key={SECRET} nbd=root:{SECRET}@10.11.12.13\n".encode(),
    "proc/environ": SECRET.encode(),
    "proc/4321/environ": SECRET.encode(),
    "proc/4321/cmdline": SECRET.encode(),
    "proc/4321/comm": b"qemu-system-x86\n",
    "proc/4321/cgroup": b"0::/machine.slice/machine-qemu\\x2d1\\x2dweb\\x2d01.scope/libvirt/emulator\n",
    "sys/fs/cgroup/machine.slice/machine-qemu\\x2d1\\x2dweb\\x2d01.scope/memory.max": b"max\n",
    "kvmedic/process/kinds": b"4321 qemu\n",
    "kvmedic/process/4321/arguments": json.dumps(
        [
            *("qemu-system-x86_64", "-name", "guest=web-01,debug-threads=on", "-uuid", UUID),
            *("-vnc", f":0,x={SECRET}", "-object", f"secret,id=s,data={SECRET}"),
            *("-fw_cfg", f"name=opt/x,string={SECRET}", "-m", "size=2097152k"),
        ]
    ).encode(),
    "kvmedic/page_map.json": b'{"domains":[{"name":"web-01","bytes":1},{"name":"memory","bytes":2}]}',
    "sos_commands/virsh/virsh_-r_list_--all": LISTED.encode(),
    "sos_commands/virsh/virsh_-r_domstats": STATISTICS,
    "sos_commands/virsh/virsh_-r_dumpxml_web-01": DEFINITION.encode(),
    "etc/libvirt/qemu/web-01.xml": DEFINITION.encode(),
    "run/libvirt/qemu/web-01.xml": STATUS.encode(),
    "etc/libvirt/qemu/memory.xml": b"<domain type='kvm'><name>memory</name><memory>1024</memory></domain>",
    "etc/libvirt/qemu/autostart/web-01.xml": b"",
    "etc/pve/qemu-server/101.conf": f"#{SECRET}\nname: web-01\ncipassword: {SECRET}\nmemory: 2048\n".encode(),
    "etc/shadow": SECRET.encode(),
    "etc/libvirt/secrets/x.xml": SECRET.encode(),
    "boot/config-6.1.0": f'CONFIG_COMPACTION=y\nCONFIG_CMDLINE="key={SECRET}"\n'.encode(),
    "proc/zoneinfo": Missing(source="proc/zoneinfo", reason=Reason.DENIED, detail="permission denied"),
    "sos_commands/virsh/virsh_-r_dominfo_web-01": Missing(
        source="libvirt", reason=Reason.TIMED_OUT, detail="web-01 did not answer"
    ),
}
EVIDENCE = Evidence(
    target=Target(kind="host", name="kvm07.example.org"),
    taken_at=1767225600.25,
    interval_s=1.0625,
    files=FILES,
    again={"proc/vmstat": b"pgfault 9\n", "proc/uptime": NO_UPTIME},
)


def quiet(_: str, __: float | None) -> None:
    """Progress that nobody watches."""


def bundled(evidence: Evidence, key: bytes | None = None) -> BundleContents:
    return contents_of(evidence, tool_version="0.1.0", is_deep=False, pseudonym_key=key)


def written(contents: BundleContents, path: Path) -> Path:
    write_bundle(
        contents.files, path, name=bundle_name(contents.host, contents.taken_at), taken_at=contents.taken_at
    )
    return path


def collected(path: Path) -> Evidence:
    return open_target(str(path)).collect(TWICE, quiet)


@pytest.mark.parametrize("name", ["bundle.tar.gz", "bundle"])
def test_this_host_comes_out_of_a_bundle_as_it_went_in(tmp_path: Path, name: str) -> None:
    live = LiveHost().collect(TWICE, quiet)
    found = collected(written(bundled(live), tmp_path / name))
    assert found.files == live.files
    assert found.again == live.again
    assert found.taken_at == live.taken_at
    assert found.interval_s == live.interval_s
    assert found.target.kind == "bundle"


def test_gaps_and_the_absence_of_a_second_reading_survive_a_bundle(tmp_path: Path) -> None:
    no_interval = Missing(source="interval", reason=Reason.NOT_COLLECTED, detail="one reading only")
    no_time = Missing(source="taken_at", reason=Reason.NOT_FOUND, detail="no clock")
    once = Evidence(target=EVIDENCE.target, taken_at=no_time, interval_s=no_interval, files=FILES, again={})
    found = collected(written(bundled(once), tmp_path / "b.tgz"))
    assert found.interval_s == no_interval
    assert found.taken_at == no_time
    assert found.read("proc/zoneinfo") == FILES["proc/zoneinfo"]
    assert (
        found.read("sos_commands/virsh/virsh_-r_dominfo_web-01")
        == FILES["sos_commands/virsh/virsh_-r_dominfo_web-01"]
    )


def test_a_second_reading_survives_with_its_gaps(tmp_path: Path) -> None:
    found = collected(written(bundled(EVIDENCE), tmp_path / "b.tgz"))
    assert found.again == EVIDENCE.again
    assert found.interval_s == EVIDENCE.interval_s


def test_a_bundle_of_a_bundle_is_the_same_bundle(tmp_path: Path) -> None:
    first = bundled(EVIDENCE)
    found = collected(written(first, tmp_path / "b.tgz"))
    assert bundled(found).files == first.files


def test_no_planted_secret_is_in_a_bundle(tmp_path: Path) -> None:
    folder = written(bundled(EVIDENCE), tmp_path / "b")
    for path in folder.rglob("*"):
        if path.is_file():
            assert SECRET.encode() not in path.read_bytes(), path
    archive = written(bundled(EVIDENCE), tmp_path / "b.tgz")
    assert SECRET.encode() not in gzip.decompress(archive.read_bytes())


def test_a_bundle_holds_only_what_the_reading_list_names() -> None:
    files = bundled(EVIDENCE).files
    assert "etc/shadow" not in files
    assert "proc/4321/environ" not in files
    assert "proc/4321/cmdline" not in files
    assert "etc/libvirt/secrets/x.xml" not in files
    assert all(
        is_captured(path) for path in files if not path.startswith(("kvmedic/again/", "kvmedic/manifest"))
    )


def test_the_contents_are_known_before_anything_is_written() -> None:
    listing = bundled(EVIDENCE).listing()
    assert listing[0][0] == "kvmedic/manifest.json"
    assert ("proc/vmstat", 10) in listing
    assert all(size >= 0 for _, size in listing)


@pytest.mark.parametrize("name", ["b.tar.gz", "b"])
def test_only_the_owner_may_read_a_bundle(tmp_path: Path, name: str) -> None:
    os.umask(0o000)
    try:
        path = written(bundled(EVIDENCE), tmp_path / name)
    finally:
        os.umask(0o022)
    for each in (path, *path.rglob("*")) if path.is_dir() else (path,):
        assert each.stat().st_mode & 0o077 == 0, each


def test_a_bundle_never_replaces_a_file(tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("keep me")
    link = tmp_path / "b.tgz"
    link.symlink_to(target)
    with pytest.raises(UsageError, match="exists already"):
        written(bundled(EVIDENCE), link)
    assert target.read_text() == "keep me"


def test_with_pseudonyms_nothing_tells_whose_host_it_is(tmp_path: Path) -> None:
    folder = written(bundled(EVIDENCE, new_pseudonym_key()), tmp_path / "b")
    told = (
        "web-01",
        "web\\x2d01",
        "kvm07",
        "example.org",
        UUID,
        "10.11.12.13",
        "52:54:00:ab:cd:ef",
        "customer",
    )
    for path in folder.rglob("*"):
        inside = path.relative_to(folder)
        assert not any(word in str(inside) for word in told), inside
        if path.is_file():
            text = path.read_text(errors="replace")
            assert not [word for word in told if word in text], inside


def test_pseudonyms_are_the_same_all_over_a_bundle_and_differ_between_bundles() -> None:
    first, same = bundled(EVIDENCE, b"k" * 32).files, bundled(EVIDENCE, b"k" * 32).files
    other = bundled(EVIDENCE, b"o" * 32).files
    assert first == same
    name = json.loads(first["kvmedic/process/4321/arguments"])[2].removeprefix("guest=")
    assert name.startswith("domain-")
    assert f"sos_commands/virsh/virsh_-r_dumpxml_{name}" in first
    assert f"etc/libvirt/qemu/autostart/{name}.xml" in first
    assert f"Domain: '{name}'".encode() in first["sos_commands/virsh/virsh_-r_domstats"]
    assert f"<name>{name}</name>".encode() in first[f"etc/libvirt/qemu/{name}.xml"]
    assert f"name: {name}".encode() in first["etc/pve/qemu-server/101.conf"]
    assert f'"name":"{name}"'.encode() in first["kvmedic/page_map.json"]
    assert f"sos_commands/virsh/virsh_-r_dumpxml_{name}" not in other


def test_a_domain_called_memory_does_not_break_the_files_it_stands_in() -> None:
    files = bundled(EVIDENCE, b"k" * 32).files
    definition = next(
        data
        for path, data in files.items()
        if path.startswith("etc/libvirt/qemu/domain-") and b"1024" in data
    )
    assert b"<memory>1024</memory>" in definition
    assert b"<name>memory</name>" not in definition
    assert files["proc/vmstat"] == b"pgfault 5\n"


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "xz": lzma.compress,
    "bz2": bz2.compress,
    "zst": lambda data: subprocess.run(["zstd", "-qc"], input=data, capture_output=True, check=True).stdout,
    "tar": lambda data: data,
}


@pytest.mark.parametrize("form", sorted(PACKERS))
def test_every_usual_compression_is_read_whatever_the_name(tmp_path: Path, form: str) -> None:
    plain = gzip.decompress(written(bundled(EVIDENCE), tmp_path / "b.tgz").read_bytes())
    odd = tmp_path / "case-12345.attachment"
    odd.write_bytes(PACKERS[form](plain))
    assert collected(odd).files == collected(tmp_path / "b.tgz").files


@pytest.mark.parametrize("shell", SHELLS)
def test_the_collector_reads_what_the_live_host_reads(tmp_path: Path, shell: str) -> None:
    """Files that stand still say the same; of those that move, both have the same."""
    tar = tmp_path / "host.tar"
    script = tmp_path / "collector.sh"
    script.write_text(collector_script())
    with tar.open("wb") as out:
        ended = subprocess.run(  # from "/", where a pattern that the shell expands too early would match
            [*shell.split(), str(script), "--interval", "0.2"],
            stdout=out,
            stderr=subprocess.PIPE,
            timeout=60,
            check=True,
            cwd="/",
        )
    assert ended.stderr == b""
    found, live = collected(tar), LiveHost().collect(TWICE, quiet)
    assert stable_paths(found) == stable_paths(live)
    for path in (
        "proc/sys/vm/swappiness",
        "proc/self/mounts",
        "proc/cmdline",
        "proc/cpuinfo",
        "kvmedic/page_size",
    ):
        assert without_movement(path, found) == without_movement(path, live), path
    assert set(found.again) >= {"proc/vmstat", "proc/uptime", "proc/sys/kernel/random/boot_id"}
    assert isinstance(found.interval_s, float)


def stable_paths(evidence: Evidence) -> set[str]:
    """What both have, processes and groups apart, which come and go."""
    moving = (
        "kvmedic/libvirt/",
        "kvmedic/process/",
        "sys/fs/cgroup/",
        "boot/",
        "sos_commands/",
        "run/",
        "etc/",
    )
    return {
        path for path in evidence.files if not path.startswith(moving) and not path.split("/")[1].isdigit()
    }


def without_movement(path: str, evidence: Evidence) -> bytes | Missing:
    data = evidence.read(path)
    return (
        data
        if isinstance(data, Missing) or path != "proc/cpuinfo"
        else b"".join(line for line in data.splitlines() if b"MHz" not in line)
    )


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[None]:
    """A process that is called libvirtd, so that the collector asks virsh."""
    program = tmp_path / "libvirtd"
    shutil.copy("/bin/sleep", program)
    process = subprocess.Popen([str(program), "300"])
    try:
        yield
    finally:
        process.kill()
        process.wait(timeout=10)


@pytest.mark.usefixtures("daemon")
def test_the_collector_asks_libvirt_through_virsh(tmp_path: Path) -> None:
    """libvirt's own test driver answers the real virsh."""
    folder = tmp_path / "kept"
    subprocess.run(
        ["sh", "-s", "--", "--interval", "0", str(folder)],
        input=collector_script().encode(),
        env={**os.environ, "LIBVIRT_DEFAULT_URI": "test:///default"},
        check=True,
        timeout=60,
    )
    found = collected(folder)
    assert bytes(found.files["kvmedic/libvirt/state"]).startswith(b"answers ")  # type: ignore[arg-type]
    assert b"running" in bytes(found.files["sos_commands/virsh/virsh_-r_list_--all"])  # type: ignore[arg-type]
    definition = found.read("sos_commands/virsh/virsh_-r_dumpxml_test")
    assert isinstance(definition, bytes)
    assert parse_domain_xml(definition.decode(), "x").name == "test"
    again = found.read_again("sos_commands/virsh/virsh_-r_domstats")
    assert isinstance(again, bytes)
    assert list(parse_domstats(again.decode(), "x")) == ["test"]


def test_the_collector_writes_a_folder_when_it_is_given_one(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    subprocess.run(
        ["sh", "-s", "--", "--interval", "0", str(folder)],
        input=collector_script().encode(),
        check=True,
        timeout=60,
    )
    assert isinstance(collected(folder).read("proc/vmstat"), bytes)
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.rglob("*") if path.is_file())


def test_the_collector_keeps_no_secret_and_drops_no_fact(tmp_path: Path) -> None:
    """Run on a folder that looks like a host, in which secrets are planted everywhere."""
    root = tmp_path / "root"
    shutil.rmtree(root, ignore_errors=True)
    for path, data in FILES.items():
        if isinstance(data, bytes):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(data)
    (root / "proc/4321/stat").write_text(
        "4321 (qemu-system-x86) S 1 1 1 0 -1 4194560" + " 0" * 14 + " 99999" + " 0" * 28 + "\n"
    )
    (root / "proc/self").mkdir()
    (root / "proc/self/mounts").write_text("cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n")
    words = json.loads(FILES["kvmedic/process/4321/arguments"])  # type: ignore[arg-type]
    (root / "proc/4321/cmdline").write_bytes("\0".join(words).encode() + b"\0")
    out = tmp_path / "out"
    subprocess.run(
        ["sh", "-s", "--", "--interval", "0", str(out)],
        input=collector_script().encode(),
        env={**os.environ, "KVMEDIC_ROOT": str(root)},
        check=True,
        timeout=60,
    )
    for path in out.rglob("*"):
        if path.is_file():
            assert SECRET.encode() not in path.read_bytes(), path
    found, whole = collected(out), collected(written(bundled(EVIDENCE), tmp_path / "b"))
    for path in ("etc/libvirt/qemu/memory.xml", "kvmedic/process/4321/arguments", "kvmedic/process/kinds"):
        assert found.read(path) == whole.read(path), path
    definition = found.read("etc/libvirt/qemu/web-01.xml")
    assert isinstance(definition, bytes)
    for kept in (
        b"web-01",
        b"2097152",
        b"memballoon",
        b"freePageReporting",
        b"nova/1.1",
        b"sev",
        UUID.encode(),
    ):
        assert kept in definition, kept
    assert isinstance(
        found.read("sys/fs/cgroup/machine.slice/machine-qemu\\x2d1\\x2dweb\\x2d01.scope/memory.max"), bytes
    )
