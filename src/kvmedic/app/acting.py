"""What the command line holds in its hands to act: apply and undo, each under the locks of its plan."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from kvmedic.app.apply import Hands, apply_plan, plan_of
from kvmedic.app.soak import soak
from kvmedic.app.undo import undo_run
from kvmedic.model.plan import Plan
from kvmedic.model.run import Run
from kvmedic.ports import Progress

Lock = Callable[[Sequence[str], str], AbstractContextManager[None]]


class Acting:
    """Runs of plans on this host. Everything that changes something goes through here."""

    def __init__(self, hands: Hands, lock: Lock) -> None:
        self._hands = hands
        self._lock = lock

    def plan_of(self, run: str) -> Plan:
        """The plan of a run that was begun."""
        return plan_of(run, self._hands.journal)

    def apply(self, plan: Plan, run: str, progress: Progress) -> Run:
        """Carries the plan out, or goes on with the run. PreconditionFailedError: another one holds it."""
        with self._lock(lock_names(plan), self._owner(run)):
            return apply_plan(plan, run, self._hands, progress)

    def undo(self, run: str, progress: Progress) -> Run:
        """Takes the run back."""
        with self._lock(lock_names(self.plan_of(run)), self._owner(run)):
            return undo_run(run, self._hands, progress)

    def soak(self, run: str, length_s: float, progress: Progress) -> Run:
        """Watches a finished run for the failure to return. Changes nothing, so it holds no lock."""
        return soak(run, self._hands, length_s, progress)

    def _owner(self, run: str) -> str:
        return f"{self._hands.by}, run {run}"


def lock_names(plan: Plan) -> list[str]:
    """The locks that a plan needs: its domains', and the host's where it is not about a domain alone."""
    domains = [f"domain-{domain.uuid or domain.name}" for domain in plan.domains]
    return domains if domains and plan.option.subject.kind == "domain" else ["host", *domains]
