"""What kind an OOM kill was: by order, constraint, watermarks and free blocks (mm/oom_kill.c,
mm/page_alloc.c).

Order −1 is a magic key. MEMCG is a cgroup's limit. CPUSET and MEMORY_POLICY are a binding to NUMA nodes.
Order 0 is shortage, never fragmentation. Orders 1 to 3 are fragmentation only where a zone had memory above
its high watermark and no block that the request could use. Above 3 the OOM killer is not called.
"""

from __future__ import annotations

from typing import Literal

from kvmedic.diagnose.post_mortem.zones import Supply, supply_of
from kvmedic.model.case import Case, Happening
from kvmedic.model.log_event import OomReport
from kvmedic.units import MIB

OomKind = Literal["manual", "cgroup", "bound", "fragmented", "shortage", "one-node", "unclear"]
PLENTY_BYTES, PLENTY_SHARE = 256 * MIB, 0.02
COSTLY_ORDER = 3
"""PAGE_ALLOC_COSTLY_ORDER: above it a failed request kills nobody."""


def kind_of(report: OomReport) -> OomKind:
    """The kind of one run of the OOM killer."""
    if report.is_manual:
        return "manual"
    if report.constraint == "CONSTRAINT_MEMCG" or report.is_memcg:
        return "cgroup"
    if report.constraint in ("CONSTRAINT_MEMORY_POLICY", "CONSTRAINT_CPUSET"):
        return "bound"
    if report.constraint is None and _is_bound_without_saying(report):
        return "bound"
    supply = supply_for(report)
    if supply is None or not supply.zones:
        return _by_order_alone(report)
    if report.order is not None and 1 <= report.order <= COSTLY_ORDER:
        return "fragmented" if supply.roomy and supply.blocks == 0 else "shortage"
    if _is_one_node_dry(supply):
        return "one-node"
    is_unclear = has_plenty(supply) or _is_of_a_page_fault(report)
    return "unclear" if is_unclear and not supply.dry else "shortage"


def _is_of_a_page_fault(report: OomReport) -> bool:
    """``pagefault_out_of_memory`` (to 5.15) has no mask: who was refused, host or cgroup, is not told."""
    return report.requester is not None and report.gfp is None and report.constraint is None


def _is_bound_without_saying(report: OomReport) -> bool:
    """Before 5.0 no line names the constraint: a node mask that leaves out a node of this host tells it."""
    nodes = nodes_in(report.nodemask) or nodes_in(report.mems_allowed)
    if nodes is None or report.mem_info is None:
        return False
    present = {zone.node for zone in report.mem_info.zones if zone.node is not None}
    return bool(present - nodes)


def supply_for(report: OomReport) -> Supply | None:
    """What the zones could still give to the request of this report; None where it shows no zones."""
    if report.mem_info is None:
        return None
    return supply_of(report.mem_info, report.gfp, max(report.order or 0, 0), bound_nodes(report))


def bound_nodes(report: OomReport) -> frozenset[int] | None:
    """The NUMA nodes that the request was bound to; None where it was not."""
    if report.constraint == "CONSTRAINT_MEMORY_POLICY" or (
        report.constraint is None and _is_bound_without_saying(report)
    ):
        return nodes_in(report.nodemask) or nodes_in(report.mems_allowed)
    if report.constraint == "CONSTRAINT_CPUSET":
        return nodes_in(report.mems_allowed)
    return None


def nodes_in(text: str | None) -> frozenset[int] | None:
    """A kernel list of nodes ("0-1,3") as a set; None where it is none."""
    found: set[int] = set()
    for part in (text or "").split(","):
        first, _, last = part.partition("-")
        if not first.isdigit() or (last and not last.isdigit()):
            return None
        if int(last or first) - int(first) > 4096:
            return None
        found.update(range(int(first), int(last or first) + 1))
    return frozenset(found)


def has_plenty(supply: Supply) -> bool:
    """Far more is free than the high watermarks want; a little more may have been freed since the kill."""
    free = sum(zone.free_bytes or 0 for zone in supply.roomy)
    total = sum(zone.managed_bytes or zone.present_bytes or 0 for zone in supply.zones)
    return free > max(PLENTY_BYTES, PLENTY_SHARE * total)


def _by_order_alone(report: OomReport) -> OomKind:
    """Without zones: order 0 is shortage; a larger one may be either."""
    return "unclear" if report.order is not None and report.order >= 1 else "shortage"


def _is_one_node_dry(supply: Supply) -> bool:
    """All zones of one node are dry while another node has room, though no binding was reported."""
    nodes = {zone.node for zone in supply.zones if zone.node is not None}
    roomy = {zone.node for zone in supply.roomy if zone.zone in ("Normal", "Movable")}
    dry = {zone.node for zone in supply.dry if zone.zone in ("Normal", "Movable")}
    return len(nodes) > 1 and bool(roomy) and bool(dry - roomy)


def ooms_of(case: Case, *kinds: OomKind) -> list[tuple[Happening, OomReport]]:
    """The OOM reports of the scene that are of one of ``kinds``."""
    return [(happening, report) for happening, report in any_ooms(case) if kind_of(report) in kinds]


def any_ooms(case: Case) -> list[tuple[Happening, OomReport]]:
    """All OOM reports of the scene; those that only systemd tells of count where the kernel tells of none."""
    ooms = [
        (happening, happening.event) for happening in case.scene if isinstance(happening.event, OomReport)
    ]
    told = [(happening, report) for happening, report in ooms if not is_hearsay(report)]
    return told or ooms


def is_hearsay(report: OomReport) -> bool:
    """Only systemd says that the OOM killer was in a unit: not whom it killed, nor why."""
    has_words = report.victims or report.mem_info or report.memcg or report.constraint or report.requester
    return not has_words and report.chosen_memcg is not None and not report.is_nothing_killable
