"""The policy file: which hosts there are, what is protected, when and how often may be acted. From TOML."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from kvmedic.model.record import Record


class BoardController(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The BMC of a host. ``password_file`` is read only when it is used; the password is never here."""

    kind: Literal["redfish", "ipmi"]
    address: str
    user: str
    password_file: str
    system: str = "1"


class FleetHost(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A host of the fleet: how libvirt, ssh and migrations reach it."""

    name: str
    uri: str
    ssh: str | None = None
    migrate_uri: str | None = None
    is_destination: bool = True
    bmc: BoardController | None = None


Clock = Annotated[str, msgspec.Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
"""A time of the day in UTC, "HH:MM"."""
Seconds = Annotated[float, msgspec.Meta(ge=0)]
AtLeastOne = Annotated[int, msgspec.Meta(ge=1)]


class Window(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When disruptive steps may begin: days by their first three letters, UTC times "HH:MM"."""

    days: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...]
    begins: Clock
    ends: Clock


class Policy(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may be done here. Without a file: no other hosts, nothing protected, any time, an hour between.

    ``protected_domains`` are names or UUIDs that no disruptive step touches. ``cooldown_s`` is the least
    time between two runs of one remedy on one subject. ``least_healthy_hosts`` stay out of an evacuation.
    """

    hosts: tuple[FleetHost, ...] = ()
    protected_domains: tuple[str, ...] = ()
    windows: tuple[Window, ...] = ()
    cooldown_s: Seconds = 3600.0
    least_healthy_hosts: int = 1
    parallel_migrations: AtLeastOne = 1
    bandwidth_mib_s: int | None = None
    may_shut_down: tuple[str, ...] = ()
    """Domains that an evacuation may shut down where they cannot move; "*" is every one."""
    evacuate_first: tuple[str, ...] = ()
    """Domains, by name or UUID, in the order in which an evacuation moves them before all others."""
    answers: dict[str, bool] = msgspec.field(default_factory=dict)
    """Answers to questions that marks on a host raise: "ceph-noout-set", "ha-maintenance-on", …"""


NO_POLICY = Policy()
