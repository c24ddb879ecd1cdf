"""QEMU's arguments: reduced to known-safe keys before anything keeps them, then read for facts of memory.

Three writers are known: libvirt (JSON or key=value after -device and -object), Proxmox (``-id 101``,
``-name vm,debug-threads=on``) and people. One normal form comes out: an option, and its value as
``key=value,…``, a comma inside a value doubled, as QEMU's own parser has it (util/qemu-option.c).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from kvmedic.errors import ParseError
from kvmedic.model.record import Record

Pairs = dict[str, str]

_FLAGS = frozenset({"-S", "-enable-kvm", "-daemonize", "-mem-prealloc", "-no-shutdown", "-nodefaults"})
_MEMORY_KEYS = frozenset(
    {
        *("qom-type", "id", "size", "host-nodes", "policy", "prealloc", "share", "hugetlb", "hugetlbsize"),
        *("mem-path", "merge", "reserve", "pmem", "align"),
    }
)
_DEVICE_KEYS = frozenset(
    {
        *(
            "driver",
            "id",
            "deflate-on-oom",
            "free-page-reporting",
            "free-page-hint",
            "guest-stats-polling-interval",
        ),
        *("host", "sysfsdev", "x-balloon-allowed", "memdev", "size", "requested-size", "node"),
    }
)
_DEVICES = ("virtio-balloon", "vfio-", "vhost-vdpa", "pc-dimm", "nvdimm", "virtio-mem", "virtio-pmem")
_OBJECTS = ("memory-backend-",)
_GUARDS = ("sev-guest", "sev-snp-guest", "tdx-guest", "s390-pv-guest", "pef-guest", "arm-rme-guest")
_KEYS: Mapping[str, tuple[str, frozenset[str]]] = {
    "-name": ("guest", frozenset({"guest"})),
    "-id": ("id", frozenset({"id"})),
    "-uuid": ("uuid", frozenset({"uuid"})),
    "-m": ("size", frozenset({"size", "slots", "maxmem"})),
    "-smp": ("cpus", frozenset({"cpus", "maxcpus", "sockets", "cores", "threads", "dies"})),
    "-machine": (
        "type",
        frozenset({"type", "accel", "memory-backend", "mem-merge", "confidential-guest-support"}),
    ),
    "-accel": ("accel", frozenset({"accel", "kvm-shadow-mem"})),
    "-overcommit": ("mem-lock", frozenset({"mem-lock", "cpu-pm"})),
    "-realtime": ("mlock", frozenset({"mlock"})),
    "-mem-path": ("mem-path", frozenset({"mem-path"})),
    "-numa": ("type", frozenset({"type", "nodeid", "cpus", "mem", "memdev"})),
    "-netdev": ("type", frozenset({"type", "id"})),
    "-object": ("qom-type", _MEMORY_KEYS),
    "-device": ("driver", _DEVICE_KEYS),
}
_SAME_AS = {"-M": "-machine", "-memory": "-m"}
_LONGEST = 1024

SAFE_OPTIONS = frozenset({*_KEYS, *_SAME_AS})
SAFE_KEYS = frozenset().union(*(keys for _, keys in _KEYS.values()))
"""Options with a value, and their keys, that may be kept; the collector makes its first cut by them."""


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


def safe_arguments(argv: Sequence[str]) -> list[str]:
    """The program and those options and keys that are known to hold no secret, in the normal form.

    An option, a device, an object or a key that is not listed above is dropped with its value: passwords,
    secret objects, disks and their keys, kernel command lines, firmware and SMBIOS strings, addresses.
    """
    if not argv:
        return []
    safe = [_program(argv[0])]
    for option, value in _options(argv[1:]):
        if option in _FLAGS:
            safe.append(option)
        elif option in _KEYS and value is not None:
            kept = _kept(option, value)
            safe.extend([option, _joined(kept, is_bare=_is_bare(option, value))] if kept else [])
    return safe


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
    options = [(option, _pairs(option, value)) for option, value in _options(safe_arguments(argv)[1:])]
    devices = [pairs for option, pairs in options if option == "-device"]
    objects = [pairs for option, pairs in options if option == "-object"]
    uuid = _first(options, "-uuid", "uuid")
    return QemuArguments(
        name=_first(options, "-name", "guest"),
        proxmox_id=_first(options, "-id", "id"),
        uuid=uuid.lower() if uuid else None,
        memory=_first(options, "-m", "size"),
        vcpus=_vcpus(options),
        balloons=tuple(pairs for pairs in devices if pairs["driver"].startswith("virtio-balloon")),
        backends=tuple(map(_backend, filter(_is_backend, objects))),
        dimm_sizes=_dimm_sizes(devices, objects),
        mem_path=_first(options, "-mem-path", "mem-path"),
        vfio=tuple(pairs["driver"] for pairs in devices if pairs["driver"].startswith("vfio-")),
        has_vdpa=_has_vdpa(options, devices),
        guard=next((pairs["qom-type"] for pairs in objects if pairs["qom-type"] in _GUARDS), None),
        is_memory_locked=_is_locked(options),
        starts_paused=any(option == "-S" for option, _ in options),
        is_from_libvirt=_names_guest(argv),
    )


def _names_guest(argv: Sequence[str]) -> bool:
    """libvirt writes -name guest=…; the others give the bare name."""
    return any(
        option == "-name" and (value or "").startswith("guest=") for option, value in _options(argv[1:])
    )


def _program(word: str) -> str:
    name = word.rpartition("/")[2]
    return (
        name
        if name.startswith(("qemu", "kvm")) and name.replace("-", "").replace("_", "").isalnum()
        else "qemu"
    )


def _options(argv: Sequence[str]) -> Iterator[tuple[str, str | None]]:
    """Each option with its value; QEMU takes one dash or two. A word that is no option is an image's name."""
    words = iter(argv)
    for word in words:
        if not word.startswith("-"):
            continue
        option = "-" + word.lstrip("-")
        option = _SAME_AS.get(option, option)
        yield option, (next(words, None) if option in _KEYS else None)


