"""The actor of migrate-domain: looks at both hosts, moves the guest, looks at both hosts again.

Where the guest is, is never concluded from a return code: it is reached when it runs at the destination and
not at the source. A migration that this process lost sight of is waited for or left unknown, never begun
again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from kvmedic.adapters.domain_step import action_of
from kvmedic.adapters.libvirt_session import LibvirtSession
from kvmedic.adapters.migration_session import Ended, MigrationSession
from kvmedic.adapters.stop_request import StopRequest
from kvmedic.errors import (
    ActionRefusedError,
    KvmedicError,
    OutcomeUnknownError,
    ParseError,
    PreconditionFailedError,
    StoppedError,
)
from kvmedic.execute.definition_edit import edited
from kvmedic.model.plan import MigrateDomain, RedefineDomain, Step
from kvmedic.model.record import Record
from kvmedic.model.run import Intent, Sight
from kvmedic.ports import Progress
from kvmedic.units import human_bytes, human_seconds

SYSTEM = "qemu:///system"
POLL_S = 1.0


class Side(Record, frozen=True, kw_only=True):
    """The domain on one host, as its libvirt tells it. ``job`` is not 0 while one is under way."""

    name: str
    state: str
    reason: int
    id: int
    is_active: bool
    is_persistent: bool
    job: int
    inactive_balloon: str | None = None
    autostarts: bool = False


class Sides(Record, frozen=True, kw_only=True):
    """The domain on both hosts; None where it is not defined."""

    here: Side | None
    there: Side | None

    @property
    def has_arrived(self) -> bool:
        """It runs at the destination, and at the source nothing does."""
        runs_there = self.there is not None and self.there.state == "running"
        return runs_there and (self.here is None or not self.here.is_active)

    @property
    def has_stayed(self) -> bool:
        """It runs at the source, no job is under way, and at the destination nothing is active."""
        runs_here = self.here is not None and self.here.state == "running" and self.here.job == 0
        return runs_here and (self.there is None or not self.there.is_active)

    @property
    def shown(self) -> str:
        """Both sides in words."""
        here = "not defined" if self.here is None else self.here.state
        there = "not defined" if self.there is None else self.there.state
        return f"at the source it is {here}, at the destination {there}"


class MigrateActor:
    """Moves domains between libvirts. ``stop`` is the operator's wish to abort.

    ``reasons_now`` looks once more, right before a move, at what could forbid it: (action, source URI).
    """

    def __init__(
        self, stop: StopRequest, reasons_now: Callable[[MigrateDomain, str], tuple[str, ...]]
    ) -> None:
        self._stop, self._reasons_now = stop, reasons_now

    def look(self, step: Step, intent: Intent | None) -> Sight:
        """Where the guest is. PreconditionFailedError where a side cannot be asked, or before the start is
        unfit."""
        action = action_of(step, MigrateDomain)
        if intent is None and self._stop.is_made():
            raise StoppedError(f"stopped before {action.domain_name}; nothing of it was touched", hint=RESUME)
        sides = look_at_both(step)
        if intent is None and not sides.has_arrived:
            self._check_start(step, sides)
        return Sight(
            is_reached=sides.has_arrived and _is_complete(sides, intent),
            facts=_facts(sides),
            restores={
                "was_persistent": int(sides.here is not None and sides.here.is_persistent),
                "source_id": -1 if sides.here is None else sides.here.id,
            },
        )

    def act(self, step: Step, intent: Intent, progress: Progress) -> None:
        """Migrates; where a migration of it is under way already, waits for its end."""
        action = action_of(step, MigrateDomain)
        sides = look_at_both(step)
        if sides.here is not None and sides.here.job != 0:
            self._wait_for_job(step, progress)
            return
        if not sides.has_stayed:
            raise OutcomeUnknownError(f"{action.domain_name}: {sides.shown}; nothing was begun", hint=LOOK)
        ended = MigrationSession(_source(step)).migrate(
            self._wish(step, action),
            lambda numbers: progress(*told(action.domain_name, numbers)),
            self._stop.is_made,
        )
        _judge(step, ended)
        if action.autostarts:
            MigrationSession(action.destination_uri).ask("finish", uuid=action.domain_uuid)

    def undo(self, step: Step, intent: Intent, progress: Progress) -> None:
        """A guest is brought back by a plan of its own: the way back has its own blockers."""
        raise ActionRefusedError(
            "a migration is not taken back by itself; nothing was touched",
            hint="Make a plan at the host where the guest is now: kvmedic plan --remedy migrate-domain.",
        )

    def _check_start(self, step: Step, sides: Sides) -> None:
        action = action_of(step, MigrateDomain)
        if not sides.has_stayed:
            raise PreconditionFailedError(
                f"domain {action.domain_name} cannot be moved now: {sides.shown}; nothing was touched",
                hint="It must run at the source, without a job, and not at the destination.",
            )
        reasons = self._reasons_now(action, _source(step))
        if reasons:
            raise PreconditionFailedError(
                f"domain {action.domain_name} cannot be moved now: {'; '.join(reasons)}; nothing was touched",
                hint="Make a new plan.",
            )

    def _wish(self, step: Step, action: MigrateDomain) -> Mapping[str, Any]:
        return {
            "uuid": action.domain_uuid,
            "destination_uri": action.destination_uri,
            "migrate_uri": action.migrate_uri,
            "bandwidth_mib_s": action.bandwidth_mib_s,
            "max_downtime_ms": action.max_downtime_ms,
            "timeout_s": action.timeout_s,
            "with_auto_converge": action.with_auto_converge,
            "with_post_copy": action.with_post_copy,
            "with_tls": action.with_tls,
            "is_tunnelled": action.is_tunnelled,
            "persistent_xml": _without_balloon(step, action) if action.persistent_balloon_none else None,
        }

    def _wait_for_job(self, step: Step, progress: Progress) -> None:
        action = action_of(step, MigrateDomain)
        begun = time.monotonic()
        while time.monotonic() - begun < action.timeout_s:
            here = look_at_both(step).here
            if here is None or here.job == 0:
                return
            progress(f"{action.domain_name}: a migration is under way; waiting for its end", None)
            if self._stop.is_made():
                MigrationSession(_source(step)).ask("abort", uuid=action.domain_uuid)
            time.sleep(POLL_S)
        raise OutcomeUnknownError(f"the migration of {action.domain_name} does not end", hint=LOOK)


RESUME = "kvmedic apply --resume RUN goes on; kvmedic runs shows its name."
LOOK = "Look at both hosts with virsh list --all before anything else is done."


def look_at_both(step: Step) -> Sides:
    """The domain at the source and at the destination. PreconditionFailedError where one does not answer."""
    action = action_of(step, MigrateDomain)
    here = MigrationSession(_source(step)).ask("look", uuid=action.domain_uuid)
    there = MigrationSession(action.destination_uri).ask("look", uuid=action.domain_uuid)
    return Sides(here=msgspec.convert(here, Side | None), there=msgspec.convert(there, Side | None))


def _source(step: Step) -> str:
    return action_of(step, MigrateDomain).source_uri or step.host_uri or SYSTEM


def _is_complete(sides: Sides, intent: Intent | None) -> bool:
    """A persistent domain must be persistent where it runs now."""
    if intent is None or not intent.restores.get("was_persistent"):
        return True
    return sides.there is not None and sides.there.is_persistent


def _facts(sides: Sides) -> dict[str, str | int | float | None]:
    there = sides.there
    return {
        "at_source": None if sides.here is None else sides.here.state,
        "at_destination": None if there is None else there.state,
        "is_persistent_there": None if there is None else int(there.is_persistent),
        "inactive_balloon_there": None if there is None else there.inactive_balloon,
    }


def _judge(step: Step, ended: Ended) -> None:
    """What libvirt's error means, seen at both hosts; nothing where it gave none."""
    if ended.error is None:
        return
    name = action_of(step, MigrateDomain).domain_name
    try:
        sides = look_at_both(step)
    except KvmedicError as error:
        raise OutcomeUnknownError(f"{ended.error}; and {error.message}", hint=LOOK) from error
    if not sides.has_stayed:
        raise OutcomeUnknownError(f"{ended.error}; {sides.shown}", hint=LOOK)
    if ended.aborted_by == "operator":
        raise StoppedError(
            f"the migration of {name} was aborted; it runs on at its host, unharmed", hint=RESUME
        )
    why = (
        "it took too long and was aborted"
        if ended.aborted_by == "timeout"
        else f"libvirt ended it: {ended.error}"
    )
    raise ActionRefusedError(
        f"{why}; {name} runs on at its host, unharmed", hint="See docs/remedies/migrate-domain.md."
    )


