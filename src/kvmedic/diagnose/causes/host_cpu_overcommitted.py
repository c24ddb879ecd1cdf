"""host-cpu-overcommitted: more wants to run than the host has CPUs, and vCPUs wait for their turn.

A large ratio of vCPUs to CPUs is no fault while they are idle. Pressure alone is no proof either: a CPU
quota of a cgroup raises it on an idle host. The load against the CPUs tells the two apart. Who waits may be a
build or a backup beside the guests: where the domains' own groups tell (version 2), they decide.
"""

from __future__ import annotations

from collections.abc import Mapping

from kvmedic.diagnose.readings import count_of_list, teller_of_domains
from kvmedic.diagnose.verdicts import LIKELY, POSSIBLE, because, cleared, finding, found, lacking, no_domain
from kvmedic.model.finding import Because, Cause, Judgement, Severity
from kvmedic.model.gap import Missing
from kvmedic.model.memory import PressureLine
from kvmedic.model.snapshot import Snapshot
from kvmedic.model.subjects import HOST

ID = "host-cpu-overcommitted"
REMEDIES = ("migrate-domain",)
WAITING_PERCENT = 20.0
"""Over a whole minute some task waited for a CPU a fifth of the time: guests see it as steal time."""
LOAD_PER_CPU = 1.0
"""More runnable tasks than CPUs: the queue is real, and not made by a quota."""


def examine(snapshot: Snapshot) -> Judgement:
    """CPU pressure over the last minute, and the load against the CPUs."""
    if isinstance(snapshot.domains, Missing):
        return lacking(snapshot.domains)
    if not snapshot.running:
        return no_domain()
    pressure = snapshot.memory.pressure_cpu
    if isinstance(pressure, Missing):
        return lacking(pressure)
    if pressure.some.avg60_percent < WAITING_PERCENT:
        return cleared(_waited(pressure.some), "proc/pressure/cpu")
    load, cpus = snapshot.host.load_1min, count_of_list(snapshot.host.cpus_online)
    if isinstance(load, Missing):
        return lacking(load)
    if cpus is None:
        return lacking("how many CPUs are online")
    return _weigh(snapshot, pressure.some, load, cpus)


def _waited(some: PressureLine) -> str:
    return f"some task waited for a CPU {some.avg60_percent:.0f} % of the last minute"


def _weigh(snapshot: Snapshot, some: PressureLine, load: float, cpus: int) -> Judgement:
    waits = _waits_of_guests(snapshot)
    is_queue_real = load > cpus * LOAD_PER_CPU
    hurts_guests = not waits or max(waits.values()) >= WAITING_PERCENT
    proof = [
        because(_waited(some), "proc/pressure/cpu"),
        because(f"load {load:.1f} on {cpus} CPUs", "proc/loadavg"),
        *_ratio(snapshot, cpus),
        *_guests_that_wait(waits),
    ]
    if not is_queue_real:
        proof.append(
            because("the load is below the CPUs: a quota of a cgroup looks the same", "proc/loadavg")
        )
    return found(
        finding(
            ID,
            HOST,
            Severity.WARNING if is_queue_real and hurts_guests else Severity.INFO,
            LIKELY if is_queue_real and hurts_guests else POSSIBLE,
            summary=f"tasks wait for a CPU {some.avg60_percent:.0f} % of the time (load {load:.1f} on "
            f"{cpus} CPUs){'' if hurts_guests else ', and no guest does'}",
            proof=proof,
            remedies=REMEDIES if hurts_guests else (),
        )
    )


def _waits_of_guests(snapshot: Snapshot) -> Mapping[str, float]:
    """The share of the last minute that each domain's own group waited for a CPU; empty unless all tell."""
    waits: dict[str, float] = {}
    for domain in snapshot.running:
        group = domain.cgroup
        if isinstance(group, Missing) or isinstance(group.cpu_pressure, Missing) or len(group.qemu_pids) != 1:
            return {}
        waits[domain.name] = group.cpu_pressure.some.avg60_percent
    return waits


def _guests_that_wait(waits: Mapping[str, float]) -> tuple[Because, ...]:
    if not waits:
        return ()
    worst = max(waits, key=lambda name: waits[name])
    many = sum(share >= WAITING_PERCENT for share in waits.values())
    most = f"most of all {worst} ({waits[worst]:.0f} % of the minute)"
    text = f"{many} of {len(waits)} guests wait for a CPU, {most}"
    return (because(text, "cpu.pressure"),)


def _ratio(snapshot: Snapshot, cpus: int) -> tuple[Because, ...]:
    known = [domain.vcpus for domain in snapshot.running if not isinstance(domain.vcpus, Missing)]
    if not known:
        return ()
    text = f"{sum(known)} vCPUs of {len(known)} running domains on {cpus} CPUs"
    return (because(text, teller_of_domains(snapshot)),)


CAUSE = Cause(
    id=ID,
    title="More wants to run than the host has CPUs",
    is_essential=False,
    judged="living",
    examine=examine,
)
