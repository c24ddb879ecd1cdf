"""The rule of balloon-stranded-memory."""

from __future__ import annotations

from snapshots import GONE, cgroup, domain, host, outcome, short, snapshot, stranded, texts

from kvmedic.diagnose.causes.balloon_stranded_memory import SMALLEST_BYTES, examine
from kvmedic.model.finding import Severity
from kvmedic.units import GIB, MIB

HALF = domain(
    balloon_actual_bytes=4 * GIB, stranded=(stranded(4 * GIB), stranded(4 * GIB, "lru-accounting", 16 * MIB))
)


def test_present_where_the_host_did_not_get_what_the_guest_gave_up() -> None:
    judgement = examine(snapshot(HALF, memory_facts=short()))

    assert judgement.findings[0].severity is Severity.WARNING
    assert judgement.findings[0].confidence >= 0.9
    assert "did not get 4.0 GiB of it back" in judgement.findings[0].summary


def test_absent_where_nothing_is_stranded() -> None:
    judgement = examine(snapshot(domain(), domain("web-2")))

    assert outcome(judgement) == "absent"
    assert judgement.refuted[0].text.startswith("all 2 domains: ")


def test_boundary_is_the_smallest_amount_less_its_error() -> None:
    at = domain(stranded=(stranded(SMALLEST_BYTES + 8 * MIB, error=8 * MIB),))
    below = domain(stranded=(stranded(SMALLEST_BYTES + 8 * MIB - 1, error=8 * MIB),))

    assert outcome(examine(snapshot(at))) == "present"
    assert outcome(examine(snapshot(below))) == "absent"


def test_missing_without_any_reading_the_gap_is_named() -> None:
    judgement = examine(snapshot(domain(stranded=(), stranded_gap=GONE)))

    assert outcome(judgement) == "undetermined"
    assert judgement.lacking == (str(GONE),)


def test_missing_where_nobody_listed_the_domains() -> None:
    assert outcome(examine(snapshot(domains=GONE))) == "undetermined"


def test_no_domain_is_a_clearance() -> None:
    assert outcome(examine(snapshot(domains=()))) == "absent"


def test_on_a_host_with_plenty_free_it_is_information() -> None:
    assert examine(snapshot(HALF)).findings[0].severity is Severity.INFO


def test_methods_that_disagree_are_told_and_cost_the_proof() -> None:
    torn = domain(stranded=(stranded(4 * GIB), stranded(1 * GIB, "lru-accounting", 16 * MIB)))

    found = examine(snapshot(torn)).findings[0]

    assert found.confidence < 0.9
    assert any("differ by 3.0 GiB" in line.text for line in found.because)


def test_a_sample_that_is_too_coarse_clears_nobody() -> None:
    coarse = domain(stranded=(stranded(300 * MIB, "sampled-page-map", 400 * MIB),))

    judgement = examine(snapshot(coarse))

    assert outcome(judgement) == "undetermined"
    assert "too coarse" in texts(judgement)


def test_a_coarse_sample_does_not_stand_in_the_way_of_an_exact_accounting() -> None:
    readings = (
        stranded(300 * MIB, "sampled-page-map", 400 * MIB),
        stranded(300 * MIB, "lru-accounting", 16 * MIB),
    )

    assert outcome(examine(snapshot(domain(stranded=readings)))) == "present"


def test_several_qemus_in_one_group_make_its_accounting_void() -> None:
    shared = domain(stranded=(stranded(1 * GIB, "lru-accounting"),), cgroup=cgroup(qemu_pids=(4242, 4243)))

    judgement = examine(snapshot(shared))

    assert outcome(judgement) == "undetermined"
    assert "2 QEMU processes share" in texts(judgement)


def test_no_page_mapcount_makes_the_accounting_void_and_not_the_page_map() -> None:
    newer = host(kernel_configuration={"CONFIG_NO_PAGE_MAPCOUNT": "y"})
    by_accounting = domain(stranded=(stranded(1 * GIB, "lru-accounting"),))
    by_map = domain(stranded=(stranded(1 * GIB),))

    assert outcome(examine(snapshot(by_accounting, host=newer))) == "undetermined"
    assert outcome(examine(snapshot(by_map, host=newer))) == "present"


def test_one_domain_without_a_reading_keeps_the_cause_open() -> None:
    judgement = examine(snapshot(domain(), domain("web-2", stranded=(), stranded_gap=GONE)))

    assert outcome(judgement) == "undetermined"
    assert not judgement.refuted


def test_a_second_reading_that_would_agree_with_anything_is_no_proof() -> None:
    vague = stranded(90 * MIB, "sampled-page-map", 548 * MIB)
    exact = stranded(260 * MIB, "lru-accounting", 18 * MIB)

    assert examine(snapshot(domain(stranded=(vague, exact)))).findings[0].confidence < 0.9
