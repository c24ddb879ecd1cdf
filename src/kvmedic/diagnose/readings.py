"""What several rules read in the same way: rates, pressure, zones that serve the kernel, settings."""

from __future__ import annotations

from kvmedic.model.finding import Because
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.memory import Pressure
from kvmedic.model.snapshot import Snapshot
from kvmedic.model.zone_facts import ZoneFacts

VMSTAT = "proc/vmstat"
WAITING_PERCENT = 10.0
"""From this share of the last 10 s that some task waited, a person notices it; below it lies ordinary
life."""


def per_second(snapshot: Snapshot, *counters: str) -> float | Missing:
    """Growth per second of the named counters of /proc/vmstat together; a gap where none of them is there."""
    rates = snapshot.memory.rates
    if isinstance(rates, Missing):
        return rates
    known = [rate for name in counters if (rate := rates.of(name)) is not None]
    if not known:
        return Missing(source=VMSTAT, reason=Reason.NOT_FOUND, detail=f"no growth of {counters[0]} is known")
    return sum(known)


def direct_reclaims_per_second(snapshot: Snapshot) -> float | Missing:
    """How often per second a request had to reclaim memory itself (allocstall of all zones; host, not
    cgroups).
    """
    rates = snapshot.memory.rates
    if isinstance(rates, Missing):
        return rates
    return per_second(
        snapshot, *(sorted(n for n in rates.per_second if n.startswith("allocstall")) or ["allocstall"])
    )


def some_percent(pressure: Pressure | Missing) -> float | None:
    """Share of the last 10 s in which some task waited; None where the kernel does not tell."""
    return None if isinstance(pressure, Missing) else pressure.some.avg10_percent


def full_percent(pressure: Pressure | Missing) -> float | None:
    """Share of the last 10 s in which all tasks waited; None where the kernel does not tell."""
    return None if isinstance(pressure, Missing) or pressure.full is None else pressure.full.avg10_percent


def is_waiting(pressure: Pressure | Missing) -> bool:
    """Whether tasks are known to wait for this resource. It says that they wait, never why."""
    some = some_percent(pressure)
    return some is not None and some >= WAITING_PERCENT


def teller_of_domains(snapshot: Snapshot) -> str:
    """Who told of the running domains: libvirt, or the command lines of the QEMUs that it does not know."""
    tellers = {domain.source for domain in snapshot.running}
    return "QEMU arguments" if tellers == {"process"} else "libvirt"


def pressure_lines(pressure: Pressure | Missing, resource: str) -> tuple[Because, ...]:
    """The pressure as a line of proof, or nothing where the kernel does not tell."""
    some, full = some_percent(pressure), full_percent(pressure)
    if some is None:
        return ()
    tail = "" if full is None else f", all of them {full:.0f} %"
    text = f"some task waited for {resource} {some:.0f} % of the last 10 s{tail}"
    return (Because(text=text, source=f"proc/pressure/{resource}", line=None),)


def kernel_zones(zones: tuple[ZoneFacts, ...]) -> tuple[ZoneFacts, ...]:
    """The zones that serve the kernel's own requests: not Movable or Device, nor the tiny DMA beside
    others.
    """
    serving = tuple(zone for zone in zones if zone.zone not in ("Movable", "Device"))
    ordinary = tuple(zone for zone in serving if zone.zone != "DMA")
    return ordinary or serving


def sysctl_number(snapshot: Snapshot, name: str) -> int | None:
    """A setting below /proc/sys that is one number, by its dotted name; None where it was not read."""
    text = snapshot.host.sysctls.get(name) or snapshot.host.sysctls.get(name.replace(".", "/"))
    return int(text) if text is not None and text.strip().isdigit() else None


def count_of_list(kernel_list: str | Missing) -> int | None:
    """How many numbers a kernel list holds ("0-3,8" holds five); None where it is a gap or no list."""
    if isinstance(kernel_list, Missing):
        return None
    numbers = numbers_of_list(kernel_list)
    return len(numbers) or None


def numbers_of_list(kernel_list: str) -> frozenset[int]:
    """The numbers of a kernel list ("0-3,8"); what is no number is passed over."""
    found: set[int] = set()
    for part in kernel_list.strip().split(","):
        first, _, last = part.partition("-")
        if first.isdigit() and (last or first).isdigit():
            found.update(range(int(first), min(int(last or first), int(first) + 65535) + 1))
    return frozenset(found)
