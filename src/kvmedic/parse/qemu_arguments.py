"""What a QEMU's arguments say of its memory, its balloon and who wrote them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from kvmedic.errors import ParseError
from kvmedic.model.record import Record
from kvmedic.parse.qemu_command_line import GUARDS, Pairs, options_of, pairs_of, program_of, safe_arguments


class MemoryBackend(Record, frozen=True, kw_only=True):
    """One -object memory-backend-*: ``host_nodes`` as a list when it binds ("bind"), None otherwise."""

    kind: str
    size: str | None
    mem_path: str | None
    is_hugetlb: bool
    hugetlb_size: str | None
    is_shared: bool
    host_nodes: str | None
    is_preallocated: bool


class QemuArguments(Record, frozen=True, kw_only=True):
    """What a QEMU's arguments say; None where they do not. ``memory`` as written ("2097152k", "512": MiB).

    ``dimm_sizes`` are those of the pc-dimms, which stand beside ``memory`` (bare numbers: bytes). QEMU counts
    them to what a balloon may take (hw/virtio/virtio-balloon.c, get_current_ram_size).
    """

    name: str | None
    proxmox_id: str | None
    uuid: str | None
    memory: str | None
    vcpus: int | None
    accelerator: str | None
    balloons: tuple[Mapping[str, str], ...]
    backends: tuple[MemoryBackend, ...]
    dimm_sizes: tuple[str, ...]
    mem_path: str | None
    vfio: tuple[str, ...]
    has_vdpa: bool
    guard: str | None
    is_memory_locked: bool
    starts_paused: bool
    is_from_libvirt: bool


def parse_qemu_arguments(text: str, source: str) -> QemuArguments:
    """What a JSON list of safe arguments says. A ParseError where it is no list of strings."""
    try:
        argv = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ParseError(source, 1, text, "a JSON list of strings") from error
    if not isinstance(argv, list) or not all(isinstance(word, str) for word in argv):
        raise ParseError(source, 1, text, "a JSON list of strings")
    return read_arguments(argv)


def read_arguments(argv: Sequence[str]) -> QemuArguments:
    """What a QEMU's arguments say, whether they were reduced before or not."""
    options = [(option, pairs_of(option, value)) for option, value in options_of(safe_arguments(argv)[1:])]
    devices = [pairs for option, pairs in options if option == "-device"]
    objects = [pairs for option, pairs in options if option == "-object"]
    uuid = _first(options, "-uuid", "uuid")
    return QemuArguments(
        name=_first(options, "-name", "guest"),
        proxmox_id=_first(options, "-id", "id"),
        uuid=uuid.lower() if uuid else None,
        memory=_first(options, "-m", "size"),
        vcpus=_vcpus(options),
        accelerator=_accelerator(options, program_of(argv[0]) if argv else ""),
        balloons=tuple(pairs for pairs in devices if pairs["driver"].startswith("virtio-balloon")),
        backends=tuple(map(_backend, filter(_is_backend, objects))),
        dimm_sizes=_dimm_sizes(devices, objects),
        mem_path=_first(options, "-mem-path", "mem-path"),
        vfio=tuple(pairs["driver"] for pairs in devices if pairs["driver"].startswith("vfio-")),
        has_vdpa=_has_vdpa(options, devices),
        guard=next((pairs["qom-type"] for pairs in objects if pairs["qom-type"] in GUARDS), None),
        is_memory_locked=_is_locked(options),
        starts_paused=any(option == "-S" for option, _ in options),
        is_from_libvirt=_names_guest(argv),
    )


def _names_guest(argv: Sequence[str]) -> bool:
    """libvirt writes -name guest=…; the others give the bare name."""
    return any(
        option == "-name" and (value or "").startswith("guest=") for option, value in options_of(argv[1:])
    )


def _first(options: Sequence[tuple[str, Pairs]], option: str, key: str) -> str | None:
    return next((pairs[key] for name, pairs in options if name == option and pairs.get(key)), None)


def _vcpus(options: Sequence[tuple[str, Pairs]]) -> int | None:
    written = _first(options, "-smp", "cpus")
    return int(written) if written and written.isascii() and written.isdigit() and len(written) < 8 else None


def _accelerator(options: Sequence[tuple[str, Pairs]], program: str) -> str | None:
    """The one QEMU tries first: by -accel or -machine accel=kvm:tcg; a program …kvm takes KVM unasked."""
    named = _first(options, "-accel", "accel") or _first(options, "-machine", "accel")
    if named is not None:
        return named.split(":")[0]
    is_kvm = program.endswith("kvm") or any(option == "-enable-kvm" for option, _ in options)
    return "kvm" if is_kvm else None


def _is_backend(pairs: Pairs) -> bool:
    return pairs["qom-type"].startswith("memory-backend-")


def _backend(pairs: Pairs) -> MemoryBackend:
    is_bound = pairs.get("policy") == "bind"
    return MemoryBackend(
        kind=pairs["qom-type"].removeprefix("memory-backend-"),
        size=pairs.get("size"),
        mem_path=pairs.get("mem-path"),
        is_hugetlb=_is_on(pairs.get("hugetlb")),
        hugetlb_size=pairs.get("hugetlbsize"),
        is_shared=_is_on(pairs.get("share")),
        host_nodes=pairs.get("host-nodes") if is_bound else None,
        is_preallocated=_is_on(pairs.get("prealloc")),
    )


def _dimm_sizes(devices: Sequence[Pairs], objects: Sequence[Pairs]) -> tuple[str, ...]:
    sizes = {
        pairs["id"]: pairs["size"] for pairs in filter(_is_backend, objects) if {"id", "size"} <= pairs.keys()
    }
    plugged = (pairs.get("memdev", "") for pairs in devices if pairs["driver"] == "pc-dimm")
    return tuple(sizes[memdev] for memdev in plugged if memdev in sizes)


def _is_on(word: str | None) -> bool:
    return word in {"on", "yes", "true", "y"}


def _has_vdpa(options: Sequence[tuple[str, Pairs]], devices: Sequence[Pairs]) -> bool:
    is_netdev = any(option == "-netdev" for option, _ in options)
    return is_netdev or any(pairs["driver"].startswith("vhost-vdpa") for pairs in devices)


def _is_locked(options: Sequence[tuple[str, Pairs]]) -> bool:
    return _is_on(_first(options, "-overcommit", "mem-lock")) or _is_on(_first(options, "-realtime", "mlock"))
