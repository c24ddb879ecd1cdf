"""The configuration the running kernel was built with."""

from __future__ import annotations

from collections.abc import Mapping

from kvmedic.derive.reading import not_understood, read_with
from kvmedic.errors import ParseError
from kvmedic.model.evidence import Evidence
from kvmedic.model.gap import Missing
from kvmedic.parse.kernel_config import parse_kernel_config, unpack_kernel_config
from kvmedic.parse.number import parse_word

_PACKED = "proc/config.gz"
_OF_INTEREST = (
    *("BALLOON", "CMA", "COMPACTION", "DEFERRED_STRUCT_PAGE_INIT", "EDAC", "HARDLOCKUP", "HUGETLB"),
    *(
        "HUNG_TASK",
        "KASAN",
        "KSM",
        "KVM",
        "LRU_GEN",
        "MAX_ORDER",
        "MEMCG",
        "NUMA",
        "PAGE_MAPCOUNT",
        "PAGE_OWNER",
    ),
    *("PAGE_OWNER", "PAGE_REPORTING", "16K_PAGES", "64K_PAGES", "PANIC", "PSI", "SLAB", "SLUB", "SOFTLOCKUP"),
    *("TRANSPARENT_HUGEPAGE", "VFIO", "VHOST", "VMAP_STACK", "ZSWAP"),
)
_ABOUT_THE_SOURCE = (
    "CONFIG_HAVE_",
    "CONFIG_ARCH_SUPPORTS_",
    "CONFIG_ARCH_WANT_",
    "CONFIG_ARCH_HAS_",
    "CONFIG_CC_",
)


def derive_kernel_configuration(evidence: Evidence) -> Mapping[str, str] | Missing:
    """The options that bear on memory and KVM, from boot/config-RELEASE or proc/config.gz.

    A file of /boot for another release than the running one is not used.
    """
    release = read_with(evidence, "proc/sys/kernel/osrelease", parse_word)
    path = f"boot/config-{release}"
    if not isinstance(release, Missing) and path in evidence.files:
        found = read_with(evidence, path, parse_kernel_config)
        if not isinstance(found, Missing):
            return _of_interest(found)
    return _unpacked(evidence)


def _unpacked(evidence: Evidence) -> Mapping[str, str] | Missing:
    packed = evidence.read(_PACKED)
    if isinstance(packed, Missing):
        return Missing(
            source="kernel configuration",
            reason=packed.reason,
            detail="neither boot/config-RELEASE nor proc/config.gz",
        )
    try:
        return _of_interest(parse_kernel_config(unpack_kernel_config(packed, _PACKED), _PACKED))
    except ParseError as error:
        return not_understood(_PACKED, error)


def _of_interest(options: Mapping[str, str]) -> Mapping[str, str]:
    return {
        name: value
        for name, value in options.items()
        if not name.startswith(_ABOUT_THE_SOURCE) and any(f"_{word}_" in f"{name}_" for word in _OF_INTEREST)
    }
