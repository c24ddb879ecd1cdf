"""What of a definition bears on a move: disks, devices of the host, files, memory."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmedic.errors import ParseError
from kvmedic.parse.mobility_xml import parse_mobility

DOMAIN = """<domain type='kvm' id='3'>
  <name>web-1</name>
  <uuid>546c9a9b-a9d9-4424-9a58-6ecc4b217bcf</uuid>
  <memory unit='KiB'>8388608</memory>
  <currentMemory unit='KiB'>4194304</currentMemory>
  {memory}
  <vcpu>2</vcpu>
  <os>
    <type arch='x86_64' machine='pc-q35-7.2'>hvm</type>
    <loader readonly='yes' type='pflash'>/usr/share/OVMF/OVMF_CODE.fd</loader>
    <nvram>/var/lib/libvirt/qemu/nvram/web-1_VARS.fd</nvram>
  </os>
  {cpu}
  {clock}
  <devices>{devices}</devices>
</domain>"""


def parsed(**parts: str) -> object:
    empty = {"memory": "", "cpu": "", "clock": "", "devices": ""}
    return parse_mobility(DOMAIN.format(**{**empty, **parts}), "xml")


def test_a_plain_guest_is_held_by_nothing() -> None:
    parts = parse_mobility(DOMAIN.format(memory="", cpu="", clock="", devices=""), "xml")

    assert (parts.arch, parts.machine) == ("x86_64", "pc-q35-7.2")
    assert (parts.holds, parts.disks, parts.networks) == ((), (), ())
    assert parts.definition.memory_bytes == 8 << 30
    assert parts.hard_limit_bytes is None


def test_the_loader_must_be_there_and_the_firmware_variables_travel() -> None:
    assert parsed().files == ("/usr/share/OVMF/OVMF_CODE.fd",)  # type: ignore[attr-defined]


def test_disks_are_read_with_what_makes_them_safe_or_not() -> None:
    disks = (
        "<disk type='file' device='disk'><driver name='qemu' cache='none'/><source file='/nfs/a.img'/>"
        "<target dev='vda'/></disk>"
        "<disk type='network' device='disk'><source protocol='rbd' name='pool/b'/><target dev='vdb'/></disk>"
        "<disk type='file' device='cdrom'><target dev='sda'/><readonly/></disk>"
    )
    first, second, third = parsed(devices=disks).disks  # type: ignore[attr-defined]

    assert (first.target, first.source, first.cache, first.is_read_only) == (
        "vda",
        "/nfs/a.img",
        "none",
        False,
    )
    assert (second.kind, second.source, second.cache) == ("network", "pool/b", None)
    assert (third.source, third.is_read_only) == (None, True)


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"devices": "<hostdev mode='subsystem' type='pci'/>"}, "a pci device of the host"),
        ({"devices": "<interface type='vdpa'/>"}, "a network card of the host (vdpa)"),
        ({"devices": "<filesystem type='mount'><driver type='virtiofs'/></filesystem>"}, "virtiofs"),
        ({"devices": "<filesystem type='mount'/>"}, "9p"),
        ({"devices": "<shmem name='x'/>"}, "ivshmem"),
        ({"devices": "<tpm model='tpm-crb'><backend type='passthrough'/></tpm>"}, "a TPM of the host"),
        ({"cpu": "<cpu><feature policy='require' name='invtsc'/></cpu>"}, "invariant TSC"),
        ({"memory": "<launchSecurity type='sev'/>"}, "encrypted memory"),
    ],
)
def test_what_cannot_move_is_named(parts: dict[str, str], said: str) -> None:
    assert said in " ".join(parsed(**parts).holds)  # type: ignore[attr-defined]


def test_what_looks_alike_and_can_move_is_not_named() -> None:
    teamed = "<interface type='hostdev'><teaming type='transient' persistent='ua-1'/></interface>"
    emulated = "<tpm model='tpm-crb'><backend type='emulator'/></tpm>"
    fixed = "<clock><timer name='tsc' frequency='2100000000'/></clock>"
    cpu = "<cpu><feature policy='require' name='invtsc'/></cpu>"

    assert parsed(devices=teamed + emulated, cpu=cpu, clock=fixed).holds == ()  # type: ignore[attr-defined]


def test_memory_that_is_shared_and_limits_are_seen() -> None:
    memory = (
        "<memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>"
        "<memtune><hard_limit unit='KiB'>9437184</hard_limit></memtune>"
    )
    parts = parse_mobility(DOMAIN.format(memory=memory, cpu="", clock="", devices=""), "xml")

    assert parts.is_shared_memory
    assert parts.hard_limit_bytes == 9 << 30


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(ParseError):
        assert parse_mobility(text, "xml").arch == ""
