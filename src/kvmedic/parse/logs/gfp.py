"""The flags of an allocation request: named (since 4.6), or only as a number in one of two old layouts.

Sources: include/linux/gfp.h and include/trace/events/mmflags.h of 3.2, 4.4, 5.10 and 6.12. The bits moved
between 4.3 and 4.4 (__GFP_WAIT became two flags) and names are printed since 4.6, so a bare number is of
one of those two layouts, and the bits themselves tell which.
"""

from __future__ import annotations

import re
from typing import Final

from kvmedic.model.memory_report import GfpMask
from kvmedic.parse.logs.numbers import hexadecimal

_RECLAIM: Final = ("__GFP_DIRECT_RECLAIM", "__GFP_KSWAPD_RECLAIM")
_KERNEL: Final = (*_RECLAIM, "__GFP_IO", "__GFP_FS")
_USER: Final = (*_KERNEL, "__GFP_HARDWALL")
_MOVABLE: Final = (*_USER, "__GFP_HIGHMEM", "__GFP_MOVABLE")
_THP_LIGHT: Final = (
    "__GFP_IO", "__GFP_FS", "__GFP_HARDWALL", "__GFP_HIGHMEM", "__GFP_MOVABLE", "__GFP_COMP",
    "__GFP_NOMEMALLOC", "__GFP_NOWARN",
)  # fmt: skip

COMPOSITES: Final[dict[str, tuple[str, ...]]] = {
    "__GFP_RECLAIM": _RECLAIM,
    "GFP_ATOMIC": ("__GFP_HIGH", "__GFP_ATOMIC", "__GFP_KSWAPD_RECLAIM"),
    "GFP_NOWAIT": ("__GFP_KSWAPD_RECLAIM",),
    "GFP_KERNEL": _KERNEL,
    "GFP_KERNEL_ACCOUNT": (*_KERNEL, "__GFP_ACCOUNT"),
    "GFP_TEMPORARY": (*_KERNEL, "__GFP_RECLAIMABLE"),
    "GFP_NOIO": _RECLAIM,
    "GFP_NOFS": (*_RECLAIM, "__GFP_IO"),
    "GFP_USER": _USER,
    "GFP_DMA": ("__GFP_DMA",),
    "GFP_DMA32": ("__GFP_DMA32",),
    "GFP_HIGHUSER": (*_USER, "__GFP_HIGHMEM"),
    "GFP_HIGHUSER_MOVABLE": _MOVABLE,
    "GFP_TRANSHUGE_LIGHT": _THP_LIGHT,
    "GFP_TRANSHUGE": (*_THP_LIGHT, "__GFP_DIRECT_RECLAIM"),
    "__GFP_WAIT": _RECLAIM,
    "__GFP_REPEAT": ("__GFP_RETRY_MAYFAIL",),
}

_SHARED_BITS: Final[dict[int, str]] = {
    0x1: "__GFP_DMA", 0x2: "__GFP_HIGHMEM", 0x4: "__GFP_DMA32", 0x8: "__GFP_MOVABLE", 0x20: "__GFP_HIGH",
    0x40: "__GFP_IO", 0x80: "__GFP_FS", 0x100: "__GFP_COLD", 0x200: "__GFP_NOWARN",
    0x400: "__GFP_RETRY_MAYFAIL", 0x800: "__GFP_NOFAIL", 0x1000: "__GFP_NORETRY", 0x2000: "__GFP_MEMALLOC",
    0x4000: "__GFP_COMP", 0x8000: "__GFP_ZERO", 0x10000: "__GFP_NOMEMALLOC", 0x20000: "__GFP_HARDWALL",
    0x40000: "__GFP_THISNODE",
}  # fmt: skip
_BITS_TO_4_3: Final = {**_SHARED_BITS, 0x10: "__GFP_WAIT", 0x80000: "__GFP_RECLAIMABLE"}
_BITS_4_4: Final = {
    **_SHARED_BITS,
    0x10: "__GFP_RECLAIMABLE",
    0x80000: "__GFP_ATOMIC",
    0x400000: "__GFP_DIRECT_RECLAIM",
    0x2000000: "__GFP_KSWAPD_RECLAIM",
}
_MASK = re.compile(r"(?:0x)?([0-9a-fA-F]{1,16})(?:\(([^)]{0,512})\))?")


def parse_gfp(text: str) -> GfpMask | None:
    """``0x140cca(GFP_HIGHUSER_MOVABLE|__GFP_COMP)``, ``0x201da`` or ``d0``; None where it is no mask."""
    match = _MASK.match(text)
    if match is None:
        return None
    value = hexadecimal(match[1])
    flags = _expand(match[2].split("|")) if match[2] else _from_bits(value or 0)
    return _decoded(match[0], value, flags)


def _expand(names: list[str]) -> tuple[str, ...]:
    flags: dict[str, None] = {}
    for name in names:
        flags.update(dict.fromkeys(COMPOSITES.get(name.strip(), (name.strip(),))))
    return tuple(flags)


def _from_bits(value: int) -> tuple[str, ...]:
    is_new = bool(value & 0x2000000) or (bool(value & 0x400000) and not value & 0x10)
    bits = _BITS_4_4 if is_new else _BITS_TO_4_3
    return _expand([name for bit, name in bits.items() if value & bit])


def _decoded(raw: str, value: int | None, flags: tuple[str, ...]) -> GfpMask:
    can_reclaim = "__GFP_DIRECT_RECLAIM" in flags
    return GfpMask(
        raw=raw,
        value=value,
        names=flags,
        can_direct_reclaim=can_reclaim,
        is_atomic=not can_reclaim and "__GFP_HIGH" in flags,
        may_use_fs="__GFP_FS" in flags,
        may_fail_early="__GFP_NORETRY" in flags or "__GFP_RETRY_MAYFAIL" in flags,
        must_not_fail="__GFP_NOFAIL" in flags,
        is_movable="__GFP_MOVABLE" in flags,
        is_this_node_only="__GFP_THISNODE" in flags,
    )
