"""The rule of hardware-memory-error."""

from __future__ import annotations

from snapshots import GONE, host, meminfo, outcome, snapshot, texts

from kvmedic.diagnose.causes.hardware_memory_error import examine
from kvmedic.model.finding import Judgement, Severity
from kvmedic.units import KIB


def judged(**counts: int) -> Judgement:
    return examine(
        snapshot(host=host(memory_errors={f"mc0/{name}": count for name, count in counts.items()}))
    )


def test_present_where_errors_were_not_corrected() -> None:
    found = judged(ce_count=0, ue_count=2).findings[0]

    assert found.severity is Severity.WARNING
    assert "evacuate-host" in found.remedies


def test_present_where_the_kernel_gave_memory_up() -> None:
    damaged = {"meminfo": meminfo(HardwareCorrupted=4 * KIB)}

    assert examine(snapshot(memory_facts=damaged)).findings[0].confidence >= 0.9


def test_absent_where_all_counts_are_zero() -> None:
    assert outcome(judged(ce_count=0, ue_count=0)) == "absent"


def test_boundary_is_the_first_error() -> None:
    assert judged(ce_count=1, ue_count=0).findings[0].severity is Severity.INFO
    assert judged(ce_count=0, ue_count=1).findings[0].severity is Severity.WARNING


def test_missing_counters_clear_nobody() -> None:
    assert outcome(examine(snapshot(host=host(memory_errors=GONE)))) == "undetermined"
    assert outcome(examine(snapshot(host=host(memory_errors={})))) == "undetermined"


def test_stale_corrected_errors_are_told_as_old_or_benign_and_never_as_a_rate() -> None:
    found = judged(ce_count=120_000, ue_count=0).findings[0]

    assert found.severity is Severity.INFO
    assert found.confidence < 0.6
    assert "since boot, 83 d ago" in found.summary
    assert "may be old, may be benign" in found.because[0].text
    assert "per" not in found.summary.split()


def test_counts_of_ranks_do_not_count_twice() -> None:
    counts = {"mc0/ce_count": 3, "mc0/csrow0/ce_count": 3, "mc0/ue_count": 0}

    assert "3 corrected" in texts(examine(snapshot(host=host(memory_errors=counts))))
