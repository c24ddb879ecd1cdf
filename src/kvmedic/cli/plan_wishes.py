"""The words of ``kvmedic plan`` that one remedy or another listens to, and which one does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Literal

from cyclopts import Parameter

from kvmedic.errors import UsageError
from kvmedic.plan.situation import Wishes
from kvmedic.units import GIB, KIB, MIB, TIB

Flag = Parameter(negative=())
MOVING = ("migrate-domain", "evacuate-host", "reboot-host")
CYCLING = ("disable-balloon", "enable-free-page-reporting")
HEARD_BY: Mapping[str, tuple[str, ...]] = {
    "to": MOVING,
    "migrate_uri": MOVING,
    "target_size": ("deflate-balloon",),
    "tune_host": ("release-stranded-memory",),
    "power_cycle": CYCLING,
    "post_copy": MOVING,
    "auto_converge": MOVING,
    "balloon_none": MOVING,
    "bandwidth": MOVING,
    "downtime_limit": MOVING,
    "timeout": MOVING,
    "tunnelled": MOVING,
    "via": ("reboot-host",),
    "bring_home": ("reboot-host",),
}


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class PlanWishes:
    """What the operator allows and limits.

    Parameters
    ----------
    to
        The libvirt URI of the destination of a migration.
    migrate_uri
        The address the migration's data goes to (tcp://ADDRESS), where names do not resolve.
    target_size
        deflate-balloon: give the guest this much ("6G", "700M"), instead of its maximum.
    tune_host
        release-stranded-memory: in the same plan, tune khugepaged so that it stays released.
    power_cycle
        disable-balloon, enable-free-page-reporting: shut the guest down gracefully and start it again.
    post_copy
        Allow a migration to switch to post-copy, which cannot be aborted.
    auto_converge
        Allow a migration to slow the guest down until it converges.
    balloon_none
        Carry a persistent definition without a balloon to the destination.
    bandwidth
        Limit of a migration in MiB/s.
    downtime_limit
        The longest pause at the end of a migration that is aimed at, in ms.
    timeout
        Abort a migration after this many seconds; the guest then runs on where it was.
    tunnelled
        Send a migration's data through libvirt's own connection (encrypted where that is).
    via
        reboot-host: how the reboot is ordered; without it, over ssh.
    bring_home
        reboot-host: move the guests back afterwards.
    """

    to: str | None = None
    migrate_uri: str | None = None
    target_size: Annotated[str | None, Parameter(name="--target")] = None
    tune_host: Annotated[bool, Flag] = False
    power_cycle: Annotated[bool, Flag] = False
    post_copy: Annotated[bool, Flag] = False
    auto_converge: Annotated[bool, Flag] = False
    balloon_none: Annotated[bool, Flag] = False
    bandwidth: int | None = None
    downtime_limit: int | None = None
    timeout: float | None = None
    tunnelled: Annotated[bool, Flag] = False
    via: Literal["ssh", "redfish", "ipmi"] | None = None
    bring_home: Annotated[bool, Flag] = False

    def checked(self, remedy: str | None) -> PlanWishes:
        """Itself. UsageError for a word that ``remedy`` does not listen to, or a limit that is none."""
        for field in fields(self):
            value = getattr(self, field.name)
            heard_by = HEARD_BY[field.name]
            if value not in (None, False) and remedy is not None and remedy not in heard_by:
                word = "target" if field.name == "target_size" else field.name.replace("_", "-")
                raise UsageError(f"{remedy} does not listen to --{word}", hint=f"{', '.join(heard_by)} does.")
        for name in ("bandwidth", "downtime_limit", "timeout"):
            if (limit := getattr(self, name)) is not None and not 0 < limit < MOST:
                raise UsageError(f"--{name.replace('_', '-')} {limit} is no limit", hint="Give more than 0.")
        return self

    def for_domains(self, named: list[str]) -> Wishes:
        """The planner's wishes for these domains, the first one as canary."""
        return Wishes(
            domain=named[0] if named else None,
            more_domains=tuple(named[1:]),
            target_bytes=None if self.target_size is None else parse_size(self.target_size),
            with_tune_host=self.tune_host,
            destination_uri=self.to,
            migrate_uri=self.migrate_uri,
            with_power_cycle=self.power_cycle,
            with_post_copy=self.post_copy,
            with_auto_converge=self.auto_converge,
            persistent_balloon_none=self.balloon_none,
            bandwidth_mib_s=self.bandwidth,
            max_downtime_ms=self.downtime_limit,
            timeout_s=self.timeout,
            is_tunnelled=self.tunnelled,
            reboot_via=self.via,
            with_return=self.bring_home,
        )


MOST = 2**31
"""libvirt takes no larger number; also false for a number that is none."""
NO_WISHES = PlanWishes()


def parse_size(text: str) -> int:
    """Bytes of "700M", "6G", "512MiB" or a plain number of bytes. UsageError for anything else."""
    match = re.fullmatch(r"([0-9]{1,15})([KMGT]?)(?:i?B)?", text.strip(), re.IGNORECASE)
    if match is None or int(match[1]) == 0:
        raise UsageError(f"{text!r} is no size", hint="Write it as 700M or 6G.")
    return int(match[1]) * {"": 1, "K": KIB, "M": MIB, "G": GIB, "T": TIB}[match[2].upper()]
