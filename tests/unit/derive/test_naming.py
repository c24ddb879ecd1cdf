"""Which domain a cgroup belongs to, in the layouts of libvirt, systemd and Proxmox."""

from __future__ import annotations

import pytest

from kvmedic.derive.naming import domain_of_cgroup


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/machine.slice/machine-qemu\\x2d3\\x2dweb\\x2d01.scope/libvirt/emulator", "web-01"),
        ("/machine.slice/machine-qemu-12-db.scope", "db"),
        ("/machine/qemu-2-db-02.libvirt-qemu", "db-02"),
        ("/machine/web01.libvirt-qemu/emulator", "web01"),
        ("/libvirt/qemu/db02/vcpu0", "db02"),
        ("/qemu.slice/101.scope", "101"),
        ("/system.slice/docker-0a1b.scope", None),
        ("/", None),
        (None, None),
    ],
)
def test_the_name_is_taken_from_the_path(path: str | None, name: str | None) -> None:
    assert domain_of_cgroup(path) == name