def _kept(option: str, value: str) -> Pairs:
    pairs = _pairs(option, value)
    kind, keys = _KEYS[option]
    known = _is_known(option, pairs.get(kind, ""))
    if known is None:
        return {}
    return {key: pairs[key][:_LONGEST] for key in pairs if key in keys and (known or key == kind)}


def _is_known(option: str, kind: str) -> bool | None:
    """True: its keys may be kept; False: its kind only; None: nothing of it."""
    match option:
        case "-object":
            return True if kind.startswith(_OBJECTS) else (False if kind in _GUARDS else None)
        case "-device":
            return True if kind.startswith(_DEVICES) else None
        case "-netdev":
            return False if kind == "vhost-vdpa" else None
        case _:
            return True


def _pairs(option: str, value: str | None) -> Pairs:
    """The keys and values behind an option; the first may stand without its key."""
    if value is None or option not in _KEYS:
        return {}
    if value.startswith("{"):
        return _json_pairs(value)
    implied, pairs = _KEYS[option][0], Pairs()
    for index, part in enumerate(_split(value)):
        key, equals, rest = part.partition("=")
        if not equals and index == 0:
            pairs[implied] = key
        elif not equals:
            pairs[key] = "on"
        else:
            pairs[key] = f"{pairs[key]},{rest}" if key == "host-nodes" and key in pairs else rest
    return pairs


def _split(value: str) -> list[str]:
    """Parts between single commas; two commas are one comma of the value."""
    return [part.replace("\0", ",") for part in value.replace("\0", "").replace(",,", "\0").split(",")]


def _json_pairs(value: str) -> Pairs:
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return {}
    return {key: _plain(inner) for key, inner in found.items()} if isinstance(found, dict) else {}


def _plain(value: object) -> str:
    match value:
        case bool():
            return "on" if value else "off"
        case list():
            return ",".join(map(_plain, value))
        case str() | int() | float():
            return str(value)
        case _:
            return ""


def _is_bare(option: str, value: str) -> bool:
    """A name without its key is kept so: libvirt writes -name guest=…, the others do not."""
    return option == "-name" and not value.startswith("guest=")


def _joined(pairs: Pairs, *, is_bare: bool) -> str:
    if is_bare:
        return pairs["guest"].replace(",", ",,")
    return ",".join(f"{key}={value.replace(',', ',,')}" for key, value in pairs.items())


def _first(options: Sequence[tuple[str, Pairs]], option: str, key: str) -> str | None:
    return next((pairs[key] for name, pairs in options if name == option and pairs.get(key)), None)


def _vcpus(options: Sequence[tuple[str, Pairs]]) -> int | None:
    written = _first(options, "-smp", "cpus")
    return int(written) if written and written.isascii() and written.isdigit() and len(written) < 8 else None


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
