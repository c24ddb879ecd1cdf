"""What the picture would look like after a remedy: the same cells, with what it frees or moves.

A picture, not a forecast: the numbers are in ``PageMap.forecasts``.
"""

from __future__ import annotations

import msgspec

from kvmedic.derive.block_kinds import FIXED, GUESTS, MOVABLE
from kvmedic.model.page_map import Cell, ForecastRemedy, Label, PageClass, PageMap, ZonePages

Shares = dict[int, int]
_KEPT_BY_REBOOT = (*FIXED, PageClass.UNCLASSIFIED, PageClass.FREE)
_MOSTLY_HELD = 500


def picture_after(page_map: PageMap, remedy: ForecastRemedy, domain: str | None) -> PageMap:
    """The map with its cells as after ``remedy`` (of ``domain``, for a migration)."""
    labels = page_map.labels
    free = labels.index(Label(page_class=PageClass.FREE, domain=None))
    if remedy == "compact-memory":
        zones = tuple(_compacted(zone, labels, free) for zone in page_map.zones)
    else:
        gone = {number for number, label in enumerate(labels) if _goes(label, remedy, domain)}
        is_reboot = remedy == "reboot-host"
        zones = tuple(_freed(zone, gone, free, is_reboot=is_reboot) for zone in page_map.zones)
    return msgspec.structs.replace(page_map, zones=zones)


def _goes(label: Label, remedy: ForecastRemedy, domain: str | None) -> bool:
    """Whether a remedy frees what is so labelled."""
    if remedy == "release-stranded-memory":
        return label.page_class is PageClass.STRANDED
    if remedy == "migrate-domain":
        return label.page_class in GUESTS and label.domain is not None and label.domain == domain
    if remedy == "drop-page-cache":
        return label.page_class is PageClass.PAGE_CACHE
    return label.page_class not in _KEPT_BY_REBOOT


def shares_of(cell: Cell) -> Shares:
    """A cell's parts: label → share."""
    return dict(zip(cell.parts[::2], cell.parts[1::2], strict=True))


def cell_of(shares: Shares, held_permille: int) -> Cell:
    """Shares as a cell again, the largest first."""
    ordered = sorted(shares.items(), key=lambda part: -part[1])
    flat = (number for part in ordered if part[1] > 0 for number in part)
    return Cell(parts=tuple(flat), held_permille=held_permille)


def _freed(zone: ZonePages, gone: set[int], free: int, *, is_reboot: bool) -> ZonePages:
    cells = []
    for cell in zone.cells:
        shares = shares_of(cell)
        freed = sum(share for label, share in shares.items() if label in gone)
        kept = {label: share for label, share in shares.items() if label not in gone}
        if freed:
            kept[free] = kept.get(free, 0) + freed
        cells.append(cell_of(kept, 0 if is_reboot else cell.held_permille))
    return msgspec.structs.replace(zone, cells=tuple(cells))


def _compacted(zone: ZonePages, labels: tuple[Label, ...], free: int) -> ZonePages:
    """Movable pages of cells that are not mostly held go to the end of the zone, as the kernel packs them."""
    usable = [i for i, cell in enumerate(zone.cells) if cell.parts and cell.held_permille < _MOSTLY_HELD]
    movable = {number for number, label in enumerate(labels) if label.page_class in MOVABLE}
    kept: dict[int, Shares] = {}
    moving: list[tuple[int, int]] = []
    for i in reversed(usable):
        shares = shares_of(zone.cells[i])
        moving += [(label, share) for label, share in shares.items() if label in movable]
        kept[i] = {label: s for label, s in shares.items() if label not in movable and label != free}
    _pack(kept, sorted(usable, reverse=True), moving)
    cells = list(zone.cells)
    for i, shares in kept.items():
        shares[free] = max(0, sum(zone.cells[i].parts[1::2]) - sum(shares.values()))
        cells[i] = cell_of(shares, zone.cells[i].held_permille)
    return msgspec.structs.replace(zone, cells=tuple(cells))


def _pack(into: dict[int, Shares], order: list[int], moving: list[tuple[int, int]]) -> None:
    """Fill the cells in ``order`` with the parts in ``moving``, each to the brim."""
    waiting = iter(order)
    place, room = -1, 0
    for label, amount in moving:
        left = amount
        while left > 0:
            while room <= 0:
                place = next(waiting, -1)
                if place < 0:
                    return
                room = 1000 - sum(into[place].values())
            step = min(left, room)
            into[place][label] = into[place].get(label, 0) + step
            left, room = left - step, room - step
