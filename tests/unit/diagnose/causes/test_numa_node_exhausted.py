"""The rule of numa-node-exhausted."""

from __future__ import annotations

from snapshots import GONE, domain, outcome, rates, snapshot, texts

from kvmedic.diagnose.causes.numa_node_exhausted import EXHAUSTED_SHARE, examine
from kvmedic.model.finding import Severity
from kvmedic.model.memory import Meminfo
from kvmedic.model.zone_facts import NodeFacts
from kvmedic.units import GIB, MIB


def node(number: int, free: int, cache: int = 0) -> NodeFacts:
    rows = {"MemTotal": 32 * GIB, "MemFree": free, "Inactive(file)": cache}
    info = Meminfo(source=f"sys/devices/system/node/node{number}/meminfo", bytes_of=rows, counts={})
    return NodeFacts(node=number, meminfo=info, hugepages=(), cpus="0-3")


def two_nodes(first: NodeFacts | None = None, **facts: object) -> dict[str, object]:
    return {"nodes": (first or node(0, 100 * MIB), node(1, 20 * GIB)), **facts}


def test_present_where_a_bound_domain_cannot_go_elsewhere() -> None:
    bound = domain(host_nodes="0")

    found = examine(snapshot(bound, memory_facts=two_nodes(rates=rates(allocstall_normal=5.0)))).findings[0]

    assert found.severity is Severity.CRITICAL
    assert found.subject.name == "node 0"
    assert "web-1 cannot take memory elsewhere" in found.summary


def test_absent_where_every_node_has_memory_or_cache_to_drop() -> None:
    cached = node(0, 100 * MIB, cache=10 * GIB)

    assert outcome(examine(snapshot(memory_facts=two_nodes(cached)))) == "absent"


def test_boundary_is_a_share_of_the_node() -> None:
    at = int(32 * GIB * EXHAUSTED_SHARE) + 1

    assert outcome(examine(snapshot(memory_facts=two_nodes(node(0, at))))) == "absent"
    assert outcome(examine(snapshot(memory_facts=two_nodes(node(0, at - 2))))) == "present"


def test_missing_where_a_node_or_the_domains_are_not_known() -> None:
    blind = NodeFacts(node=0, meminfo=GONE, hugepages=(), cpus=GONE)

    assert outcome(examine(snapshot(memory_facts={"nodes": GONE}))) == "undetermined"
    assert outcome(examine(snapshot(memory_facts=two_nodes(blind)))) == "undetermined"
    assert outcome(examine(snapshot(domains=GONE, memory_facts=two_nodes()))) == "undetermined"


def test_one_node_is_no_numa() -> None:
    assert "one NUMA node" in texts(examine(snapshot()))


def test_an_empty_node_that_nobody_is_bound_to_is_information() -> None:
    assert examine(snapshot(memory_facts=two_nodes())).findings[0].severity is Severity.INFO


def test_no_rates_leave_it_a_warning() -> None:
    found = examine(snapshot(domain(host_nodes="0-1"), memory_facts=two_nodes(rates=GONE))).findings[0]

    assert found.severity is Severity.WARNING


def test_missing_rows_of_a_node_leave_it_open() -> None:
    info = Meminfo(source="node0/meminfo", bytes_of={"MemTotal": 32 * GIB}, counts={})
    blind = NodeFacts(node=0, meminfo=info, hugepages=(), cpus="0-3")

    assert outcome(examine(snapshot(memory_facts=two_nodes(blind)))) == "undetermined"
