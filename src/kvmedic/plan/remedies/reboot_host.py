"""reboot-host: cordon, evacuate, see that it is empty, reboot, wait until it is healthy, lift the cordon.

The last resort: it clears what only a boot clears (scattered unmovable kernel memory, leaks of the kernel),
it repairs no cause, and what caused it comes back. The guests come home only where that was asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from kvmedic.model.gap import Missing
from kvmedic.model.plan import (
    Action,
    Amount,
    Blocker,
    Downtime,
    Forecast,
    MarkCordon,
    MigrateDomain,
    Option,
    RebootHost,
)
from kvmedic.model.policy import FleetHost
from kvmedic.model.subjects import HOST
from kvmedic.plan.evacuation_order import Placement, evacuation
from kvmedic.plan.forecasts import between, not_known
from kvmedic.plan.remedies.evacuate_host import (
    blockers_of_acting,
    blockers_of_domains,
    downtimes,
    host_of,
    leaving,
    notes_of,
)
from kvmedic.plan.situation import Remedy, Situation, blocker
from kvmedic.units import MIB

ID = "reboot-host"
ANSWERS = (
    "memory-fragmented",
    "kernel-memory-growth",
    "hardware-memory-error",
    "kernel-bug",
    "hypervisor-daemon-hung",
)
TIMEOUT_S = 1800.0
"""Servers count their memory for many minutes."""
BOOTED_FREE_SHARE = 0.85
"""The least of RAM that is free right after a boot, before anything was started."""


def propose(situation: Situation) -> tuple[Option, ...]:
    """One option: the host."""
    placements = evacuation(situation)
    return (
        Option(
            remedy=ID,
            subject=host_of(situation),
            forecast=_forecast(situation, placements),
            risk="high",
            is_reversible=False,
            is_interruptible=False,
            blockers=tuple(_blockers(situation, placements)),
            notes=tuple(_notes(situation, placements)),
            helps_against=situation.causes_of(HOST, ANSWERS),
        ),
    )


def _blockers(situation: Situation, placements: Sequence[Placement]) -> Iterator[Blocker]:
    yield from blockers_of_acting(situation)
    yield from blockers_of_domains(situation, placements)
    if isinstance(situation.snapshot.domains, Missing):
        yield blocker("its domains could not be listed", str(situation.snapshot.domains))
    if situation.fleet is not None and situation.fleet.ssh is None and not situation.is_local:
        yield blocker("the policy names no ssh for it: nobody could see that it is empty", "policy")
    if isinstance(situation.snapshot.host.boot_id, Missing):
        yield blocker("its boot id is not known", "proc/sys/kernel/random/boot_id")


def _notes(situation: Situation, placements: Sequence[Placement]) -> Iterator[str]:
    yield from notes_of(placements)
    yield "an evacuation and compact-memory free what is movable; a boot clears scattered kernel memory, too"
    if not situation.wishes.with_return:
        yield "the guests stay where they went; --bring-home moves them back"
    if _board(situation) is None:
        yield "the policy names no BMC: a host that does not come back has to be switched by hand"


def own_host(situation: Situation) -> FleetHost | None:
    """The policy's entry for this host."""
    uri = None if situation.fleet is None else situation.fleet.uri
    return next((host for host in situation.policy.hosts if host.uri == uri), None)


def _board(situation: Situation) -> Literal["redfish", "ipmi"] | None:
    host = own_host(situation)
    return None if host is None or host.bmc is None else host.bmc.kind


def _forecast(situation: Situation, placements: Sequence[Placement]) -> Forecast:
    return Forecast(
        freed_bytes=_freed(situation),
        contiguous_blocks=_blocks(situation),
        returns="yes, unless its cause is repaired: a boot repairs none",
        downtime=(*downtimes(placements), Downtime(who="the host", seconds=None)),
        takes_s=not_known("how long this host boots was never measured"),
        noticed_by="every guest of this host",
    )


def _freed(situation: Situation) -> Amount:
    meminfo = situation.snapshot.memory.meminfo
    total = None if isinstance(meminfo, Missing) else meminfo.get("MemTotal")
    free = None if isinstance(meminfo, Missing) else meminfo.get("MemFree")
    if total is None or free is None:
        return not_known("the host's memory could not be read")
    if situation.wishes.with_return:
        return not_known("the guests come back")
    return between(
        max(0, int(total * BOOTED_FREE_SHARE) - free),
        max(0, total - free),
        "85 to 100 % of RAM free after a boot",
    )


def _blocks(situation: Situation) -> Amount:
    """Right after a boot nearly all free memory lies in whole blocks."""
    meminfo, zones = situation.snapshot.memory.meminfo, situation.snapshot.memory.zones
    total = None if isinstance(meminfo, Missing) else meminfo.get("MemTotal")
    if total is None or isinstance(zones, Missing) or situation.wishes.with_return:
        return not_known("not known beforehand")
    now = sum(zone.blocks_at_least[9] for zone in zones if len(zone.blocks_at_least) > 9)
    whole = total // (2 * MIB)
    return between(
        max(0, int(whole * BOOTED_FREE_SHARE) - now),
        max(0, whole - now),
        "85 to 100 % of RAM in whole blocks after a boot",
    )


def actions(situation: Situation, option: Option) -> tuple[Action, ...]:
    """Cordon, every guest away, the reboot, the cordon lifted, and the guests home where that was asked
    for."""
    boot_id = situation.snapshot.host.boot_id
    if isinstance(boot_id, Missing):
        return ()
    moves = tuple(leaving(situation, evacuation(situation)))
    text = f"kvmedic {option.remedy}: nothing comes here until it is lifted"
    return (
        MarkCordon(is_cordoned=True, text=text),
        *moves,
        RebootHost(via=situation.wishes.reboot_via or "ssh", timeout_s=TIMEOUT_S, boot_id=boot_id),
        MarkCordon(is_cordoned=False, text=""),
        *(_home(situation, moves) if situation.wishes.with_return else ()),
    )


def _home(situation: Situation, moves: Sequence[Action]) -> Iterator[Action]:
    """Each guest that was moved comes back from where it went, the last one first."""
    host = own_host(situation)
    for move in reversed(moves):
        if isinstance(move, MigrateDomain) and host is not None:
            yield msgspec.structs.replace(
                move,
                source_uri=move.destination_uri,
                destination_uri=host.uri,
                migrate_uri=host.migrate_uri,
                persistent_balloon_none=False,
            )


REMEDY = Remedy(
    id=ID,
    title="Reboot the host, empty, and see that it is healthy",
    answers=ANSWERS,
    propose=propose,
    actions=actions,
)
