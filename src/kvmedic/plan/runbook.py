"""What an operator does by hand, written down for a host that cannot do it to itself. Pure.

A host that is to be emptied or rebooted must not run what empties or reboots it: the journal and the hands
would go with it. So the steps are written as text, with the commands for each domain.
"""

from __future__ import annotations

from collections.abc import Iterator

from kvmedic.model.domain import DomainFacts
from kvmedic.model.gap import Missing
from kvmedic.plan.migration_blockers import OTHER_WAYS
from kvmedic.plan.remedies.migrate_domain import held_text, mobility_of
from kvmedic.plan.situation import Situation
from kvmedic.units import human_bytes

RUNBOOKS = ("evacuate-host", "reboot-host")
ELSEWHERE = "a machine that is no guest of this host and survives it"


def runbook(situation: Situation, remedy: str) -> str:
    """The steps for this host now."""
    host = situation.snapshot.host.name
    lines = [
        f"Runbook: {remedy} for {host}. Nothing was changed, and nothing here is carried out by kvmedic.",
        "",
        f"Better: on {ELSEWHERE}, with a policy file that names the hosts:",
        f"  kvmedic plan ssh://root@{host} --policy FLEET.toml --remedy {remedy} -o plan.json",
        "",
        "By hand:",
        *_numbered(_steps(situation, remedy)),
    ]
    return "\n".join(lines) + "\n"


def _numbered(steps: Iterator[tuple[str, ...]]) -> Iterator[str]:
    for number, (title, *commands) in enumerate(steps, start=1):
        yield f"{number}. {title}"
        yield from (f"     {command}" for command in commands)


def _steps(situation: Situation, remedy: str) -> Iterator[tuple[str, ...]]:
    host = situation.snapshot.host.name
    yield "Keep the evidence.", "kvmedic capture"
    yield (
        (
            "Ask: is Ceph's noout set where Ceph runs here? Is the host in maintenance in its cluster "
            "manager, and its fencing watchdog disarmed?"
        ),
    )
    mark = f"mkdir -p /run/kvmedic && echo '{remedy}' > /run/kvmedic/cordon"
    yield "Cordon it: kvmedic plans no guest to come here.", mark
    yield from (_move(situation, domain) for domain in situation.snapshot.running)
    yield "See that it is empty.", "virsh list --all", "pgrep -a qemu"
    if remedy == "reboot-host":
        boot_id = situation.snapshot.host.boot_id
        known = "" if isinstance(boot_id, Missing) else f" (now {boot_id})"
        yield (
            f"Reboot it from its console or controller; afterwards its boot id is another one{known}.",
            "systemctl reboot",
        )
        yield "See that it is healthy before anything comes back.", f"kvmedic check ssh://root@{host}"
    yield "Lift the cordon.", "rm /run/kvmedic/cordon"


def _move(situation: Situation, domain: DomainFacts) -> tuple[str, ...]:
    size = domain.memory_max_bytes
    may_use = "unknown" if isinstance(size, Missing) else human_bytes(size)
    title = f"Move {domain.name}: it holds {held_text(domain)} here, and may use {may_use} where it goes."
    other = OTHER_WAYS.get(domain.managed_by)
    if other is not None:
        return f"{title} {domain.managed_by} owns it:", other
    if domain.source == "process":
        return f"{title} libvirt does not list it: ask whoever started it.", f"ps -fp {domain.pid}"
    mobility = mobility_of(situation, domain)
    is_persistent = domain.is_persistent is True if mobility is None else mobility.is_persistent
    keep = " --persistent --undefinesource" if is_persistent else ""
    return title, f"virsh migrate {domain.name} qemu+ssh://root@DESTINATION/system --live --p2p{keep}"
