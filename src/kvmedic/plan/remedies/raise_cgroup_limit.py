"""raise-cgroup-limit: a domain's own memory limit, to its maximum and what its QEMU needs beside it.

libvirt advises against hard_limit at all: what QEMU needs beside the guest cannot be known beforehand. Here
it is seen: resident memory beyond what the guest has now.
"""

from __future__ import annotations

from collections.abc import Iterable

from kvmedic.model.domain import CgroupFacts, DomainFacts
from kvmedic.model.gap import Missing
from kvmedic.model.memory import Meminfo
from kvmedic.model.plan import Action, Amount, Blocker, Forecast, Option, RaiseCgroupLimit
from kvmedic.model.subjects import domain_subject
from kvmedic.plan.forecasts import NO_DOWNTIME, NOBODY, exactly, not_known
from kvmedic.plan.owners import not_ours
from kvmedic.plan.situation import Remedy, Situation, blocker
from kvmedic.units import MIB, human_bytes

ID = "raise-cgroup-limit"
ANSWERS = ("cgroup-memory-limit",)
LEAST_OVERHEAD_BYTES = 512 * MIB
OVERHEAD_SHARE = 0.02
GROWTH_OF_OVERHEAD = 1.5


def propose(situation: Situation) -> tuple[Option, ...]:
    """One option for each running domain whose own limit is below what it may need."""
    options = (_option(situation, domain) for domain in situation.wished)
    return tuple(option for option in options if option is not None)


def wanted_bytes(domain: DomainFacts) -> int | None:
    """The maximum, and half as much again as the overhead that shows now, at least 512 MiB and 2 %."""
    maximum, actual, rss = domain.memory_max_bytes, domain.balloon_actual_bytes, domain.rss_bytes
    if isinstance(maximum, Missing) or isinstance(rss, Missing):
        return None
    beyond = rss - (maximum if isinstance(actual, Missing) else actual)
    stranded = 0 if domain.stranded_best is None else domain.stranded_best.bytes
    overhead = max(beyond * GROWTH_OF_OVERHEAD, LEAST_OVERHEAD_BYTES, maximum * OVERHEAD_SHARE)
    wanted = maximum + int(overhead) + stranded
    return -(-wanted // MIB) * MIB


def _option(situation: Situation, domain: DomainFacts) -> Option | None:
    limit, wanted = own_limit(domain), wanted_bytes(domain)
    if limit is None or wanted is None or limit >= wanted:
        return None
    subject = domain_subject(domain)
    basis = f"limit {human_bytes(limit)} → {human_bytes(wanted)}: maximum and QEMU's own memory as seen now"
    return Option(
        remedy=ID,
        subject=subject,
        forecast=Forecast(
            freed_bytes=Amount(best=0, low=limit - wanted, high=0, basis=basis),
            contiguous_blocks=not_known("the domain decides what it uses"),
            returns="no, as long as QEMU needs no more than now",
            downtime=NO_DOWNTIME,
            takes_s=exactly(1, "one call of libvirt"),
            noticed_by=NOBODY,
        ),
        risk="low",
        is_reversible=True,
        is_interruptible=True,
        blockers=(*not_ours(domain, is_about_balloon=False), *_blockers(situation, domain, wanted - limit)),
        notes=(basis,),
        helps_against=situation.causes_of(subject, ANSWERS),
    )


def own_limit(domain: DomainFacts) -> int | None:
    """The limit of the group that holds this QEMU alone; None where there is none."""
    group = domain.cgroup
    if isinstance(group, Missing) or group.qemu_pids != (domain.pid,):
        return None
    return group.own.max_bytes if isinstance(group.own.max_bytes, int) else None


def _blockers(situation: Situation, domain: DomainFacts, rise: int) -> Iterable[Blocker]:
    meminfo = situation.snapshot.memory.meminfo
    available = meminfo.get("MemAvailable") if isinstance(meminfo, Meminfo) else None
    if available is None:
        yield blocker("the host's available memory is not known", "proc/meminfo")
    elif available < rise // 2:
        yield blocker(
            f"the host has {human_bytes(available)} available: its own shortage would come instead",
            "proc/meminfo",
        )
    if isinstance(domain.cgroup, CgroupFacts):
        yield from _above(domain.cgroup)


def _above(group: CgroupFacts) -> Iterable[Blocker]:
    """A limit above the domain's own is somebody else's."""
    own = group.own.max_bytes
    for level in group.ancestors:
        if isinstance(level.max_bytes, int) and isinstance(own, int) and level.max_bytes <= own:
            yield blocker(
                f"the group {level.path} above it may hold {human_bytes(level.max_bytes)} only",
                f"{level.path}/memory.max",
                "raise it where it is set (systemd slice, or whoever made the group)",
            )


def actions(situation: Situation, option: Option) -> tuple[Action, ...]:
    """One action, live and in the definition."""
    domain = next(d for d in situation.wished if domain_subject(d) == option.subject)
    wanted = wanted_bytes(domain)
    if isinstance(domain.uuid, Missing) or wanted is None:
        return ()
    return (RaiseCgroupLimit(domain_uuid=domain.uuid, domain_name=domain.name, hard_limit_bytes=wanted),)


REMEDY = Remedy(
    id=ID, title="Raise the domain's memory limit", answers=ANSWERS, propose=propose, actions=actions
)
