"""cgroup-memory-limit: a memory cgroup of a domain, or one above it, is at its limit.

At memory.max the kernel kills inside the group; at memory.high it puts the tasks to sleep and says nothing
(mm/memcontrol.c, mem_cgroup_handle_over_high). File cache inside the group is no danger: reclaim drops it.
"""

from __future__ import annotations

from collections.abc import Iterator

from kvmedic.diagnose.cgroup_limits import LimitedGroup, Strain, cache_bytes, gaps_of, is_limited, strains
from kvmedic.diagnose.verdicts import because, cleared, finding, joined, lacking, names_in_words, no_domain
from kvmedic.model.domain import IN_ROOT_GROUP, CgroupFacts, CgroupLevel, DomainFacts
from kvmedic.model.finding import Because, Cause, Finding, Judgement, Subject
from kvmedic.model.gap import Missing
from kvmedic.model.snapshot import Snapshot
from kvmedic.model.subjects import domain_subject

ID = "cgroup-memory-limit"
REMEDIES = ("raise-cgroup-limit", "migrate-domain")


def examine(snapshot: Snapshot) -> Judgement:
    """Every group that holds a running domain, and every group above, once."""
    if isinstance(snapshot.domains, Missing):
        return lacking(snapshot.domains)
    if not snapshot.running:
        return no_domain()
    gaps = [
        domain.cgroup
        for domain in snapshot.running
        if isinstance(domain.cgroup, Missing) and domain.cgroup != IN_ROOT_GROUP
    ]
    groups = _groups(snapshot.running)
    limited = [_judge(group) for group in groups.values() if is_limited(group.level) or gaps_of(group.level)]
    if gaps or limited:
        return joined([*limited, *([lacking(*gaps)] if gaps else [])])
    return cleared("no memory limit on any domain's group, or above", "memory.max")


def _groups(domains: tuple[DomainFacts, ...]) -> dict[str, LimitedGroup]:
    """The groups by path; several domains below one ancestor are told together."""
    found: dict[str, LimitedGroup] = {}
    for domain in domains:
        if isinstance(domain.cgroup, Missing):
            continue
        for level in (domain.cgroup.own, *domain.cgroup.ancestors):
            before = found.get(level.path)
            members = (domain,) if before is None else (*before.domains, domain)
            found[level.path] = _group(level, domain.cgroup, members)
    return found


def _group(level: CgroupLevel, cgroup: CgroupFacts, members: tuple[DomainFacts, ...]) -> LimitedGroup:
    is_own = level.path == cgroup.own.path
    return LimitedGroup(
        level=level,
        is_own=is_own,
        domains=members,
        qemu_count=max(len(members), len(cgroup.qemu_pids) if is_own else 0),
        cache_bytes=cache_bytes(cgroup.stat) if is_own else None,
        pressure=None if not is_own or isinstance(cgroup.pressure, Missing) else cgroup.pressure,
    )


def _judge(group: LimitedGroup) -> Judgement:
    level = group.level
    findings = tuple(_finding(group, strain) for strain in strains(group))
    if findings:
        return Judgement(findings=findings)
    if gap := gaps_of(level):
        return lacking(gap)
    if isinstance(level.high_bytes, int) and isinstance(level.event_rates, Missing):
        return lacking(level.event_rates)
    return cleared(f"{level.path or '/'}: limited, and not near its limit", f"{level.path}/memory.max")


def _finding(group: LimitedGroup, strain: Strain) -> Finding:
    return finding(
        ID,
        _subject(group),
        strain.severity,
        strain.confidence,
        summary=f"the memory group {_whose(group)} {strain.sentence}",
        proof=(*strain.proof, *_sharing(group)),
        remedies=REMEDIES,
    )


def _subject(group: LimitedGroup) -> Subject:
    """The domain where the group is its alone; else the group, since nobody can tell which QEMU fills it."""
    if group.is_own and group.qemu_count == 1:
        return domain_subject(group.domains[0])
    return Subject(kind="cgroup", name=group.level.path, id=None)


def _whose(group: LimitedGroup) -> str:
    if group.is_own and group.qemu_count == 1:
        return f"of {group.domains[0].name}"
    names = names_in_words([domain.name for domain in group.domains], 0)
    shared = f"shared by {group.qemu_count} QEMU processes" if group.qemu_count > 1 else f"above {names}"
    return f"{group.level.path} ({shared})"


def _sharing(group: LimitedGroup) -> Iterator[Because]:
    if group.qemu_count > 1:
        text = f"{group.qemu_count} QEMU processes are charged here: which of them fills it is not told"
        yield because(text, f"{group.level.path}/cgroup.procs")


CAUSE = Cause(
    id=ID,
    title="A memory cgroup of a domain is at its limit",
    is_essential=True,
    judged="both",
    examine=examine,
)
