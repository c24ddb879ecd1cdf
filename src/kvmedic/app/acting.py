"""What the command line holds in its hands to act: apply and undo, each under the locks of its plan."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from kvmedic.app.apply import Hands, apply_plan, plan_of
from kvmedic.app.soak import soak
from kvmedic.app.undo import undo_run
from kvmedic.model.plan import Plan
from kvmedic.model.run import Run
from kvmedic.ports import Progress

HOST_LOCK = "host"


class Lock(Protocol):
    """Takes locks by name; those in ``shared`` together with others."""

    def __call__(
        self, names: Sequence[str], owner: str, *, shared: Sequence[str] = ()
    ) -> AbstractContextManager[None]:
        """Holds them until the end of the context."""
        ...


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
        with self._locked(plan, run):
            return apply_plan(plan, run, self._hands, progress)

    def undo(self, run: str, progress: Progress) -> Run:
        """Takes the run back."""
        with self._locked(self.plan_of(run), run):
            return undo_run(run, self._hands, progress)

    def soak(self, run: str, length_s: float, progress: Progress) -> Run:
        """Watches a finished run for the failure to return. Changes nothing, so it holds no lock."""
        return soak(run, self._hands, length_s, progress)

    def _locked(self, plan: Plan, run: str) -> AbstractContextManager[None]:
        """The host is shared with others where the plan is about domains alone."""
        owner = f"{self._hands.by}, run {run}"
        names = lock_names(plan)
        return (
            self._lock(names, owner, shared=[HOST_LOCK])
            if HOST_LOCK not in names
            else self._lock(names, owner)
        )


def lock_names(plan: Plan) -> list[str]:
    """The locks that a plan needs alone: its domains', and the host's where it changes more than domains."""
    domains = [f"domain-{domain.uuid or domain.name}" for domain in plan.domains]
    is_about_domains = domains and all(hasattr(step.action, "domain_name") for step in plan.steps)
    return domains if is_about_domains else [HOST_LOCK, *domains]
