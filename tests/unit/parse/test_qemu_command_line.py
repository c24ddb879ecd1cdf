"""QEMU's arguments: no secret gets through, and the facts of memory do, whoever wrote them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmedic.errors import ParseError
from kvmedic.parse.qemu_arguments import parse_qemu_arguments, read_arguments
from kvmedic.parse.qemu_command_line import safe_arguments

LIBVIRT = [
    "/usr/bin/qemu-system-x86_64", "-name", "guest=a,,b,debug-threads=on", "-S",
    "-object", '{"qom-type":"secret","id":"masterKey0","format":"raw","file":"/x/SECRET01"}',
    "-machine", "pc-q35-7.2,usb=off,memory-backend=pc.ram", "-accel", "kvm", "-m", "size=1048576k",
    "-object",
    '{"qom-type":"memory-backend-ram","id":"pc.ram","size":1073741824,"host-nodes":[0,1],"policy":"bind"}',
    "-overcommit", "mem-lock=off", "-smp", "4,sockets=4,cores=1,threads=1",
    "-uuid", "6F2B7A36-1f6c-4a0e-9d0a-0c6a5d7f2a11", "-smbios", "type=1,serial=SECRET02",
    "-fw_cfg", "name=opt/x,string=SECRET03", "-append", "root=/dev/vda key=SECRET04",
    "-object", "secret,id=s0,data=SECRET05", "-object", "tls-creds-x509,id=t,passwordid=SECRET06",
    "-blockdev", '{"driver":"rbd","user":"SECRET07","key-secret":"SECRET08"}',
    "-drive", "file=rbd:pool/img:id=admin:key=SECRET09,if=none", "-drive", "file=https://u:SECRET10@h/i",
    "-netdev", '{"type":"vhost-vdpa","vhostdev":"/dev/SECRET11","id":"n0"}', "-vnc", "1.2.3.4:1,password=on",
    "-spice", "port=1,password=SECRET12", "-device",
    '{"driver":"virtio-balloon-pci","id":"balloon0","bus":"pci.1","addr":"0x0","free-page-reporting":true}',
    "-device", '{"driver":"vfio-pci","host":"0000:3b:00.0","id":"hostdev0"}',
    "-device", "usb-ccid,serial=SECRET13", "-cdrom", "/iso/SECRET14", "-chardev", "socket,id=c,host=SECRET15",
    "--device", "scsi-hd,drive=d,serial=SECRET16", "-readconfig", "SECRET17", "-set", "device.d.x=SECRET18",
    "-object", '{"qom-type":"sev-guest","id":"sev0","session-file":"SECRET19","dh-cert-file":"SECRET20"}',
]  # fmt: skip
PROXMOX = [
    "/usr/bin/kvm", "-id", "101", "-name", "web,debug-threads=on", "-no-shutdown", "-daemonize",
    "-smbios", "type=1,uuid=SECRET21", "-smp", "4,sockets=1,cores=4,maxcpus=4", "-m", "4096",
    "-object",
    "memory-backend-file,id=r0,size=4096M,mem-path=/run/hugepages/kvm/1048576kB,share=on,prealloc=yes",
    "-device", "virtio-balloon-pci,id=balloon0,bus=pci.0,addr=0x3,free-page-reporting=on",
    "-drive", "file=rbd:p/vm-101-disk-0:mon_host=m:auth_supported=cephx:id=a:keyring=/etc/pve/SECRET22",
]  # fmt: skip


@pytest.mark.parametrize("argv", [LIBVIRT, PROXMOX], ids=["libvirt", "proxmox"])
def test_no_planted_secret_gets_through(argv: list[str]) -> None:
    assert "SECRET" in " ".join(argv)
    assert "SECRET" not in " ".join(safe_arguments(argv))


@pytest.mark.parametrize("argv", [LIBVIRT, PROXMOX], ids=["libvirt", "proxmox"])
def test_reducing_twice_changes_nothing_and_loses_no_fact(argv: list[str]) -> None:
    safe = safe_arguments(argv)
    assert safe_arguments(safe) == safe
    assert parse_qemu_arguments(json.dumps(safe), "x") == read_arguments(argv)


def test_libvirts_arguments_are_read() -> None:
    found = read_arguments(LIBVIRT)
    assert (found.name, found.uuid) == ("a,b", "6f2b7a36-1f6c-4a0e-9d0a-0c6a5d7f2a11")
    assert (found.memory, found.vcpus, found.is_from_libvirt, found.starts_paused) == (
        "1048576k",
        4,
        True,
        True,
    )
    (backend,) = found.backends
    assert (backend.kind, backend.host_nodes, backend.is_shared) == ("ram", "0,1", False)
    assert found.balloons == (
        {"driver": "virtio-balloon-pci", "id": "balloon0", "free-page-reporting": "on"},
    )
    assert (found.vfio, found.has_vdpa, found.guard) == (("vfio-pci",), True, "sev-guest")
    assert not found.is_memory_locked


def test_proxmoxs_arguments_are_read() -> None:
    found = read_arguments(PROXMOX)
    assert (found.name, found.proxmox_id, found.uuid) == ("web", "101", None)
    assert (found.memory, found.vcpus, found.is_from_libvirt) == ("4096", 4, False)
    (backend,) = found.backends
    assert (backend.kind, backend.mem_path, backend.is_shared, backend.is_preallocated) == (
        "file", "/run/hugepages/kvm/1048576kB", True, True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("argv", "accelerator"),
    [
        (["qemu-system-x86_64", "-accel", "kvm,kvm-shadow-mem=1"], "kvm"),
        (["qemu-system-x86_64", "-machine", "q35,accel=tcg:kvm"], "tcg"),
        (["qemu-system-x86_64", "-enable-kvm"], "kvm"),
        (["/usr/bin/kvm", "-m", "512"], "kvm"),
        (["/usr/libexec/qemu-kvm", "-m", "512"], "kvm"),
        (["qemu-system-x86_64", "-m", "512"], None),
    ],
)
def test_who_runs_the_guest_is_told_by_arguments_and_name(argv: list[str], accelerator: str | None) -> None:
    assert read_arguments(argv).accelerator == accelerator


@pytest.mark.parametrize(
    "words",
    [["-overcommit", "mem-lock=on"], ["-realtime", "mlock=on"], ["--overcommit", "mem-lock=on,cpu-pm=on"]],
)
def test_locked_memory_is_seen(words: list[str]) -> None:
    assert read_arguments(["qemu-system-x86_64", *words]).is_memory_locked


def test_a_policy_other_than_bind_binds_nothing() -> None:
    argv = ["qemu", "-object", "memory-backend-ram,id=m,size=1G,host-nodes=1,policy=preferred"]
    assert read_arguments(argv).backends[0].host_nodes is None


def test_memfd_with_hugetlb_is_told_with_its_size() -> None:
    argv = ["qemu", "-object", "memory-backend-memfd,id=m,size=1G,hugetlb=on,hugetlbsize=2M,share=on"]
    (backend,) = read_arguments(argv).backends
    assert (backend.kind, backend.is_hugetlb, backend.hugetlb_size) == ("memfd", True, "2M")


@pytest.mark.parametrize("text", ["", "{}", "[1]", "[", '"x"', "[" * 100_000])
def test_what_is_no_list_of_strings_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        parse_qemu_arguments(text, "kvmedic/process/1/arguments")


_OPTIONS = st.sampled_from(
    ["-name", "-m", "-object", "-device", "-machine", "-netdev", "-smp", "-uuid", "-drive", "-S"]
)
_VALUES = st.text() | st.sampled_from(
    ["{", '{"driver":1}', '{"qom-type":["a"]}', ",,,", "=", "a=b,c", "[]", "{}"]
)


@given(st.lists(_OPTIONS | _VALUES))
def test_any_arguments_can_be_reduced_and_read(argv: list[str]) -> None:
    safe = safe_arguments(argv)
    assert safe_arguments(safe) == safe
    read_arguments(argv)
