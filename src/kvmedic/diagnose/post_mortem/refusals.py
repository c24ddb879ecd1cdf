"""Requests for memory that were refused and killed nobody: page allocation failures and slab failures.

Above order 3 the kernel gives up without a kill; a request that may not wait (interrupts, network cards)
lives on what is free at that moment. The requester is the one that met the shortage, not its cause.
"""

from __future__ import annotations

from typing import Literal

from kvmedic.diagnose.post_mortem.said import of_kind
from kvmedic.diagnose.post_mortem.zones import Supply, supply_of
from kvmedic.model.case import Case, Happening
from kvmedic.model.log_event import PageAllocationFailure

RefusalKind = Literal["fragmented", "atomic", "short", "unclear"]
COSTLY_ORDER = 3


def refusals(case: Case, *kinds: RefusalKind) -> list[tuple[Happening, PageAllocationFailure]]:
    """The refused page requests of the scene that are of one of ``kinds``."""
    return [
        (happening, failure)
        for happening, failure in of_kind(case.scene, PageAllocationFailure)
        if failure.kind == "page" and refusal_kind(failure) in kinds
    ]


def refusal_kind(failure: PageAllocationFailure) -> RefusalKind:
    """Why one request was refused."""
    if failure.order is None:
        return "unclear"
    order, supply = failure.order, supply_for(failure)
    is_atomic = failure.gfp is not None and failure.gfp.can_direct_reclaim is False
    if order == 0:
        return "atomic" if is_atomic else "short"
    if supply is None or not supply.zones:
        return (
            "fragmented" if order > COSTLY_ORDER and not is_atomic else "atomic" if is_atomic else "unclear"
        )
    if supply.roomy and not supply.blocks:
        return "fragmented"
    if is_atomic:
        return "atomic"
    if order > COSTLY_ORDER and not supply.blocks and any(z not in supply.dry for z in supply.reachable):
        return "fragmented"
    return "short" if supply.dry and not supply.roomy else "unclear"


def supply_for(failure: PageAllocationFailure) -> Supply | None:
    """What the zones could still give to this request; None where the report shows none."""
    if failure.mem_info is None:
        return None
    return supply_of(failure.mem_info, failure.gfp, failure.order or 0, None)


def is_harmless(failure: PageAllocationFailure) -> bool:
    """A request that may fail by design: atomic, or by a driver that retries smaller."""
    gfp = failure.gfp
    return failure.is_in_interrupt is True or (gfp is not None and gfp.can_direct_reclaim is False)
