"""A container's own meminfo is never taken for the host's."""

from __future__ import annotations

from host_samples import evidence, files_of

from kvmedic.derive.host_memory import derive_memory
from kvmedic.model.gap import Missing, Reason


def total(kib: int) -> bytes:
    """The meminfo of a host of two nodes, with another MemTotal."""
    rows = files_of("6.1-two-nodes")["proc/meminfo"].decode().split("\n")
    return "\n".join(f"MemTotal: {kib} kB" if row.startswith("MemTotal") else row for row in rows).encode()


def test_what_shows_less_than_the_zones_hold_is_a_containers() -> None:
    files = files_of("6.1-two-nodes")
    swaps = {"proc/swaps": b"Filename Type Size Used Priority\n"}
    memory, gaps = derive_memory(evidence(files | swaps | {"proc/meminfo": total(400_000)}))

    assert isinstance(memory.meminfo, Missing)
    assert memory.meminfo.reason is Reason.DENIED
    assert memory.meminfo.detail == "it shows a container's 391 MiB, and the zones of the host hold 707 MiB"
    assert memory.swaps == memory.meminfo
    assert memory.meminfo in gaps
    assert not isinstance(memory.zones, Missing)


def test_the_hosts_own_is_taken_also_where_memory_was_just_plugged_in() -> None:
    files = files_of("6.1-two-nodes")
    for kib in (724_288, 690_000, 900_000):
        memory, _ = derive_memory(evidence(files | {"proc/meminfo": total(kib)}))
        assert not isinstance(memory.meminfo, Missing)
