"""The rule of hugepages-exhausted."""

from __future__ import annotations

from snapshots import GONE, domain, outcome, pool, rates, snapshot, texts

from kvmedic.diagnose.causes.hugepages_exhausted import examine
from kvmedic.model.domain import DomainFacts
from kvmedic.model.finding import Severity
from kvmedic.units import GIB, MIB


def waiting(**changes: object) -> DomainFacts:
    """A domain of 8 GiB on 2 MiB pages (4096 of them) that is shut off."""
    ordinary: dict[str, object] = {"is_running": False, "state": "shutoff", "hugepage_size_bytes": 2 * MIB}
    return domain("db-1", **(ordinary | changes))


def test_present_where_a_defined_domain_finds_too_few_pages() -> None:
    found = examine(snapshot(waiting(), memory_facts={"hugepages": (pool(5000, 100),)})).findings[0]

    assert found.severity is Severity.WARNING
    assert "needs 4,096 hugetlb pages, and 100 are left" in found.summary


def test_absent_where_running_guests_use_the_pool_up_and_nobody_waits() -> None:
    judgement = examine(snapshot(memory_facts={"hugepages": (pool(4096, 0),)}))

    assert outcome(judgement) == "absent"
    assert "0 of 4,096 to be had" in texts(judgement)


def test_boundary_is_the_last_page_and_reserved_pages_do_not_count() -> None:
    enough = {"hugepages": (pool(5000, 4196, reserved=100),)}
    one_short = {"hugepages": (pool(5000, 4196, reserved=101),)}

    assert outcome(examine(snapshot(waiting(), memory_facts=enough))) == "absent"
    assert outcome(examine(snapshot(waiting(), memory_facts=one_short))) == "present"


def test_missing_pools_or_domains_leave_it_open() -> None:
    assert outcome(examine(snapshot(memory_facts={"hugepages": GONE}))) == "undetermined"
    assert outcome(examine(snapshot(domains=GONE))) == "undetermined"
    assert outcome(examine(snapshot(waiting(memory_max_bytes=GONE)))) == "undetermined"


def test_pages_on_another_node_do_not_help_a_bound_domain() -> None:
    pools = (pool(8192, 5000), pool(4096, 4242, node=0), pool(4096, 758, node=1))

    found = examine(snapshot(waiting(host_nodes="1"), memory_facts={"hugepages": pools})).findings[0]

    assert "758 are left on node 1" in found.summary


def test_a_domain_that_nobody_starts_by_itself_is_information() -> None:
    found = examine(
        snapshot(waiting(autostarts=False), memory_facts={"hugepages": (pool(10, 10),)})
    ).findings[0]

    assert found.severity is Severity.INFO


def test_a_pool_that_somebody_fails_to_grow_is_told() -> None:
    facts = {"rates": rates(htlb_buddy_alloc_fail=30.0), "hugepages": (pool(4096, 4096),)}

    assert "no blocks for it" in examine(snapshot(memory_facts=facts)).findings[0].summary


def test_a_domain_on_larger_pages_does_not_take_small_ones() -> None:
    gigantic = waiting(hugepage_size_bytes=1 * GIB)
    pools = {"hugepages": (pool(8192, 8192), pool(4, 4, size=GIB))}

    assert "needs 8 hugetlb pages, and 4" in texts(examine(snapshot(gigantic, memory_facts=pools)))
