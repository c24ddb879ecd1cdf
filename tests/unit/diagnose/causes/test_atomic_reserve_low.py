"""The rule of atomic-reserve-low."""

from __future__ import annotations

import msgspec
from snapshots import GONE, host, outcome, pressure, snapshot, texts, zone

from kvmedic.diagnose.causes.atomic_reserve_low import examine


def test_present_where_a_zone_is_below_min() -> None:
    found = examine(snapshot(memory_facts={"zones": (zone(free=9_000),)})).findings[0]

    assert "35.2 MiB free" in found.because[0].text or "35 MiB free" in found.because[0].text
    assert "min_free_kbytes is 66" in " ".join(line.text for line in found.because)
    assert found.subject.name == "node 0 zone Normal"


def test_absent_where_the_zone_is_above_its_watermarks() -> None:
    assert outcome(examine(snapshot())) == "absent"


def test_boundary_is_the_watermark_itself() -> None:
    assert outcome(examine(snapshot(memory_facts={"zones": (zone(free=10_000),)}))) == "absent"
    assert outcome(examine(snapshot(memory_facts={"zones": (zone(free=9_999),)}))) == "present"


def test_missing_zones_or_watermarks_leave_it_open() -> None:
    without = msgspec.structs.replace(zone(), zoneinfo=GONE)

    assert outcome(examine(snapshot(memory_facts={"zones": GONE}))) == "undetermined"
    assert outcome(examine(snapshot(memory_facts={"zones": (without,)}))) == "undetermined"


def test_the_small_zones_beside_normal_do_not_count() -> None:
    zones = (zone(name="DMA", free=0), zone(name="DMA32", free=0), zone(), zone(name="Movable", free=0))

    assert outcome(examine(snapshot(memory_facts={"zones": zones}))) == "absent"


def test_a_machine_with_dma32_alone_is_judged_by_it() -> None:
    assert outcome(examine(snapshot(memory_facts={"zones": (zone(name="DMA32", free=0),)}))) == "present"


def test_pressure_alone_proves_nothing() -> None:
    judgement = examine(snapshot(memory_facts={"pressure_memory": pressure(90.0, 90.0)}))

    assert "min 39" in texts(judgement)
    assert outcome(judgement) == "absent"


def test_a_setting_that_was_not_read_is_not_told() -> None:
    found = examine(snapshot(memory_facts={"zones": (zone(free=0),)}, host=host(sysctls={}))).findings[0]

    assert len(found.because) == 1
