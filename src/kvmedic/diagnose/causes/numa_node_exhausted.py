"""numa-node-exhausted: one NUMA node has no memory left while others have, and that matters to whom it is
bound.

A strict binding does not fall back: the kernel reclaims, then kills inside the node
(CONSTRAINT_MEMORY_POLICY or CONSTRAINT_CPUSET) though gigabytes lie free beside it. Without a binding other
nodes serve, a little slower.
"""

from __future__ import annotations

from kvmedic.diagnose.readings import VMSTAT, direct_reclaims_per_second, numbers_of_list
from kvmedic.diagnose.verdicts import (
    LIKELY,
    PROVEN,
    because,
    cleared,
    finding,
    found,
    joined,
    lacking,
    names_in_words,
)
from kvmedic.model.domain import DomainFacts
from kvmedic.model.finding import Because, Cause, Judgement, Severity
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.memory import Meminfo
from kvmedic.model.snapshot import Snapshot
from kvmedic.model.subjects import node_subject
from kvmedic.model.zone_facts import NodeFacts
from kvmedic.units import human_bytes

ID = "numa-node-exhausted"
REMEDIES = ("migrate-domain", "release-stranded-memory", "compact-memory")
EXHAUSTED_SHARE = 0.03
"""Free memory and droppable cache below 3 % of the node: as for the whole host, next to nothing."""
STALLS_PER_SECOND = 1.0
"""Direct reclaims on a host with memory free elsewhere have a bound requester."""
DROPPABLE = ("MemFree", "Active(file)", "Inactive(file)", "SReclaimable")
"""A node's meminfo has no MemAvailable; these rows are what that estimate is made of."""


def examine(snapshot: Snapshot) -> Judgement:
    """Each node that has memory, against the domains that are bound to it."""
    nodes = snapshot.memory.nodes
    if isinstance(nodes, Missing):
        return lacking(nodes)
    if len(nodes) < 2:
        return cleared("the host has one NUMA node", "sys/devices/system/node")
    return joined(_judge(snapshot, node) for node in nodes)


def _judge(snapshot: Snapshot, node: NodeFacts) -> Judgement:
    if isinstance(node.meminfo, Missing):
        return lacking(node.meminfo)
    total, free = node.meminfo.get("MemTotal"), _free_bytes(node.meminfo)
    if total is None or free is None:
        return lacking(
            Missing(source=node.meminfo.source, reason=Reason.NOT_FOUND, detail="no MemTotal or MemFree")
        )
    text = f"node {node.node}: {human_bytes(free)} of {human_bytes(total)} free or in droppable cache"
    reading = because(text, node.meminfo.source)
    if free >= total * EXHAUSTED_SHARE:
        return Judgement(refuted=(reading,))
    if isinstance(snapshot.domains, Missing):
        return lacking(snapshot.domains)
    bound = [domain for domain in snapshot.running if _is_bound_to(domain, node.node)]
    return _present(snapshot, node.node, reading, bound)


def _free_bytes(meminfo: Meminfo) -> int | None:
    if meminfo.get("MemFree") is None:
        return None
    return sum(meminfo.get(key) or 0 for key in DROPPABLE)


def _is_bound_to(domain: DomainFacts, node: int) -> bool:
    return domain.host_nodes is not None and node in numbers_of_list(domain.host_nodes)


def _present(snapshot: Snapshot, node: int, reading: Because, bound: list[DomainFacts]) -> Judgement:
    stalls = direct_reclaims_per_second(snapshot)
    is_stalling = not isinstance(stalls, Missing) and stalls >= STALLS_PER_SECOND
    names = names_in_words([domain.name for domain in bound], len(snapshot.running) + 1)
    who = (
        f"{names} cannot take memory elsewhere"
        if bound
        else "nothing is bound to it: other nodes serve, slower"
    )
    proof = [reading]
    if is_stalling:
        proof.append(because(f"{stalls:.1f} requests a second had to reclaim memory themselves", VMSTAT))
    if bound:
        proof.append(because(f"bound to node {node}: {names}", "libvirt"))
    severity = Severity.CRITICAL if is_stalling else Severity.WARNING
    return found(
        finding(
            ID,
            node_subject(node),
            severity if bound else Severity.INFO,
            PROVEN if bound and is_stalling else LIKELY,
            summary=f"NUMA node {node} has next to no memory left; {who}",
            proof=proof,
            remedies=REMEDIES,
        )
    )


CAUSE = Cause(
    id=ID,
    title="One NUMA node has run out of memory",
    is_essential=False,
    judged="both",
    examine=examine,
)
