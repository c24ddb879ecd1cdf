"""The QEMU command line of a nested host."""

from __future__ import annotations

from pathlib import Path

from kvmedic.model.record import Record


class NestedWish(Record, frozen=True, kw_only=True):
    """What kind of nested host is wanted."""

    memory_mib: int = 3072
    cpus: int = 2
    numa_nodes: int = 1
    """Equal parts of memory and CPUs."""
    swap_mib: int = 0
    data_mib: int = 0
    """An ext4 disk at /data that survives resets."""
    has_libvirt: bool = True
    kernel_words: tuple[str, ...] = ()
    """More for the kernel's command line, for example ``transparent_hugepage=madvise``."""
    address: str | None = None
    """Address with prefix length for the network card (``10.0.2.15/24``); libvirtd then listens."""
    without_cpu: tuple[str, ...] = ()
    """CPU features that this host lacks, for example ``avx2``."""
    network: tuple[str, ...] = ()
    """QEMU arguments that make the card, for example ``-nic user,restrict=on,hostfwd=…``."""


def nested_command(wish: NestedWish, *, name: str, folder: Path, kernel: Path, initramfs: Path) -> list[str]:
    """The command. A panic reboots after a second, as ``reset`` does; the watchdog card is there, unarmed."""
    return [
        *("qemu-system-x86_64", "-name", name, "-nodefaults", "-no-user-config", "-display", "none"),
        *("-machine", "q35", "-accel", "tcg,thread=multi"),
        *("-cpu", ",-".join(("max", "erms", "fsrm", *wish.without_cpu))),
        *_memory(wish),
        *("-kernel", str(kernel), "-initrd", str(initramfs), "-append", _kernel_words(wish)),
        *("-chardev", f"file,id=console,path={folder}/console.log,append=on", "-serial", "chardev:console"),
        *("-serial", f"unix:{folder}/agent.sock,server=on,wait=off"),
        *("-qmp", f"unix:{folder}/qmp.sock,server=on,wait=off"),
        *("-device", "i6300esb"),
        *_share("root", Path("/"), ",readonly=on"),
        *_share("exchange", folder / "exchange", ""),
        *_disk("swap", wish.swap_mib, folder),
        *_disk("data", wish.data_mib, folder),
        *wish.network,
    ]


def _kernel_words(wish: NestedWish) -> str:
    return " ".join(["console=ttyS0", "panic=1", "loglevel=5", *wish.kernel_words])


def _memory(wish: NestedWish) -> list[str]:
    size = ["-m", f"{wish.memory_mib}M", "-smp", str(wish.cpus)]
    if wish.numa_nodes == 1:
        return size
    share_mib, cpus = wish.memory_mib // wish.numa_nodes, wish.cpus // wish.numa_nodes
    for node in range(wish.numa_nodes):
        last = (node + 1) * cpus - 1
        size += ["-object", f"memory-backend-ram,id=ram{node},size={share_mib}M"]
        size += ["-numa", f"node,nodeid={node},memdev=ram{node},cpus={node * cpus}-{last}"]
    return size


def _share(tag: str, path: Path, options: str) -> list[str]:
    return [
        "-fsdev",
        f"local,id={tag},path={path},security_model=none,multidevs=remap{options}",
        "-device",
        f"virtio-9p-pci,fsdev={tag},mount_tag={tag}",
    ]


def _disk(serial: str, size_mib: int, folder: Path) -> list[str]:
    if not size_mib:
        return []
    return [
        "-drive",
        f"if=none,id={serial},file={folder}/{serial}.disk,format=raw",
        "-device",
        f"virtio-blk-pci,drive={serial},serial={serial}",
    ]
