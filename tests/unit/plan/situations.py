"""Situations of tests: a host with one domain whose balloon took 2 of 8 GiB, as far as not said otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from snapshots import domain, snapshot

from kvmedic.model.domain import DomainFacts
from kvmedic.model.finding import Finding, Severity, Subject
from kvmedic.model.marks import HostMarks, SettingOwner
from kvmedic.model.policy import NO_POLICY
from kvmedic.model.subjects import HOST
from kvmedic.plan.situation import Situation, Wishes
from kvmedic.units import GIB

MARKS = HostMarks(
    setting_owners=(),
    tuned_profile=None,
    configuration_managers=(),
    realtime_tasks=(),
    auto_ballooners=(),
    questions={},
)


def inflated(name: str = "web-1", **changes: Any) -> DomainFacts:
    """A domain whose balloon holds 2 GiB, with 6 GiB resident."""
    return domain(name, **{"balloon_actual_bytes": 6 * GIB, "rss_bytes": 6 * GIB, **changes})


def found(cause: str, subject: Subject = HOST) -> Finding:
    """A finding without its proof."""
    return Finding(
        cause=cause,
        subject=subject,
        severity=Severity.WARNING,
        confidence=0.9,
        summary=cause,
        because=(),
        remedies=(),
    )


def marks(**changes: Any) -> HostMarks:
    """A host without marks, but for what is named."""
    return msgspec.structs.replace(MARKS, **changes)


def owner(key: str) -> SettingOwner:
    """Somebody who sets ``key`` at boot."""
    return SettingOwner(key=key, owner="/etc/sysctl.d/50-site.conf", value="1")


def situation(
    *domains: DomainFacts,
    causes: tuple[str, ...] = (),
    wishes: Mapping[str, Any] | None = None,
    host_marks: HostMarks = MARKS,
    memory_facts: Mapping[str, object] | None = None,
    **changes: Any,
) -> Situation:
    """What a planner knows."""
    return Situation(
        snapshot=snapshot(*(domains or (inflated(),)), memory_facts=memory_facts, **changes),
        findings=tuple(map(found, causes)),
        policy=NO_POLICY,
        wishes=Wishes(**dict(wishes or {})),
        others=(),
        is_local=True,
        marks=host_marks,
        definition_digests={"uuid-of-web-1": "digest-1"},
        compaction_s_per_gib=None,
    )
