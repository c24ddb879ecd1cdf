"""Pseudonyms: stable, told by form, and a last search that leaves out what it could not clean."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmedic.derive.pseudonyms import Pseudonyms, with_pseudonyms
from kvmedic.model.evidence import Evidence, Target
from kvmedic.model.gap import Missing, Reason

KEY = b"k" * 32
NAMES = Pseudonyms(KEY, ["web-01"], ["kvm07"])


def evidence_of(files: dict[str, bytes | Missing]) -> Evidence:
    named = {"proc/sys/kernel/hostname": b"kvm07\n", **files}
    return Evidence(
        target=Target(kind="host", name="kvm07"), taken_at=1.0, interval_s=1.0, files=named, again={}
    )


@pytest.mark.parametrize(
    "text",
    [
        "10.1.2.3",
        "fe80::5054:ff:feab:cdef",
        "2001:db8:0:1:2:3:4:5",
        "52:54:00:AB:cd:ef",
        "6a1bb7a4-92c4-4b3a-9a0c-3f5b0a4c7d11",
    ],
)
def test_addresses_are_told_by_their_form(text: str) -> None:
    shown = NAMES.addresses(f"<{text}>")
    assert text not in shown
    assert NAMES.addresses(f"<{text}>") == shown


@pytest.mark.parametrize("text", ["127.0.0.1", "::", "::1", "6.1.0-49", "12:34:56", "1.2.3", "300.1.1.1"])
def test_what_only_looks_like_an_address_stays(text: str) -> None:
    assert NAMES.addresses(text) == text


def test_a_uuid_stays_a_uuid_and_an_address_of_a_card_stays_one() -> None:
    uuid = NAMES.addresses("6A1BB7A4-92c4-4b3a-9a0c-3f5b0a4c7d11")
    assert re.fullmatch(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", uuid)
    assert uuid == NAMES.addresses("6a1bb7a4-92c4-4b3a-9a0c-3f5b0a4c7d11")
    assert re.fullmatch(r"02(?::[0-9a-f]{2}){5}", NAMES.addresses("52:54:00:ab:cd:ef"))


def test_versions_of_software_are_no_addresses() -> None:
    release = b"5.15.0-3.60.5.1.el8uek.x86_64\n"
    assert (
        with_pseudonyms(evidence_of({"proc/sys/kernel/osrelease": release}), KEY).read(
            "proc/sys/kernel/osrelease"
        )
        == release
    )


def test_a_file_that_still_holds_a_name_is_left_out_and_named() -> None:
    found = with_pseudonyms(
        evidence_of({"etc/pve/qemu-server/1.conf": b"name: web-01\nostype: web-01\n"}), KEY
    ).read("etc/pve/qemu-server/1.conf")
    assert isinstance(found, Missing)
    assert "left out" in found.detail


def test_gaps_do_not_tell_names_either() -> None:
    gap = Missing(
        source="sos_commands/virsh/virsh_-r_dominfo_web-01",
        reason=Reason.TIMED_OUT,
        detail="web-01 is busy at 10.1.2.3",
    )
    files: dict[str, bytes | Missing] = {
        gap.source: gap,
        "sos_commands/virsh/virsh_-r_domstats": b"Domain: 'web-01'\n",
    }
    shown = repr(with_pseudonyms(evidence_of(files), KEY))
    assert "web-01" not in shown
    assert "10.1.2.3" not in shown
    assert "kvm07" not in shown


@given(st.text("abcxyz-_.0123", min_size=4, max_size=20).filter(lambda name: name.strip("-_.") == name))
def test_no_name_of_a_domain_survives_where_names_stand(name: str) -> None:
    name = f"zz{name}qq"
    files: dict[str, bytes | Missing] = {
        "sos_commands/virsh/virsh_-r_domstats": f"Domain: '{name}'\n  block.0.path=/x/{name}\n".encode(),
        f"etc/libvirt/qemu/{name}.xml": f"<domain><name>{name}</name></domain>".encode(),
        "kvmedic/process/7/arguments": f'["qemu-system-x86_64", "-name", "guest={name}"]'.encode(),
        f"sos_commands/virsh/virsh_-r_dumpxml_{name}": f"<domain><name>{name}</name></domain>".encode(),
        "proc/7/cgroup": f"0::/machine/qemu-3-{name}.libvirt-qemu\n".encode(),
    }
    shown = with_pseudonyms(evidence_of(files), KEY)
    assert name not in repr(shown)
    assert len(shown.files) == len(files) + 1
    assert all(isinstance(data, bytes) for data in shown.files.values())
