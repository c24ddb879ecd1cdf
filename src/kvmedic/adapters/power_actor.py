"""A graceful power cycle: shut the guest down, wait until it is off, start it. Never a forced power-off."""

from __future__ import annotations

import time
from collections.abc import Callable

from kvmedic.adapters.domain_step import DomainState, action_of, state_of
from kvmedic.adapters.libvirt_session import LibvirtSession
from kvmedic.errors import ActionRefusedError, OutcomeUnknownError, PreconditionFailedError, StoppedError
from kvmedic.model.plan import PowerCycle, Step
from kvmedic.model.run import Intent, Sight
from kvmedic.ports import Progress

POLL_S = 0.5


class PowerActor:
    """The actor of power-cycle. A domain's id tells one start from the next."""

    def __init__(self, session: LibvirtSession, is_stopped: Callable[[], bool] = lambda: False) -> None:
        self._session, self._is_stopped = session, is_stopped

    def look(self, step: Step, intent: Intent | None) -> Sight:
        """Whether the domain runs, and in another start than when the step began."""
        action = action_of(step, PowerCycle)
        state = state_of(self._session, action.domain_uuid)
        _check(state, is_begun=intent is not None)
        before = None if intent is None else intent.restores.get("id")
        return Sight(
            is_reached=intent is not None and state.is_active and state.id != before,
            facts={"id": state.id, "state": state.state},
            restores={"id": state.id},
        )

    def act(self, step: Step, intent: Intent, progress: Progress) -> None:
        """Shuts down, waits, starts; goes on with the start where the domain is off already."""
        action = action_of(step, PowerCycle)
        if state_of(self._session, action.domain_uuid).is_active:
            self._session.write("shut_down", uuid=action.domain_uuid)
            self._wait_until_off(action, progress)
        progress(f"starting {action.domain_name}", None)
        self._session.write("start", uuid=action.domain_uuid)

    def undo(self, step: Step, intent: Intent, progress: Progress) -> None:
        """There is nothing to put back."""
        raise ActionRefusedError("a power cycle cannot be taken back", hint="Nothing was touched.")

    def _wait_until_off(self, action: PowerCycle, progress: Progress) -> None:
        begun = time.monotonic()
        while time.monotonic() - begun < action.timeout_s:
            if not state_of(self._session, action.domain_uuid).is_active:
                return
            if self._is_stopped():
                raise StoppedError(
                    f"{action.domain_name} was asked to shut down, and may still do so",
                    hint="kvmedic apply --resume starts it once it is off.",
                )
            progress(f"waiting for {action.domain_name} to shut down", None)
            time.sleep(POLL_S)
        raise OutcomeUnknownError(
            f"{action.domain_name} did not shut down within {action.timeout_s:g} s; it was not forced",
            hint="Shut it down from inside, then kvmedic apply --resume starts it.",
        )


def _check(state: DomainState, *, is_begun: bool) -> None:
    reason = None
    if not state.is_persistent:
        reason = "is transient: it would be gone"
    elif state.has_managed_save:
        reason = "has a managed-save image, which would bring the old devices back"
    elif not is_begun and state.state != "running":
        reason = f"is {state.state}"
    if reason:
        raise PreconditionFailedError(
            f"domain {state.name} {reason}; nothing was touched", hint="See docs/remedies/disable-balloon.md."
        )
