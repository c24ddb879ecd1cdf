"""Settings and statistics of transparent huge pages and of KSM, from sysfs."""

from __future__ import annotations

from collections.abc import Mapping

from kvmedic.derive.reading import read_with
from kvmedic.model.evidence import Evidence
from kvmedic.model.gap import Missing
from kvmedic.model.memory import TransparentHugepages
from kvmedic.parse.number import parse_number
from kvmedic.parse.transparent_hugepage import parse_setting, size_of_directory

THP = "sys/kernel/mm/transparent_hugepage"
KSM = "sys/kernel/mm/ksm"


def derive_thp(evidence: Evidence) -> TransparentHugepages | Missing:
    """What the directory says; a gap where not even "enabled" can be read (a kernel without THP)."""
    enabled = read_with(evidence, f"{THP}/enabled", parse_setting)
    if isinstance(enabled, Missing):
        return enabled
    return TransparentHugepages(
        settings=_settings(evidence),
        pmd_size_bytes=read_with(evidence, f"{THP}/hpage_pmd_size", parse_number),
        stats=_stats(evidence),
    )


def derive_ksm(evidence: Evidence) -> Mapping[str, int] | Missing:
    """The numbers of the directory by name ("pages_sharing" is in pages); settings in words are left out."""
    found = {name: read_with(evidence, f"{KSM}/{name}", parse_number) for name in evidence.names(KSM)}
    numbers = {name: number for name, number in found.items() if not isinstance(number, Missing)}
    if "run" in numbers:
        return numbers
    gap = read_with(evidence, f"{KSM}/run", parse_number)
    return gap if isinstance(gap, Missing) else numbers


def _settings(evidence: Evidence) -> Mapping[str, str]:
    paths = [path for path in evidence.paths(f"{THP}/") if "/stats/" not in path]
    found = {path.removeprefix(f"{THP}/"): read_with(evidence, path, parse_setting) for path in paths}
    return {name: setting for name, setting in found.items() if not isinstance(setting, Missing)}


def _stats(evidence: Evidence) -> Mapping[int, Mapping[str, int]]:
    by_size: dict[int, dict[str, int]] = {}
    for path in evidence.paths(f"{THP}/hugepages-"):
        directory, _, counter = path.removeprefix(f"{THP}/").partition("/stats/")
        size = size_of_directory(directory)
        number = read_with(evidence, path, parse_number) if counter and size else None
        if isinstance(number, int) and size:
            by_size.setdefault(size, {})[counter] = number
    return by_size
