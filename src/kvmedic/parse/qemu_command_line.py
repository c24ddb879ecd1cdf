"""QEMU's arguments, reduced to known-safe keys before anything keeps them.

Three writers are known: libvirt (JSON or key=value after -device and -object), Proxmox (``-id 101``,
``-name vm,debug-threads=on``) and people. One normal form comes out: an option, and its value as
``key=value,…``, a comma inside a value doubled, as QEMU's own parser has it (util/qemu-option.c).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

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
GUARDS = ("sev-guest", "sev-snp-guest", "tdx-guest", "s390-pv-guest", "pef-guest", "arm-rme-guest")
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


def safe_arguments(argv: Sequence[str]) -> list[str]:
    """The program and those options and keys that are known to hold no secret, in the normal form.

    An option, a device, an object or a key that is not listed above is dropped with its value: passwords,
    secret objects, disks and their keys, kernel command lines, firmware and SMBIOS strings, addresses.
    """
    if not argv:
        return []
    safe = [program_of(argv[0])]
    for option, value in options_of(argv[1:]):
        if option in _FLAGS:
            safe.append(option)
        elif option in _KEYS and value is not None:
            kept = _kept(option, value)
            safe.extend([option, _joined(kept, is_bare=_is_bare(option, value))] if kept else [])
    return safe


def program_of(word: str) -> str:
    name = word.rpartition("/")[2]
    return (
        name
        if name.startswith(("qemu", "kvm")) and name.replace("-", "").replace("_", "").isalnum()
        else "qemu"
    )


def options_of(argv: Sequence[str]) -> Iterator[tuple[str, str | None]]:
    """Each option with its value; QEMU takes one dash or two. A word that is no option is an image's name."""
    words = iter(argv)
    for word in words:
        if not word.startswith("-"):
            continue
        option = "-" + word.lstrip("-")
        option = _SAME_AS.get(option, option)
        yield option, (next(words, None) if option in _KEYS else None)


def _kept(option: str, value: str) -> Pairs:
    pairs = pairs_of(option, value)
    kind, keys = _KEYS[option]
    known = _is_known(option, pairs.get(kind, ""))
    if known is None:
        return {}
    return {key: pairs[key][:_LONGEST] for key in pairs if key in keys and (known or key == kind)}


def _is_known(option: str, kind: str) -> bool | None:
    """True: its keys may be kept; False: its kind only; None: nothing of it."""
    match option:
        case "-object":
            return True if kind.startswith(_OBJECTS) else (False if kind in GUARDS else None)
        case "-device":
            return True if kind.startswith(_DEVICES) else None
        case "-netdev":
            return False if kind == "vhost-vdpa" else None
        case _:
            return True


def pairs_of(option: str, value: str | None) -> Pairs:
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
