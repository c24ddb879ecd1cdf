"""Why QEMU cannot discard, and what a guest's memory is made of."""

from __future__ import annotations

from typing import Any

import pytest
from host_samples import UNKNOWN, process

from kvmedic.derive.inhibitors import (
    derive_backing,
    derive_hugepage_size,
    derive_inhibitors,
    parse_qemu_size,
)
from kvmedic.model.gap import Missing
from kvmedic.parse.domain_xml import parse_domain_xml
from kvmedic.parse.qemu_arguments import read_arguments
from kvmedic.units import GIB, MIB

BALLOON_ON_HUGEPAGES = "-object memory-backend-file,id=r,size=1G,mem-path=/dev/hugepages/libvirt/qemu/1-a"


MOUNTS: dict[str, int | None] = {"/mnt/huge": None}


def inhibitors(xml: str = "", argv: str = "", **known: Any) -> tuple[str, ...]:
    """Of a domain of 1 GiB with this inside its definition, and of a QEMU with these arguments."""
    definition = parse_domain_xml(f"<domain><name>a</name><memory unit='GiB'>1</memory>{xml}</domain>", "x")
    arguments = read_arguments(["qemu", *argv.split()]) if argv else None
    fields: dict[str, Any] = {
        "definition": definition,
        "arguments": arguments,
        "process": UNKNOWN,
        "backing": derive_backing(definition, arguments, UNKNOWN, {}),
        "memory_max_bytes": GIB,
        "state_reason": None,
    }
    return derive_inhibitors(**{**fields, **known})


def test_an_ordinary_guest_is_not_inhibited() -> None:
    assert inhibitors(argv="-m 1024 -device virtio-balloon-pci,id=b") == ()


@pytest.mark.parametrize(
    ("xml", "reason"),
    [
        ("<memoryBacking><hugepages/></memoryBacking>", "hugetlb"),
        ("<memoryBacking><locked/></memoryBacking>", "locked"),
        ("<devices><hostdev type='pci'/></devices>", "vfio"),
        ("<devices><interface type='vdpa'/></devices>", "vdpa"),
        ("<launchSecurity type='sev'/>", "sev"),
        ("<launchSecurity type='tdx'/>", "tdx"),
    ],
)
def test_a_definition_shows_the_inhibitor(xml: str, reason: str) -> None:
    assert inhibitors(xml) == (reason,)


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (BALLOON_ON_HUGEPAGES, "hugetlb"),
        ("-device vfio-pci,host=01:00.0", "vfio"),
        ("-netdev type=vhost-vdpa,id=n", "vdpa"),
        ("-object sev-snp-guest,id=s", "sev-snp"),
        ("-overcommit mem-lock=on", "locked"),
    ],
)
def test_qemus_arguments_show_the_inhibitor(argv: str, reason: str) -> None:
    assert inhibitors(argv=argv) == (reason,)


def test_memory_locked_by_other_means_is_seen_in_the_process() -> None:
    assert inhibitors(process=process(locked_bytes=GIB)) == ("locked",)
    assert inhibitors(process=process(locked_bytes=16 * MIB)) == ()


def test_an_incoming_post_copy_migration_inhibits() -> None:
    assert inhibitors(state_reason="post-copy") == ("post-copy",)


@pytest.mark.parametrize(
    ("argv", "backing"),
    [
        ("-m 512", "anonymous"),
        ("-object memory-backend-ram,id=r,size=1G", "anonymous"),
        ("-object memory-backend-ram,id=r,size=1G,share=on", "memfd"),
        ("-object memory-backend-memfd,id=r,size=1G,share=on", "memfd"),
        ("-object memory-backend-memfd,id=r,size=1G,hugetlb=on", "hugetlb"),
        ("-object memory-backend-file,id=r,size=1G,mem-path=/var/lib/ram", "file"),
        ("-mem-path /mnt/huge/x", "hugetlb"),
    ],
)
def test_backing_is_what_qemu_was_told(argv: str, backing: str) -> None:
    assert derive_backing(None, read_arguments(["qemu", *argv.split()]), UNKNOWN, MOUNTS) == backing


def test_hugetlb_pages_in_the_process_prove_the_backing_where_no_mount_does() -> None:
    elsewhere = read_arguments(["qemu", "-object", "memory-backend-file,id=r,size=1G,mem-path=/elsewhere/x"])
    assert derive_backing(None, elsewhere, process(hugetlb_bytes=GIB), {}) == "hugetlb"
    assert derive_backing(None, elsewhere, process(hugetlb_bytes=0), {}) == "file"


def test_without_any_source_the_backing_is_a_gap() -> None:
    assert isinstance(derive_backing(None, None, UNKNOWN, {}), Missing)


def test_the_size_of_huge_pages_comes_from_the_path_the_mount_or_the_host() -> None:
    proxmox = read_arguments(["kvm", "-mem-path", "/run/hugepages/kvm/1048576kB"])
    assert derive_hugepage_size(None, proxmox, {}, 2 * MIB) == GIB
    mounted = read_arguments(["qemu", *BALLOON_ON_HUGEPAGES.split()])
    assert derive_hugepage_size(None, mounted, {"/dev/hugepages": 2 * MIB}, None) == 2 * MIB
    assert derive_hugepage_size(None, read_arguments(["qemu"]), {}, 2 * MIB) == 2 * MIB


@pytest.mark.parametrize(
    ("text", "size"), [("512", 512 * MIB), ("2097152k", 2 * GIB), ("4G", 4 * GIB), ("", None), ("4X", None)]
)
def test_sizes_in_qemus_notation(text: str, size: int | None) -> None:
    assert parse_qemu_size(text, MIB) == size
