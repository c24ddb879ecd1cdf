"""The rule of balloon-ineffective."""

from __future__ import annotations

from snapshots import GONE, domain, outcome, process, short, snapshot, texts

from kvmedic.diagnose.causes.balloon_ineffective import examine
from kvmedic.model.finding import Severity
from kvmedic.units import GIB, MIB


def test_present_where_vfio_pins_what_the_guest_gave_up() -> None:
    passthrough = domain(balloon_actual_bytes=4 * GIB, discards_inhibited_by=("vfio",))

    found = examine(snapshot(passthrough, memory_facts=short())).findings[0]

    assert found.confidence >= 0.9
    assert found.severity is Severity.WARNING
    assert "vfio keeps QEMU" in found.summary


def test_present_for_a_balloon_on_hugetlb() -> None:
    on_hugetlb = domain(
        balloon_actual_bytes=4 * GIB,
        backing="hugetlb",
        rss_bytes=100 * MIB,
        process=process(rss_bytes=100 * MIB, hugetlb_bytes=8 * GIB),
    )

    found = examine(snapshot(on_hugetlb)).findings[0]

    assert "hugetlb" in found.summary
    assert found.confidence >= 0.9


def test_absent_where_discards_are_allowed_or_nothing_was_given_up() -> None:
    plain = domain(balloon_actual_bytes=4 * GIB)
    full = domain("gpu", discards_inhibited_by=("vfio",))

    judgement = examine(snapshot(plain, full))

    assert outcome(judgement) == "absent"
    assert "gpu: the balloon is not inflated" in texts(judgement)


def test_boundary_is_the_smallest_balloon_worth_a_name() -> None:
    """64 MiB, or 2 % of the domain: for 8 GiB the latter."""
    smallest = 8 * GIB * 2 // 100
    at = domain(balloon_actual_bytes=8 * GIB - smallest, discards_inhibited_by=("vfio",))
    below = domain(balloon_actual_bytes=8 * GIB - smallest + MIB, discards_inhibited_by=("vfio",))

    assert outcome(examine(snapshot(at))) == "present"
    assert outcome(examine(snapshot(below))) == "absent"


def test_missing_where_the_backing_is_not_known() -> None:
    assert outcome(examine(snapshot(domain(balloon_actual_bytes=4 * GIB, backing=GONE)))) == "undetermined"


def test_little_resident_memory_speaks_against_it() -> None:
    untouched = domain(balloon_actual_bytes=4 * GIB, discards_inhibited_by=("locked",), rss_bytes=2 * GIB)

    assert examine(snapshot(untouched)).findings[0].confidence < 0.6


def test_missing_need_resident_memory_or_actual() -> None:
    pinned = {"balloon_actual_bytes": 4 * GIB, "discards_inhibited_by": ("sev",)}

    no_rss = examine(snapshot(domain("web-1", **pinned, rss_bytes=GONE))).findings[0]

    assert 0.6 <= no_rss.confidence < 0.9
    assert (
        outcome(examine(snapshot(domain("web-1", **pinned), memory_facts={"meminfo": GONE})))
        == "undetermined"
    )
    assert outcome(examine(snapshot(domain(balloon_actual_bytes=GONE)))) == "undetermined"


def test_a_domain_without_a_balloon_is_cleared() -> None:
    assert outcome(examine(snapshot(domain(balloon_model="none")))) == "absent"
