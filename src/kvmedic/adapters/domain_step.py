"""What the actors of domains share: the planned action, and the domain's state as libvirt tells it."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from kvmedic.adapters.libvirt_session import LibvirtSession
from kvmedic.errors import InvariantError, PreconditionFailedError
from kvmedic.model.plan import Step
from kvmedic.model.record import Record
from kvmedic.units import KIB

Wanted = TypeVar("Wanted")


class DomainState(Record, frozen=True, kw_only=True):
    """A domain now; sizes in KiB as libvirt counts, ``actual_kib`` None where no balloon tells."""

    name: str
    id: int
    state: str
    is_active: bool
    is_persistent: bool
    has_managed_save: bool
    maximum_kib: int
    actual_kib: int | None
    usable_kib: int | None
    """What the guest says it could use without swapping; None where it does not tell."""

    @property
    def actual_bytes(self) -> int | None:
        """What the guest has now."""
        return None if self.actual_kib is None else self.actual_kib * KIB


def action_of(step: Step, wanted: type[Wanted]) -> Wanted:
    """The step's action. InvariantError where it is another kind: the actors are chosen by it."""
    if not isinstance(step.action, wanted):
        raise InvariantError(f"step {step.number} is no {wanted.__name__}")
    return step.action


def state_of(session: LibvirtSession, uuid: str) -> DomainState:
    """The domain's state. PreconditionFailedError where libvirt does not tell."""
    return msgspec.convert(session.read("state", uuid), DomainState)


def running_state_of(session: LibvirtSession, uuid: str) -> DomainState:
    """As ``state_of``, of a domain that must be running."""
    state = state_of(session, uuid)
    if not state.is_active or state.state in ("paused", "crashed", "pmsuspended"):
        raise PreconditionFailedError(
            f"domain {state.name} is {state.state}; nothing was touched", hint="It must be running."
        )
    return state
