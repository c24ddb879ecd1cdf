"""The kernel and initramfs of a guest whose memory we can shape."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from kvmedic.lab.initramfs import build_agent, write_initramfs
from kvmedic.lab.kernel import Kernel, find_kernel
from kvmedic.model.record import Record

# virtio_blk for the guest that fills its host's page cache; KVMEDIC_DRIVER=none on the kernel's command line
# gives a guest whose balloon device never finds a driver.
INIT = """#!/bin/busybox sh
B=/bin/busybox
$B mount -t proc proc /proc
$B mount -t sysfs sys /sys
$B mount -t devtmpfs dev /dev
$B mount -t tmpfs -o size=100% mem /mem
$B --install -s /bin
export PATH=/bin
echo 1 > /proc/sys/vm/overcommit_memory
while read -r module; do
  case "$KVMEDIC_DRIVER$module" in nonevirtio_balloon*) continue;; esac
  /agent insmod "/modules/$module"
done < /modules/order
while :; do
  /agent /dev/ttyS1 /dev/ttyS0
  KVMEDIC_RUN=
  sleep 1
done
"""
MODULES = ("virtio_pci", "virtio_blk", "virtio_balloon")


class GuestImage(Record, frozen=True, kw_only=True):
    """What a domain boots from."""

    kernel: Kernel
    kernel_file: Path
    initramfs_file: Path


def make_guest_image(
    folder: Path, environment: Mapping[str, str], kernel: Kernel | None = None
) -> GuestImage:
    """Put kernel and initramfs in ``folder``, readable for the user that QEMU runs as."""
    chosen = kernel or find_kernel()
    kernel_file = folder / f"vmlinuz-{chosen.release}"
    if not kernel_file.exists():
        kernel_file.write_bytes(chosen.image.read_bytes())
        kernel_file.chmod(0o644)
    initramfs = folder / f"guest-{chosen.release}.cpio"
    if not initramfs.exists():
        agent = build_agent(folder / "agent", environment)
        write_initramfs(initramfs, agent=agent, init=INIT, kernel=chosen, modules=MODULES)
    return GuestImage(kernel=chosen, kernel_file=kernel_file, initramfs_file=initramfs)
