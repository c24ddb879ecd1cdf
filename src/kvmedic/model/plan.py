"""Plans: what a remedy would do, what it promises, what stands in its way. JSON for people to read."""

from __future__ import annotations

from typing import Literal

import msgspec

from kvmedic.model.finding import Because, Subject
from kvmedic.model.record import Record

PLAN_SCHEMA = "kvmedic/plan/1"
Risk = Literal["low", "medium", "high"]


class Amount(Record, frozen=True, kw_only=True):
    """A forecast number with its range (95 %) and basis; None in all three means: not known."""

    best: int | None
    low: int | None
    high: int | None
    basis: str


class Downtime(Record, frozen=True, kw_only=True):
    """Who is down for how long: ``seconds`` None is not known, 0 is none."""

    who: str
    seconds: float | None


class Forecast(Record, frozen=True, kw_only=True):
    """What a remedy promises on this host now."""

    freed_bytes: Amount
    contiguous_blocks: Amount
    returns: str
    """Whether the failure comes back: "in about 85 min (khugepaged refills it)", "no", "not known"."""
    downtime: tuple[Downtime, ...]
    takes_s: Amount
    noticed_by: str


class Blocker(Record, frozen=True, kw_only=True):
    """Something that forbids a remedy here and now; ``instead`` is the command of the domain's owner."""

    text: str
    source: str
    instead: str | None


class Option(Record, frozen=True, kw_only=True):
    """One row of the comparison: a remedy for one subject."""

    remedy: str
    subject: Subject
    forecast: Forecast
    risk: Risk
    is_reversible: bool
    is_interruptible: bool
    blockers: tuple[Blocker, ...]
    notes: tuple[str, ...]
    helps_against: tuple[str, ...]
    """Causes found on this host that this remedy answers; empty when it answers none of them."""


class ReleaseStranded(Record, frozen=True, kw_only=True, tag="release-stranded"):
    """Split the folios of one QEMU that the page map shows partly mapped: process_madvise(MADV_COLD).

    ``group`` is the folder of its memory cgroup relative to the root, where it holds this QEMU alone: the
    fallback where the kernel has no process_madvise or refuses it; None where there is no such group.
    """

    domain_uuid: str | None
    domain_name: str
    pid: int
    start_ticks: int
    group: str | None


class CompactNode(Record, frozen=True, kw_only=True, tag="compact-node"):
    """Compact one NUMA node: a write to /sys/devices/system/node/nodeN/compact."""

    node: int


class WriteTunable(Record, frozen=True, kw_only=True, tag="write-tunable"):
    """Write one kernel setting; ``path`` relative to the root, ``expected`` what it must hold before."""

    path: str
    expected: str
    value: str
    reason: str
    cost: str


class PersistTunables(Record, frozen=True, kw_only=True, tag="persist-tunables"):
    """Write a file of our own that sets tunables at boot; refused where another owner sets them."""

    path: str
    content: str


class SetBalloon(Record, frozen=True, kw_only=True, tag="set-balloon"):
    """Ask the balloon of a running domain for ``actual_bytes`` and poll until it is there."""

    domain_uuid: str
    domain_name: str
    actual_bytes: int
    timeout_s: float


class RedefineDomain(Record, frozen=True, kw_only=True, tag="redefine-domain"):
    """Change the inactive definition: memballoon model or reporting, currentMemory; nothing else.

    ``memballoon_model`` None leaves the device; ``free_page_reporting`` None leaves the attribute.
    ``current_memory_to_maximum`` sets currentMemory = memory.
    """

    domain_uuid: str
    domain_name: str
    memballoon_model: Literal["none"] | None
    free_page_reporting: bool | None
    current_memory_to_maximum: bool


class PowerCycle(Record, frozen=True, kw_only=True, tag="power-cycle"):
    """Shut the guest down gracefully, wait for "shut off", start it again."""

    domain_uuid: str
    domain_name: str
    timeout_s: float


class RaiseCgroupLimit(Record, frozen=True, kw_only=True, tag="raise-cgroup-limit"):
    """Raise a memory limit of a domain's own cgroup through libvirt (virDomainSetMemoryParameters)."""

    domain_uuid: str
    domain_name: str
    hard_limit_bytes: int


class MigrateDomain(Record, frozen=True, kw_only=True, tag="migrate-domain"):
    """Live, peer-to-peer migration to ``destination_uri``, with the persistent definition where there is one.

    ``with_tls``: QEMU encrypts the guest's memory on its way; ``is_tunnelled``: libvirt's connection carries
    it.
    """

    domain_uuid: str
    domain_name: str
    source_uri: str | None
    """Where it runs; None is the host of the step. A guest that is brought home comes from elsewhere."""
    destination_uri: str
    migrate_uri: str | None
    bandwidth_mib_s: int | None
    max_downtime_ms: int | None
    timeout_s: float
    with_auto_converge: bool
    with_post_copy: bool
    persistent_balloon_none: bool
    with_tls: bool
    is_tunnelled: bool
    autostarts: bool


class ShutDownDomain(Record, frozen=True, kw_only=True, tag="shut-down-domain"):
    """Shut a guest down gracefully; only where the operator allowed it."""

    domain_uuid: str
    domain_name: str
    timeout_s: float


class MarkCordon(Record, frozen=True, kw_only=True, tag="mark-cordon"):
    """Put or lift the cordon mark of a host, which the planner honours."""

    is_cordoned: bool
    text: str


class RebootHost(Record, frozen=True, kw_only=True, tag="reboot-host"):
    """Reboot an empty host from outside and wait for a new boot id and a healthy answer."""

    via: Literal["ssh", "redfish", "ipmi"]
    timeout_s: float
    boot_id: str
    """The boot that is to end: a host under another one was rebooted already."""


Action = (
    ReleaseStranded
    | CompactNode
    | WriteTunable
    | PersistTunables
    | SetBalloon
    | RedefineDomain
    | PowerCycle
    | RaiseCgroupLimit
    | MigrateDomain
    | ShutDownDomain
    | MarkCordon
    | RebootHost
)


class Step(Record, frozen=True, kw_only=True):
    """One step of a plan. ``is_disruptive`` steps ask first, unless ``--yes``."""

    number: int
    title: str
    action: Action
    host_name: str
    host_uri: str | None
    is_disruptive: bool
    is_reversible: bool


class PlannedHost(Record, frozen=True, kw_only=True):
    """A host a plan touches: it refuses where the boot id is another one."""

    name: str
    boot_id: str
    uri: str | None


class PlannedDomain(Record, frozen=True, kw_only=True):
    """A domain a plan touches, and what must still be true of it."""

    uuid: str | None
    name: str
    pid: int | None
    start_ticks: int | None
    managed_by: str
    definition_digest: str | None
    """SHA-256 of its inactive definition without secrets, where the plan changes it."""


class Plan(Record, frozen=True, kw_only=True):
    """A plan to read, review, keep and carry out. Times are ISO 8601, UTC."""

    schema: Literal["kvmedic/plan/1"]
    id: str
    made_at: str
    expires_at: str
    tool_version: str
    remedies: tuple[str, ...]
    hosts: tuple[PlannedHost, ...]
    domains: tuple[PlannedDomain, ...]
    option: Option
    because: tuple[Because, ...]
    steps: tuple[Step, ...]


def plan_digest(plan: Plan) -> bytes:
    """The plan as canonical bytes: what a run is bound to."""
    return msgspec.json.encode(plan)
