"""Why QEMU cannot give ballooned memory back to the host, and what the guest's memory is made of.

QEMU stops discarding while a user of the memory needs its pages to stay (system/physmem.c,
ram_block_discard_disable; hw/virtio/virtio-balloon.c, virtio_balloon_inhibited); the kernel refuses to
discard locked memory (mm/madvise.c), and a discard of 4 KiB never frees a hugetlb page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from kvmedic.model.domain import Backing, ProcessFacts
from kvmedic.model.gap import Missing, Reason
from kvmedic.parse.domain_xml import DomainDefinition
from kvmedic.parse.qemu_arguments import MemoryBackend, QemuArguments
from kvmedic.units import GIB, KIB, MIB

_GUARDS = {"sev-guest": "sev", "sev-snp-guest": "sev-snp", "tdx-guest": "tdx", "s390-pv-guest": "s390-pv"}
_SIZE_IN_PATH = re.compile(r"([0-9]{1,9})kB(?:/|$)")
_SIZE = re.compile(r"([0-9]{1,15})([kKMGT]?)i?B?")
_SCALES = {"k": KIB, "K": KIB, "M": MIB, "G": GIB, "T": 1024 * GIB, "": 1}
_LOCKED_SHARE = 0.5


def derive_inhibitors(
    *,
    definition: DomainDefinition | None,
    arguments: QemuArguments | None,
    process: ProcessFacts | Missing,
    backing: Backing | Missing,
    memory_max_bytes: int | Missing,
    state_reason: str | None,
) -> tuple[str, ...]:
    """The reasons, each once: "hugetlb", "vfio", "vdpa", "sev" and its kin, "locked", "post-copy"."""
    found = (
        *(("hugetlb",) if backing == "hugetlb" else ()),
        *_by_definition(definition),
        *_by_arguments(arguments),
        *(("locked",) if _is_mostly_locked(process, memory_max_bytes) else ()),
        *(("post-copy",) if state_reason == "post-copy" else ()),
    )
    return tuple(dict.fromkeys(found))


def derive_backing(
    definition: DomainDefinition | None,
    arguments: QemuArguments | None,
    process: ProcessFacts | Missing,
    mounts: Mapping[str, int | None],
) -> Backing | Missing:
    """What guest RAM is made of: by QEMU's arguments, else by the definition. Shared RAM counts as memfd.

    A QEMU that maps hugetlb pages has them as guest RAM, also where its mounts are not ours to see.
    """
    if _maps_hugetlb(process):
        return "hugetlb"
    if arguments is not None:
        return _backing_of_arguments(arguments, mounts)
    if definition is None:
        detail = "neither a definition nor QEMU's arguments"
        return Missing(source="backing of memory", reason=Reason.NOT_FOUND, detail=detail)
    if definition.hugepage_size_bytes is not None:
        return "hugetlb"
    if definition.source_type is not None:
        return definition.source_type
    return "file" if definition.is_shared else "anonymous"


def derive_hugepage_size(
    definition: DomainDefinition | None,
    arguments: QemuArguments | None,
    mounts: Mapping[str, int | None],
    default_bytes: int | None,
) -> int | None:
    """Bytes of the hugetlb pages that guest RAM is made of; None where it is not, or nothing tells."""
    if definition is not None and definition.hugepage_size_bytes:
        return definition.hugepage_size_bytes
    for backend in () if arguments is None else arguments.backends:
        size = parse_qemu_size(backend.hugetlb_size or "", 1) or _size_of_path(backend.mem_path, mounts)
        if size:
            return size
    return (arguments and _size_of_path(arguments.mem_path, mounts)) or default_bytes


def parse_qemu_size(text: str, bare_scale: int) -> int | None:
    """A size in QEMU's notation ("4G", "2097152k"); a bare number is in units of ``bare_scale`` bytes."""
    match = _SIZE.fullmatch(text)
    if match is None:
        return None
    return int(match[1]) * (_SCALES[match[2]] if match[2] else bare_scale)


def _by_definition(definition: DomainDefinition | None) -> Iterator[str]:
    if definition is None:
        return
    if definition.vfio:
        yield "vfio"
    if definition.has_vdpa:
        yield "vdpa"
    if definition.launch_security:
        yield definition.launch_security
    if definition.is_locked:
        yield "locked"


def _by_arguments(arguments: QemuArguments | None) -> Iterator[str]:
    if arguments is None:
        return
    if arguments.vfio:
        yield "vfio"
    if arguments.has_vdpa:
        yield "vdpa"
    if arguments.guard:
        yield _GUARDS.get(arguments.guard, arguments.guard)
    if arguments.is_memory_locked:
        yield "locked"


def _maps_hugetlb(process: ProcessFacts | Missing) -> bool:
    mapped = process if isinstance(process, Missing) else process.hugetlb_bytes
    return not isinstance(mapped, Missing) and mapped > 0


def _is_mostly_locked(process: ProcessFacts | Missing, memory_max_bytes: int | Missing) -> bool:
    if isinstance(process, Missing) or isinstance(memory_max_bytes, Missing):
        return False
    locked = process.locked_bytes
    return not isinstance(locked, Missing) and locked > _LOCKED_SHARE * memory_max_bytes > 0


def _backing_of_arguments(arguments: QemuArguments, mounts: Mapping[str, int | None]) -> Backing:
    backends = arguments.backends
    if any(_is_hugetlb(backend, mounts) for backend in backends) or _is_on_hugetlbfs(
        arguments.mem_path, mounts
    ):
        return "hugetlb"
    private = [backend for backend in backends if backend.kind == "ram"]
    if private:
        return "memfd" if all(backend.is_shared for backend in private) else "anonymous"
    if any(backend.kind == "memfd" for backend in backends):
        return "memfd"
    return "file" if backends or arguments.mem_path else "anonymous"


def _is_hugetlb(backend: MemoryBackend, mounts: Mapping[str, int | None]) -> bool:
    return backend.is_hugetlb or _is_on_hugetlbfs(backend.mem_path, mounts)


def _is_on_hugetlbfs(path: str | None, mounts: Mapping[str, int | None]) -> bool:
    return path is not None and ("hugepages" in path or _mount_of(path, mounts) is not None)


def _mount_of(path: str, mounts: Mapping[str, int | None]) -> str | None:
    around = [mount for mount in mounts if path == mount or path.startswith(f"{mount}/")]
    return max(around, key=len, default=None)


def _size_of_path(path: str | None, mounts: Mapping[str, int | None]) -> int | None:
    if path is None:
        return None
    mount = _mount_of(path, mounts)
    if mount is not None and mounts[mount]:
        return mounts[mount]
    match = _SIZE_IN_PATH.search(path)
    return int(match[1]) * KIB if match else None
