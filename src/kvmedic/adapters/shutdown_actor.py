"""Shuts a guest down gracefully where it cannot move and the policy allows it. Never a forced power-off."""

from __future__ import annotations

import time

from kvmedic.adapters.domain_step import action_of, state_of
from kvmedic.adapters.libvirt_session import LibvirtSession
from kvmedic.adapters.stop_request import StopRequest
from kvmedic.errors import ActionRefusedError, OutcomeUnknownError, StoppedError
from kvmedic.model.plan import ShutDownDomain, Step
from kvmedic.model.run import Intent, Sight
from kvmedic.ports import Progress

POLL_S = 1.0
SYSTEM = "qemu:///system"


class ShutDownActor:
    """The actor of shut-down-domain."""

    def __init__(self, stop: StopRequest) -> None:
        self._stop = stop

    def look(self, step: Step, intent: Intent | None) -> Sight:
        """Whether it is off."""
        action = action_of(step, ShutDownDomain)
        if intent is None and self._stop.is_made():
            raise StoppedError(f"stopped before {action.domain_name}; nothing of it was touched")
        state = state_of(_session(step), action.domain_uuid)
        return Sight(is_reached=not state.is_active, facts={"state": state.state}, restores={"id": state.id})

    def act(self, step: Step, intent: Intent, progress: Progress) -> None:
        """Asks the guest, and waits; asking again does no harm."""
        action, session = action_of(step, ShutDownDomain), _session(step)
        session.write("shut_down", uuid=action.domain_uuid)
        begun = time.monotonic()
        while time.monotonic() - begun < action.timeout_s:
            if not state_of(session, action.domain_uuid).is_active:
                return
            progress(f"waiting for {action.domain_name} to shut down", None)
            if self._stop.is_made():
                raise StoppedError(f"{action.domain_name} was asked to shut down, and may still do so")
            time.sleep(POLL_S)
        raise OutcomeUnknownError(
            f"{action.domain_name} did not shut down within {action.timeout_s:g} s; it was not forced",
            hint="Shut it down from inside, then kvmedic apply --resume goes on.",
        )

    def undo(self, step: Step, intent: Intent, progress: Progress) -> None:
        """A guest is not started by itself: its memory may be needed, or its disks in use elsewhere."""
        raise ActionRefusedError(
            "a shutdown is not taken back by itself; nothing was touched", hint="Start it with virsh start."
        )


def _session(step: Step) -> LibvirtSession:
    return LibvirtSession(step.host_uri or SYSTEM)
