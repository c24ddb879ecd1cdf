"""Sets the balloon of a running domain. libvirt's yes means QEMU heard it; only ``actual`` is success."""

from __future__ import annotations

import time
from collections.abc import Callable

from kvmedic.adapters.domain_step import DomainState, action_of, running_state_of, state_of
from kvmedic.adapters.libvirt_session import LibvirtSession
from kvmedic.errors import (
    ActionRefusedError,
    OutcomeUnknownError,
    PreconditionFailedError,
    StoppedError,
)
from kvmedic.model.plan import SetBalloon, Step
from kvmedic.model.run import Intent, Sight
from kvmedic.ports import Progress
from kvmedic.units import KIB, MIB, human_bytes

TOLERANCE_BYTES = MIB
"""The driver moves 1 MiB at a time, and a target is rounded to its pages."""
POLL_S = 0.5
SPARE_SHARE = 0.10
"""What a guest must keep usable of what it would then have."""


class BalloonActor:
    """The actor of set-balloon."""

    def __init__(self, session: LibvirtSession, is_stopped: Callable[[], bool] = lambda: False) -> None:
        self._session, self._is_stopped = session, is_stopped

    def look(self, step: Step, intent: Intent | None) -> Sight:
        """``actual`` now, and whether it is where it should be."""
        action = action_of(step, SetBalloon)
        state = running_state_of(self._session, action.domain_uuid)
        actual = state.actual_bytes
        if actual is None:
            raise PreconditionFailedError(
                f"domain {action.domain_name} tells no balloon", hint="It may have no balloon device."
            )
        return Sight(
            is_reached=abs(actual - action.actual_bytes) <= TOLERANCE_BYTES,
            facts={"actual_bytes": actual, "target_bytes": action.actual_bytes},
            restores={"actual_bytes": actual, "id": state.id},
        )

    def act(self, step: Step, intent: Intent, progress: Progress) -> None:
        """Asks, and polls until the guest has followed or the time is up."""
        action = action_of(step, SetBalloon)
        self._set(action, action.actual_bytes, progress)

    def undo(self, step: Step, intent: Intent, progress: Progress) -> str | None:
        """Asks for what the guest had before. ActionRefusedError where it cannot spare that now.

        A domain that was started again since has a balloon of its own, or none: libvirt set it then.
        """
        action, before = action_of(step, SetBalloon), intent.restores.get("actual_bytes")
        if not isinstance(before, int):
            return None
        state = state_of(self._session, action.domain_uuid)
        if state.id != intent.restores.get("id", state.id):
            return "it was started again since, or is off: its balloon is what its definition says"
        _check_spare(running_state_of(self._session, action.domain_uuid), before)
        self._set(action, before, progress)
        return None

    def _set(self, action: SetBalloon, target_bytes: int, progress: Progress) -> None:
        self._session.write("set_balloon", uuid=action.domain_uuid, kib=target_bytes // KIB)
        begun = time.monotonic()
        while (waited_s := time.monotonic() - begun) < action.timeout_s:
            actual = running_state_of(self._session, action.domain_uuid).actual_bytes
            if actual is not None and abs(actual - target_bytes) <= TOLERANCE_BYTES:
                return
            if self._is_stopped():
                raise StoppedError(
                    f"{action.domain_name} was asked for {human_bytes(target_bytes)}, and may go on",
                    hint="kvmedic apply --resume looks where it got to.",
                )
            shown = "not known" if actual is None else human_bytes(actual)
            progress(f"balloon of {action.domain_name}: {shown} of {human_bytes(target_bytes)}", None)
            time.sleep(min(POLL_S, max(0.0, action.timeout_s - waited_s)))
        raise OutcomeUnknownError(
            f"{action.domain_name} did not reach {human_bytes(target_bytes)} within {action.timeout_s:g} s",
            hint="Its balloon driver may be absent, or the guest may lack memory to give.",
        )


def _check_spare(state: DomainState, target_bytes: int) -> None:
    """To take memory from a guest that uses it would end in the guest's own OOM killer."""
    actual = state.actual_bytes or 0
    if actual <= target_bytes + TOLERANCE_BYTES:
        return
    usable = None if state.usable_kib is None else state.usable_kib * KIB
    need = actual - target_bytes + int(target_bytes * SPARE_SHARE)
    if usable is None or usable < need:
        shown = "does not tell what it can spare" if usable is None else f"can spare {human_bytes(usable)}"
        raise ActionRefusedError(
            f"{state.name} {shown}; {human_bytes(actual - target_bytes)} would be taken from it",
            hint="Inflate it by hand, if that is really wanted: virsh setmem.",
        )
