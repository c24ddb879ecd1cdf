"""The corpus of incidents: which failures are made, how often, and which decoys stand before them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from kvmedic.lab.compose import compose
from kvmedic.lab.incident import Incident
from kvmedic.lab.scenarios import SCENARIOS
from kvmedic.lab.take import Take
from kvmedic.lab.truth import TRUTH

INNOCENT = ("memcg", "memcg-here", "fragmented", "corrected-error", "manual-oom", "qemu-crash")
"""What may have happened days before and is innocent: another guest's own limit or crash, a failed
large allocation, a corrected memory error, a kill by hand."""
HARMLESS = ("hugetlb",)
"""A balloon that gives nothing back to a host which has enough: nothing fails."""
HOSTS = ("kvm-b3", "hv02", "compute-17", "node-4.example.net", "virt1", "pve-a", "host-09")


def read_takes(folder: Path) -> list[Take]:
    """All takes of a folder, by name."""
    return [msgspec.msgpack.decode(path.read_bytes(), type=Take) for path in sorted(folder.glob("*.msgpack"))]


def save_take(take: Take, folder: Path) -> Path:
    """Write a take to the folder, under its scenario, variant and kernel."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{take.scenario}.{take.variant}.{take.kernel}.msgpack"
    path.write_bytes(msgspec.msgpack.encode(take))
    return path


def incidents(takes: Sequence[Take]) -> Iterator[Incident]:
    """An incident of every take that is a failure in itself; every second one gets decoys before it."""
    for take in takes:
        if not SCENARIOS[take.scenario].is_incident:
            continue
        decoys = _decoys_for(take, takes) if _wants_decoys(take) else []
        proof_in = SCENARIOS[take.scenario].proof_in
        yield compose(take, decoys, proof_in, host=HOSTS[_digit(take, 1) % len(HOSTS)])


def _wants_decoys(take: Take) -> bool:
    """Not where nothing failed, or a state harms nobody yet: there the decoy would be the last failure, and
    the right answer. Nor where the guest's own log is shown alone: they would stand in the host's.
    """
    if SCENARIOS[take.scenario].proof_in == "guest" or take.scenario in HARMLESS:
        return False
    return TRUTH[take.scenario].cause is not None and bool(_digit(take, 0) % 2 or take.variant % 2)


def _decoys_for(take: Take, takes: Sequence[Take]) -> list[Take]:
    """One or two innocent failures of other runs on the same kernel, chosen by the name."""
    able = [
        other
        for other in takes
        if other.kernel == take.kernel
        and other.scenario in INNOCENT
        and other.scenario != take.scenario
        and other.boots[0].segment
    ]
    if not able:
        return []
    first = able[_digit(take, 2) % len(able)]
    second = able[_digit(take, 3) % len(able)]
    return [first] if first.scenario == second.scenario or not _digit(take, 4) % 3 else [first, second]


def _digit(take: Take, index: int) -> int:
    name = f"{take.scenario}.{take.variant}.{take.kernel}"
    return hashlib.sha256(name.encode()).digest()[index]
