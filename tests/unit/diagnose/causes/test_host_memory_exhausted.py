"""The rule of host-memory-exhausted."""

from __future__ import annotations

from snapshots import GONE, TOTAL, arc, meminfo, memory, outcome, pressure, rates, snapshot, texts

from kvmedic.diagnose.causes.host_memory_exhausted import examine, exhausted_below_bytes
from kvmedic.model.finding import Severity
from kvmedic.units import GIB, MIB

EMPTY = meminfo(available=200 * MIB)
STALLING = rates(allocstall_normal=40.0, allocstall_movable=10.0)


def test_present_where_memory_is_gone_and_requests_stall() -> None:
    facts = {"meminfo": EMPTY, "rates": STALLING, "pressure_memory": pressure(60.0, 30.0)}

    found = examine(snapshot(memory_facts=facts)).findings[0]

    assert found.severity is Severity.CRITICAL
    assert found.confidence >= 0.9
    assert any("50.0 requests a second" in line.text for line in found.because)


def test_absent_where_much_is_available() -> None:
    judgement = examine(snapshot())

    assert outcome(judgement) == "absent"
    assert judgement.refuted[0].text == "40.0 GiB of 64.0 GiB available"


def test_boundary_is_a_share_of_the_host() -> None:
    at = exhausted_below_bytes(TOTAL)

    assert outcome(examine(snapshot(memory_facts={"meminfo": meminfo(available=at)}))) == "absent"
    assert outcome(examine(snapshot(memory_facts={"meminfo": meminfo(available=at - 1)}))) == "present"
    assert exhausted_below_bytes(1024 * GIB) == 4 * GIB


def test_missing_where_meminfo_is_not_there() -> None:
    assert outcome(examine(snapshot(memory_facts={"meminfo": GONE}))) == "undetermined"


def test_missing_rates_are_named_beside_the_finding() -> None:
    judgement = examine(snapshot(memory_facts={"meminfo": EMPTY, "rates": GONE}))

    assert judgement.findings[0].severity is Severity.WARNING
    assert judgement.lacking == (str(GONE),)


def test_pressure_alone_proves_nothing() -> None:
    facts = {"pressure_memory": pressure(70.0, 60.0)}

    assert outcome(examine(snapshot(memory_facts=facts))) == "absent"


def test_boot_totals_are_not_rates() -> None:
    """The healthy snapshot's vmstat holds five million stalls since boot."""
    assert not isinstance(memory().vmstat, type(GONE))
    assert outcome(examine(snapshot())) == "absent"


def test_meminfo_without_memavailable_is_a_gap() -> None:
    old = meminfo()
    without = {name: value for name, value in old.bytes_of.items() if name != "MemAvailable"}
    kernel_3_10 = type(old)(source=old.source, bytes_of=without, counts={})

    assert outcome(examine(snapshot(memory_facts={"meminfo": kernel_3_10}))) == "undetermined"


def test_what_zfs_gives_back_under_pressure_is_not_exhausted_memory() -> None:
    facts: dict[str, object] = {"meminfo": meminfo(available=1 * GIB)}

    judgement = examine(snapshot(memory_facts=facts | {"zfs_arc": arc(30 * GIB)}))

    assert outcome(examine(snapshot(memory_facts=facts))) == "present"
    assert outcome(judgement) == "absent"
    assert "29.0 GiB more in ZFS's cache, which gives back slowly" in texts(judgement)


def test_a_zfs_cache_at_its_least_gives_nothing_back() -> None:
    facts = {"meminfo": meminfo(available=1 * GIB), "zfs_arc": arc(30 * GIB, least=30 * GIB)}

    assert outcome(examine(snapshot(memory_facts=facts))) == "present"
