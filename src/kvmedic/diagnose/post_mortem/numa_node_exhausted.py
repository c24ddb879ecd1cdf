"""numa-node-exhausted after a failure: only the NUMA nodes that the request was bound to had run dry.

CONSTRAINT_MEMORY_POLICY and CONSTRAINT_CPUSET say so; without a binding, one node's zones below their
watermark beside another with room are a weaker sign of the same.
"""

from __future__ import annotations

from kvmedic.diagnose.post_mortem.actors import victim_subject, victim_words
from kvmedic.diagnose.post_mortem.oom_kinds import any_ooms, bound_nodes, kind_of, ooms_of
from kvmedic.diagnose.post_mortem.oom_proof import oom_lines
from kvmedic.diagnose.post_mortem.said import CERTAIN, FAIR, LIKELY, absent, explained, proof
from kvmedic.diagnose.verdicts import because, found
from kvmedic.model.case import Case, Happening
from kvmedic.model.finding import Because, Judgement
from kvmedic.model.log_event import OomReport
from kvmedic.units import human_bytes

ID = "numa-node-exhausted"
REMEDIES = ("migrate-domain", "release-stranded-memory", "compact-memory")


def explain(case: Case) -> Judgement:
    """OOM kills under a binding; else one dry node beside another with room."""
    ooms = ooms_of(case, "bound", "one-node")
    if ooms:
        return _present(*ooms[-1])
    for happening, report in any_ooms(case):
        if report.constraint is not None:
            text = f"{report.constraint}: no binding to NUMA nodes was the reason"
            return Judgement(refuted=(proof(happening, text, "constraint="),))
    return absent(case, "nothing ran out of memory on one NUMA node alone")


def _present(happening: Happening, report: OomReport) -> Judgement:
    is_bound = kind_of(report) == "bound"
    nodes = bound_nodes(report)
    where = "its NUMA node" if not nodes else f"NUMA node {','.join(str(node) for node in sorted(nodes))}"
    elsewhere = _free_elsewhere(report, nodes)
    return found(
        explained(
            ID,
            victim_subject(happening, report),
            (CERTAIN if elsewhere else LIKELY + 0.1) if is_bound else FAIR,
            summary=f"the kernel killed {victim_words(happening, report)} because {where} ran out of memory"
            + (", though others had some" if elsewhere else ""),
            lines=(*oom_lines(happening, report), *elsewhere),
            remedies=REMEDIES,
        )
    )


def _free_elsewhere(report: OomReport, nodes: frozenset[int] | None) -> tuple[Because, ...]:
    """What the other nodes had free, where it is more than their watermarks want."""
    if report.mem_info is None:
        return ()
    zones = [
        zone
        for zone in report.mem_info.zones
        if zone.free_bytes
        and (zone.high_bytes is None or zone.free_bytes > zone.high_bytes)
        and (nodes is None or zone.node not in nodes)
    ]
    if not zones:
        return ()
    free = sum(zone.free_bytes or 0 for zone in zones)
    text = f"{human_bytes(free)} were free on other nodes"
    return (because(text, report.lines[0].source),)
