"""What rules about balloons share: how large a balloon is, and whether there is one."""

from __future__ import annotations

from kvmedic.diagnose.verdicts import because, cleared
from kvmedic.model.domain import DomainFacts
from kvmedic.model.finding import Because, Judgement
from kvmedic.model.gap import Missing
from kvmedic.model.record import Record
from kvmedic.units import MIB, human_bytes

INFLATED_BYTES = 64 * MIB
"""A smaller balloon is rounding: managers move balloons in steps of this size and more."""
INFLATED_SHARE = 0.02
"""Below 2 % of the domain a balloon neither helps the host nor hurts the guest."""


class Balloon(Record, frozen=True, kw_only=True):
    """A balloon: what the domain may have, what it has now, what it gave up."""

    maximum_bytes: int
    actual_bytes: int
    given_up_bytes: int
    is_inflated: bool
    reason: Because


def balloon_of(domain: DomainFacts) -> Balloon | Missing:
    """The balloon of a domain; a gap where libvirt's actual or the maximum is one."""
    maximum, actual = domain.memory_max_bytes, domain.balloon_actual_bytes
    if isinstance(maximum, Missing):
        return maximum
    if isinstance(actual, Missing):
        return actual
    given_up = max(maximum - actual, 0)
    text = f"actual {human_bytes(actual)}, maximum {human_bytes(maximum)}: gave up {human_bytes(given_up)}"
    return Balloon(
        maximum_bytes=maximum,
        actual_bytes=actual,
        given_up_bytes=given_up,
        is_inflated=given_up >= max(INFLATED_BYTES, int(maximum * INFLATED_SHARE)),
        reason=because(text, "libvirt"),
    )


def no_balloon(domain: DomainFacts) -> Judgement | None:
    """The clearance of a domain that has no balloon device; None where it has one, or nobody knows."""
    if domain.balloon_driver == "none" or domain.balloon_model == "none":
        return cleared("it has no balloon", "libvirt")
    return None
