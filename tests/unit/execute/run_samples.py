"""Plans and worlds of tests: steps of any kind on one host with one domain."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from kvmedic.execute.gate import DomainNow, World
from kvmedic.model.finding import Subject
from kvmedic.model.plan import (
    Action,
    Amount,
    Forecast,
    MarkCordon,
    Option,
    Plan,
    PlannedDomain,
    PlannedHost,
    PowerCycle,
    RedefineDomain,
    ReleaseStranded,
    SetBalloon,
    Step,
    WriteTunable,
)
from kvmedic.model.policy import NO_POLICY

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)  # a Tuesday
NOTHING = Amount(best=None, low=None, high=None, basis="not measured")

RELEASE = ReleaseStranded(domain_uuid="u-1", domain_name="web-1", pid=42, start_ticks=7, group=None)
BALLOON = SetBalloon(domain_uuid="u-1", domain_name="web-1", actual_bytes=1 << 30, timeout_s=1.0)
REDEFINE = RedefineDomain(
    domain_uuid="u-1",
    domain_name="web-1",
    memballoon_model="none",
    free_page_reporting=None,
    current_memory_to_maximum=True,
)
CYCLE = PowerCycle(domain_uuid="u-1", domain_name="web-1", timeout_s=1.0)
CORDON = MarkCordon(is_cordoned=True, text="maintenance")
RESERVE = WriteTunable(path="proc/sys/vm/min_free_kbytes", expected="1", value="2", reason="r", cost="c")


def step(number: int, action: Action = RELEASE, *, is_disruptive: bool = False) -> Step:
    """One step of a plan."""
    return Step(
        number=number,
        title=f"step {number}",
        action=action,
        host_name="kvm-1",
        host_uri=None,
        is_disruptive=is_disruptive,
        is_reversible=True,
    )


def option(remedy: str = "release-stranded-memory", **changes: Any) -> Option:
    """One option for the domain web-1."""
    ordinary = Option(
        remedy=remedy,
        subject=Subject(kind="domain", name="web-1", id="u-1"),
        forecast=Forecast(
            freed_bytes=NOTHING,
            contiguous_blocks=NOTHING,
            returns="no",
            downtime=(),
            takes_s=NOTHING,
            noticed_by="nobody",
        ),
        risk="low",
        is_reversible=True,
        is_interruptible=True,
        blockers=(),
        notes=(),
        helps_against=(),
    )
    return msgspec.structs.replace(ordinary, **changes)


def plan(*steps: Step, **changes: Any) -> Plan:
    """A plan of an hour ago for one domain."""
    ordinary = Plan(
        schema="kvmedic/plan/1",
        id="plan-1",
        made_at="2026-11-24T11:00:00Z",
        expires_at="2026-11-25T11:00:00Z",
        tool_version="0",
        remedies=("release-stranded-memory",),
        hosts=(PlannedHost(name="kvm-1", boot_id="boot-1", uri=None),),
        domains=(
            PlannedDomain(
                uuid="u-1",
                name="web-1",
                pid=42,
                start_ticks=7,
                managed_by="libvirt",
                definition_digest="digest-1",
            ),
        ),
        option=option(),
        because=(),
        steps=steps or (step(1),),
    )
    return msgspec.structs.replace(ordinary, **changes)


def domain_now(**changes: Any) -> DomainNow:
    """The planned domain, unchanged."""
    ordinary = DomainNow(
        name="web-1",
        uuid="u-1",
        pid=42,
        start_ticks=7,
        managed_by="libvirt",
        definition_digest="digest-1",
    )
    return msgspec.structs.replace(ordinary, **changes)


def world(**changes: Any) -> World:
    """A world in which the plan may be carried out."""
    ordinary = World(
        now=NOW, boot_id="boot-1", domains=(domain_now(),), runs=(), policy=NO_POLICY, strain=None
    )
    return msgspec.structs.replace(ordinary, **changes)
