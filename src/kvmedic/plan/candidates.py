"""Where a domain could go: hosts ranked by what they will be after the move, each with what forbids it.
Pure."""

from __future__ import annotations

from collections.abc import Mapping

from kvmedic.model.gap import Missing
from kvmedic.model.migration import Mobility
from kvmedic.model.plan import Blocker
from kvmedic.model.record import Record
from kvmedic.plan.migration_blockers import blockers_of_coming, needed_bytes, nodes_of, room_bytes
from kvmedic.plan.situation import HostView, Situation
from kvmedic.units import human_bytes

HUGE_ORDER = 9
STRAINED_PERCENT = 5.0
"""PSI memory "some" of ten seconds: above it a host has worries of its own."""


class Candidate(Record, frozen=True, kw_only=True):
    """A destination as it will be after the move. None: not known, which ranks below known and good."""

    view: HostView
    room_after_bytes: int
    room_after_share: float
    huge_blocks: int | None
    pressure_percent: float | None
    fits_one_node: bool | None
    blockers: tuple[Blocker, ...]

    @property
    def shown(self) -> str:
        """One line for people."""
        blocks = "unknown" if self.huge_blocks is None else f"{self.huge_blocks:,}"
        stall = "unknown" if self.pressure_percent is None else f"{self.pressure_percent:g} %"
        fit = {True: ", fits one NUMA node", False: ", fits no single NUMA node", None: ""}[
            self.fits_one_node
        ]
        return (
            f"{self.view.name}: {human_bytes(max(0, self.room_after_bytes))} of room after the move, "
            f"{blocks} free blocks of 2 MiB, memory pressure {stall}{fit}"
        )


def candidates(
    situation: Situation,
    mobility: Mobility,
    reserved: Mapping[str, int] | None = None,
) -> tuple[Candidate, ...]:
    """Every known host, the best one first. ``reserved``: bytes promised to others, by host name."""
    taken = reserved or {}
    found = [_candidate(view, mobility, taken.get(view.name, 0)) for view in situation.others]
    return tuple(sorted(found, key=_rank))


def _candidate(view: HostView, mobility: Mobility, reserved: int) -> Candidate:
    need = 0 if mobility.hugepage_size_bytes is not None else needed_bytes(mobility)
    after = room_bytes(view) - reserved - need
    total = 0 if isinstance(view.libvirt, Missing) else view.libvirt.total_bytes
    return Candidate(
        view=view,
        room_after_bytes=after,
        room_after_share=after / total if total else 0.0,
        huge_blocks=_huge_blocks(view),
        pressure_percent=_pressure(view),
        fits_one_node=_fits_one_node(view, mobility),
        blockers=tuple(blockers_of_coming(view, mobility, reserved)),
    )


def _rank(candidate: Candidate) -> tuple[bool, bool, bool, float, int, str]:
    """Open ones first, calm before strained, one node before several, then the most room, then contiguity."""
    pressure = candidate.pressure_percent
    return (
        bool(candidate.blockers),
        pressure is not None and pressure > STRAINED_PERCENT,
        candidate.fits_one_node is False,
        -round(candidate.room_after_share, 2),
        -(candidate.huge_blocks or 0),
        candidate.view.name,
    )


def _huge_blocks(view: HostView) -> int | None:
    if isinstance(view.snapshot, Missing) or isinstance(view.snapshot.memory.zones, Missing):
        return None
    zones = view.snapshot.memory.zones
    return sum(zone.blocks_at_least[HUGE_ORDER] for zone in zones if len(zone.blocks_at_least) > HUGE_ORDER)


def _pressure(view: HostView) -> float | None:
    if isinstance(view.snapshot, Missing) or isinstance(view.snapshot.memory.pressure_memory, Missing):
        return None
    return view.snapshot.memory.pressure_memory.some.avg10_percent


def _fits_one_node(view: HostView, mobility: Mobility) -> bool | None:
    if isinstance(view.libvirt, Missing) or len(view.libvirt.node_free_bytes) < 2:
        return None
    bound = nodes_of(mobility.host_nodes) or set(view.libvirt.node_free_bytes)
    return any(
        free >= mobility.maximum_bytes for node, free in view.libvirt.node_free_bytes.items() if node in bound
    )
