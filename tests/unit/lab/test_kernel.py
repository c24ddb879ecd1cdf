"""Kernels and their modules, on a folder laid out as /boot and /lib/modules are."""

from __future__ import annotations

from pathlib import Path

import pytest

from kvmedic.errors import UsageError
from kvmedic.lab import kernel

DEPENDENCIES = """kernel/drivers/virtio/virtio_pci.ko.xz: kernel/drivers/virtio/virtio.ko.xz kernel/drivers/virtio/virtio_ring.ko.xz
kernel/drivers/virtio/virtio.ko.xz: kernel/drivers/virtio/virtio_ring.ko.xz
kernel/drivers/virtio/virtio_ring.ko.xz:
kernel/arch/x86/kvm/kvm-amd.ko.xz:
"""  # noqa: E501


@pytest.fixture
def releases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for release in ("6.1.0-9-amd64", "6.12.5-amd64"):
        modules = tmp_path / "modules" / release
        modules.mkdir(parents=True)
        (modules / "modules.dep").write_text(DEPENDENCIES)
        (tmp_path / f"vmlinuz-{release}").touch()
    monkeypatch.setattr(kernel, "BOOT", tmp_path)
    monkeypatch.setattr(kernel, "MODULES", tmp_path / "modules")
    return tmp_path


@pytest.mark.usefixtures("releases")
def test_releases_are_ordered_by_number_and_not_by_letter() -> None:
    assert [found.release for found in kernel.installed_kernels()] == ["6.12.5-amd64", "6.1.0-9-amd64"]
    assert kernel.find_kernel().release == "6.1.0-9-amd64"
    assert kernel.find_kernel("6.12").release == "6.12.5-amd64"


def test_a_kernel_without_modules_is_not_offered(releases: Path) -> None:
    (releases / "modules" / "6.12.5-amd64" / "modules.dep").unlink()

    with pytest.raises(UsageError, match=r"no bootable kernel 6\.12"):
        kernel.find_kernel("6.12")


@pytest.mark.usefixtures("releases")
def test_what_a_module_needs_is_loaded_before_it_and_only_once() -> None:
    files = kernel.module_files(kernel.find_kernel(), ["virtio_pci", "virtio", "kvm_amd", "built_in"])

    assert [path.name for path in files] == [
        "virtio_ring.ko.xz",
        "virtio.ko.xz",
        "virtio_pci.ko.xz",
        "kvm-amd.ko.xz",
    ]
