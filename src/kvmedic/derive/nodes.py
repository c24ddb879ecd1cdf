"""The NUMA nodes of the host: what each has, and which CPUs are on it."""

from __future__ import annotations

import re

from kvmedic.derive.hugepage_pools import derive_pools
from kvmedic.derive.reading import read_with
from kvmedic.model.evidence import Evidence
from kvmedic.model.gap import Missing
from kvmedic.model.zone_facts import NodeFacts
from kvmedic.parse.cpu_list import parse_cpu_list
from kvmedic.parse.meminfo import parse_meminfo

NODES = "sys/devices/system/node"
_NODE = re.compile(r"node([0-9]{1,6})")


def derive_nodes(evidence: Evidence) -> tuple[NodeFacts, ...] | Missing:
    """Every NUMA node by number; a gap where none was read (a kernel without NUMA, or not collected)."""
    matches = (_NODE.fullmatch(name) for name in evidence.names(NODES))
    numbers = sorted({int(match[1]) for match in matches if match})
    if not numbers:
        gap = evidence.read(f"{NODES}/node0/meminfo")
        return gap if isinstance(gap, Missing) else ()
    return tuple(_node_facts(evidence, number) for number in numbers)


def _node_facts(evidence: Evidence, number: int) -> NodeFacts:
    directory = f"{NODES}/node{number}"
    return NodeFacts(
        node=number,
        meminfo=read_with(evidence, f"{directory}/meminfo", parse_meminfo),
        hugepages=derive_pools(evidence, f"{directory}/hugepages", number),
        cpus=read_with(evidence, f"{directory}/cpulist", parse_cpu_list),
    )
