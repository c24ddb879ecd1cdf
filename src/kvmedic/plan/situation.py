"""What a planner knows: the facts, what was found, the policy, and what the operator wishes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from kvmedic.model.domain import DomainFacts
from kvmedic.model.finding import Finding, Subject
from kvmedic.model.gap import Missing
from kvmedic.model.marks import HostMarks
from kvmedic.model.migration import DestinationFacts, FleetSight, HostMigrationMarks
from kvmedic.model.plan import Action, Blocker, Option
from kvmedic.model.policy import Policy
from kvmedic.model.record import Record
from kvmedic.model.snapshot import Snapshot
from kvmedic.model.subjects import HOST


class Wishes(Record, frozen=True, kw_only=True):
    """What the operator named: domains, a destination, permissions. None and False: not named.

    ``domain`` is the first one named; ``more_domains`` are those after it, which follow the first one (the
    canary) in the same plan.
    """

    domain: str | None = None
    more_domains: tuple[str, ...] = ()
    with_tune_host: bool = False
    destination_uri: str | None = None
    migrate_uri: str | None = None
    target_bytes: int | None = None
    with_power_cycle: bool = False
    with_post_copy: bool = False
    with_auto_converge: bool = False
    persistent_balloon_none: bool = False
    bandwidth_mib_s: int | None = None
    max_downtime_ms: int | None = None
    timeout_s: float | None = None
    is_tunnelled: bool = False
    with_return: bool = False
    reboot_via: Literal["ssh", "redfish", "ipmi"] | None = None


class HostView(Record, frozen=True, kw_only=True):
    """Another host of the fleet as it is now: where a domain could go.

    ``snapshot`` is what ssh shows of it, ``libvirt`` what its libvirt tells, ``marks`` what a shell there
    finds; each may be out of reach by itself. ``name`` is the policy's, or the URI.
    """

    name: str
    uri: str
    migrate_uri: str | None
    snapshot: Snapshot | Missing
    libvirt: DestinationFacts | Missing
    marks: HostMigrationMarks | Missing


class Situation(Record, frozen=True, kw_only=True):
    """Everything a remedy may look at to propose itself. ``now`` is seconds since the epoch."""

    snapshot: Snapshot
    findings: tuple[Finding, ...]
    policy: Policy
    wishes: Wishes
    others: tuple[HostView, ...]
    is_local: bool
    """Whether kvmedic runs on the host it looks at: the patient cannot nurse itself."""
    marks: HostMarks | Missing
    definition_digests: Mapping[str, str]
    """By domain UUID: SHA-256 of its inactive definition without secrets."""
    compaction_s_per_gib: float | None
    """This host's own measured rate; None where it was never measured."""
    fleet: FleetSight | None = None
    """What moving domains needs to know; None where it was not looked at."""

    def causes_of(self, subject: Subject, answers: tuple[str, ...]) -> tuple[str, ...]:
        """Which of the causes a remedy ``answers`` were found for this subject (or for the host)."""
        hit = [
            finding.cause
            for finding in self.findings
            if finding.cause in answers and (subject.kind == "host" or finding.subject in (subject, HOST))
        ]
        return tuple(dict.fromkeys(hit))

    @property
    def wished(self) -> tuple[DomainFacts, ...]:
        """The running domains the operator means: the named one, or all."""
        running = self.snapshot.running
        if self.wishes.domain is None:
            return running
        named = (self.wishes.domain, *self.wishes.more_domains)
        found: list[DomainFacts] = []
        for name in named:
            found += [d for d in running if name in (d.name, d.uuid) and not any(d is one for one in found)]
        return tuple(found)


class Remedy(Record, frozen=True, kw_only=True):
    """One remedy: what it is, which causes it answers, its options now, and the actions of one option."""

    id: str
    title: str
    answers: tuple[str, ...]
    propose: Callable[[Situation], tuple[Option, ...]]
    actions: Callable[[Situation, Option], tuple[Action, ...]]


def blocker(text: str, source: str, instead: str | None = None) -> Blocker:
    """A reason why a remedy may not be used here and now."""
    return Blocker(text=text, source=source, instead=instead)
