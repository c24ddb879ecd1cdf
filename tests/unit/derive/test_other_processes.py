"""Daemons, services, whether libvirt answers, and the QEMUs that ps or Proxmox tell of."""

from __future__ import annotations

import json

import pytest
from domain_samples import derived, host_evidence, recorded
from host_samples import evidence

from kvmedic.derive.domains import derive_domains
from kvmedic.derive.processes import derive_daemons, derive_libvirt_state, derive_services
from kvmedic.derive.qemu_processes import derive_qemu_processes
from kvmedic.model.gap import Missing, Reason
from kvmedic.units import MIB

STATUS = "Name:\t{name}\nState:\tS (sleeping)\nVmRSS:\t{rss} kB\nVmSwap:\t8 kB\nThreads:\t1\n"


def process(pid: int, name: str, rss_kib: int) -> dict[str, bytes]:
    """The files of one process."""
    fields = " ".join(["1"] * 48)
    return {
        f"proc/{pid}/status": STATUS.format(name=name, rss=rss_kib).encode(),
        f"proc/{pid}/stat": f"{pid} ({name}) S {fields}\n".encode(),
    }


def test_daemons_and_services_are_told_apart_and_sized() -> None:
    kinds = {"kvmedic/process/kinds": b"1 daemon libvirtd\n2 service\n3 service\n4 qemu\n"}
    given = evidence(
        kinds | process(1, "libvirtd", 100) | process(2, "ceph-osd", 200) | process(3, "restic", 300)
    )
    daemons, services = derive_daemons(given), derive_services(given)
    assert not isinstance(daemons, Missing)
    assert not isinstance(services, Missing)
    assert [(daemon.name, daemon.pid, daemon.rss_bytes) for daemon in daemons] == [
        ("libvirtd", 1, 100 * 1024)
    ]
    assert [(service.name, service.swap_bytes) for service in services] == [
        ("restic", 8192),
        ("ceph-osd", 8192),
    ]


def test_a_daemon_that_ended_while_we_read_is_left_out() -> None:
    assert derive_daemons(evidence({"kvmedic/process/kinds": b"1 daemon libvirtd\n"})) == ()


def test_without_a_list_of_processes_all_of_them_are_gaps() -> None:
    for derive in (derive_daemons, derive_services, derive_qemu_processes):
        assert isinstance(derive(evidence({})), Missing)


@pytest.mark.parametrize("word", ["answers", "hung", "absent"])
def test_the_collectors_word_says_how_libvirt_is(word: str) -> None:
    assert derive_libvirt_state(evidence({"kvmedic/libvirt/state": f"{word} and more\n".encode()})) == word


def test_output_of_virsh_in_a_sosreport_is_an_answer() -> None:
    assert (
        derive_libvirt_state(evidence({"sos_commands/virsh/virsh_-r_list_--all": b" Id Name State\n"}))
        == "answers"
    )
    assert isinstance(derive_libvirt_state(evidence({})), Missing)
    assert isinstance(derive_libvirt_state(evidence({"kvmedic/libvirt/state": b"perhaps\n"})), Missing)


def test_ps_lists_qemus_and_nothing_that_only_looks_like_one() -> None:
    text = (
        b"PID RSS STAT COMMAND\n"
        b"7 4096 Sl /usr/bin/kvm -id 101 -name web -m 512\n"
        b"8 1 S grep qemu-system-x86_64 -m\n"
        b"9 1 S /usr/libexec/qemu-kvm -name guest=b,debug-threads=on -m 1024\n"
        b"10 1 S qemu-system-x86_64 -version\n"
    )
    found = derive_qemu_processes(evidence({"sos_commands/process/ps_auxwwwm": text}))
    assert not isinstance(found, Missing)
    assert [(qemu.pid, qemu.rss_bytes) for qemu in found] == [(7, 4 * MIB), (9, 1024)]


def test_a_host_whose_ps_shows_no_qemu_has_none() -> None:
    given = evidence({"sos_commands/process/ps_auxwwwm": b"PID RSS COMMAND\n1 2 init\n"})
    assert derive_qemu_processes(given) == ()


HIDDEN = Missing(source="kvmedic/process/others", reason=Reason.DENIED, detail="hidden")