def _without_balloon(step: Step, action: MigrateDomain) -> str:
    """The inactive definition with model='none'. It may hold secrets: it goes to libvirt and nowhere else."""
    wish = RedefineDomain(
        domain_uuid=action.domain_uuid,
        domain_name=action.domain_name,
        memballoon_model="none",
        free_page_reporting=None,
        current_memory_to_maximum=True,
    )
    try:
        return edited(str(LibvirtSession(_source(step)).read("definition", action.domain_uuid)), wish)
    except ParseError as error:
        raise ActionRefusedError(
            f"the definition of {action.domain_name} is not understood; nothing was touched", hint=LOOK
        ) from error


def told(name: str, numbers: Mapping[str, Any]) -> tuple[str, float | None]:
    """A phrase and the share done, from what libvirt tells of the job."""
    total, left = numbers.get("total_bytes"), numbers.get("left_bytes")
    if numbers.get("is_post_copy"):
        return f"{name}: in post-copy, from here it cannot be aborted", None
    if not total or left is None:
        return f"{name}: migrating ({numbers.get('elapsed_s', 0)} s)", None
    dirty, rate = numbers.get("dirty_bytes_s") or 0, numbers.get("rate_bytes_s") or 0
    words = [f"{name}: {human_bytes(left)} left of {human_bytes(total)}, pass {numbers.get('passes') or 1}"]
    if rate:
        words.append(f"{human_bytes(rate)}/s")
    if dirty:
        words.append(f"the guest dirties {human_bytes(dirty)}/s")
    if rate > dirty:
        words.append(f"about {human_seconds(left / (rate - dirty))} left")
    elif rate:
        words.append("does not converge so far")
    if numbers.get("throttle_percent"):
        words.append(f"guest slowed by {numbers['throttle_percent']} %")
    return ", ".join(words), max(0.0, min(1.0, 1 - left / total))