def test_in_a_container_nobody_claims_that_a_host_has_no_guests_or_daemons() -> None:
    seen: dict[str, bytes | Missing] = {
        "kvmedic/process/kinds": b"",
        "kvmedic/libvirt/state": b"absent no socket\n",
        "kvmedic/process/others": HIDDEN,
    }
    given = evidence(seen)
    assert derive_domains(given, HIDDEN)[0] is HIDDEN
    for derive in (derive_daemons, derive_services, derive_libvirt_state):
        assert derive(given) is HIDDEN


PS = "sos_commands/process/ps_"
THREADS = (
    b"S PID PPID LWP COMMAND\nS 7 1 7 /usr/bin/kvm -name web -m 512\nS 7 1 8 /usr/bin/kvm -name web -m 512\n"
)
MEMORY = b"PID RSS STAT COMMAND\n7 4096 - /usr/bin/kvm -name web -m 512\n"


def test_a_sosreport_of_a_container_says_nothing_of_the_host_around_it() -> None:
    listing = b"PID RSS STAT COMMAND\n1 9000 Ss /sbin/init\n"
    given = evidence({f"{PS}auxwww": listing})
    domains, _ = derive_domains(given, HIDDEN)
    for found in (domains, derive_daemons(given), derive_services(given), derive_libvirt_state(given)):
        assert isinstance(found, Missing)
        assert "container" in found.detail


def test_listings_of_ps_complete_each_other() -> None:
    found = derive_qemu_processes(evidence({f"{PS}-elfL": THREADS, f"{PS}auxwwwm": MEMORY}))
    assert not isinstance(found, Missing)
    assert [(qemu.pid, qemu.state, qemu.rss_bytes) for qemu in found] == [(7, "S", 4 * MIB)]


def test_a_listing_of_ps_tells_daemons_and_services_from_guests() -> None:
    text = (
        b"PID RSS STAT COMMAND\n"
        b"1 9000 Ss /usr/sbin/libvirtd --timeout 120\n"
        b"2 80000 S /usr/bin/python3 /usr/bin/nova-compute --config-file=x\n"
        b"3 900000 S /usr/bin/ceph-osd -f --id 3\n"
        b"4 800000 S /usr/bin/kvm -name web -m 512\n"
        b"5 300 S vim libvirtd\n"
    )
    given = evidence({f"{PS}auxwww": text})
    daemons, services = derive_daemons(given), derive_services(given)
    assert not isinstance(daemons, Missing)
    assert not isinstance(services, Missing)
    assert [(daemon.name, daemon.rss_bytes) for daemon in daemons] == [
        ("libvirtd", 9000 * 1024),
        ("nova-compute", 80000 * 1024),
    ]
    assert all(isinstance(daemon.open_files, Missing) for daemon in daemons)
    assert [(service.name, service.rss_bytes) for service in services] == [("ceph-osd", 900000 * 1024)]


def test_a_sosreport_without_a_daemon_of_libvirt_says_that_there_was_none() -> None:
    listing = b"PID RSS STAT COMMAND\n1 9000 Ss %s\n2 0 S [kthreadd]\n"
    assert derive_libvirt_state(evidence({f"{PS}auxwww": listing % b"/sbin/init"})) == "absent"
    state = derive_libvirt_state(evidence({f"{PS}auxwww": listing % b"/usr/sbin/libvirtd"}))
    assert isinstance(state, Missing)
    assert "libvirtd runs" in state.detail


def test_a_proxmox_guest_takes_its_name_and_its_start_from_its_configuration() -> None:
    nothing: dict[str, bytes | Missing | None] = dict.fromkeys(recorded("cgroup-v1")[0])
    argv = ["kvm", "-id", "101", "-name", "web", "-m", "4096", "-device", "virtio-balloon-pci,id=balloon0"]
    conf = b"name: web-frontend\nmemory: 4096\nballoon: 2048\nonboot: 1\n"
    there: dict[str, bytes | Missing | None] = {
        "kvmedic/libvirt/state": b"absent no read-only socket\n",
        "kvmedic/process/kinds": b"7 qemu\n",
        "kvmedic/process/7/arguments": json.dumps(argv).encode(),
        "etc/pve/qemu-server/101.conf": conf,
        **process(7, "kvm", 4096),
    }
    (domain,) = derived(host_evidence(changes=nothing | there))[0]
    assert (domain.name, domain.managed_by, domain.autostarts) == ("web-frontend", "proxmox", True)
    assert (domain.memory_max_bytes, domain.balloon_configured_bytes) == (4096 * MIB, 2048 * MIB)
    assert (domain.balloon_model, domain.source) == ("virtio", "process")
