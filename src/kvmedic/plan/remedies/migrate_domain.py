"""migrate-domain: move a running guest to a host that is better off, live, with its definition.

It takes the guest's memory off this host at once, contiguous as the kernel then can merge it, and gives the
guest a fresh QEMU. It does not remove the balloon: libvirt refuses to change a device on the way; the
definition
that is carried may say model='none' (--balloon-none), which takes effect at the next power cycle there.
"""

from __future__ import annotations

from collections.abc import Iterator

from kvmedic.model.domain import DomainFacts
from kvmedic.model.gap import Missing
from kvmedic.model.migration import Mobility
from kvmedic.model.plan import Action, Amount, Blocker, Downtime, Forecast, MigrateDomain, Option
from kvmedic.model.subjects import domain_subject
from kvmedic.plan.candidates import Candidate, candidates
from kvmedic.plan.forecasts import between, not_known
from kvmedic.plan.migration_blockers import blockers_of_leaving
from kvmedic.plan.situation import Remedy, Situation, blocker
from kvmedic.units import GIB, MIB, human_bytes

ID = "migrate-domain"
ANSWERS = (
    "balloon-stranded-memory",
    "balloon-undone",
    "host-memory-exhausted",
    "host-memory-overcommitted",
    "memory-fragmented",
    "numa-node-exhausted",
    "swap-thrashing",
)
TIMEOUT_S = 600.0
TIMEOUT_S_PER_GIB = 60.0
FORECAST_ERROR = 0.10
OTHERS_SHARE, OTHERS_BYTES = 0.10, 128 * MIB
"""A group that holds this much more than its QEMU counts for is charged for somebody else, too."""


def propose(situation: Situation) -> tuple[Option, ...]:
    """One option for each running domain, with the best destination that is known."""
    return tuple(_option(situation, domain) for domain in situation.wished)


def mobility_of(situation: Situation, domain: DomainFacts) -> Mobility | None:
    """What libvirt told of its move; None where nobody looked."""
    fleet = situation.fleet
    if fleet is None or isinstance(fleet.mobility, Missing):
        return None
    return fleet.mobility.get(str(domain.uuid))


def best_of(situation: Situation, domain: DomainFacts) -> tuple[Candidate, ...]:
    """The destinations for this domain, the best first."""
    mobility = mobility_of(situation, domain)
    return () if mobility is None else candidates(situation, mobility)


def _option(situation: Situation, domain: DomainFacts) -> Option:
    subject, ranked = domain_subject(domain), best_of(situation, domain)
    return Option(
        remedy=ID,
        subject=subject,
        forecast=_forecast(situation, domain),
        risk="medium",
        is_reversible=False,
        is_interruptible=not situation.wishes.with_post_copy,
        blockers=tuple(_blockers(situation, domain, ranked)),
        notes=tuple(_notes(situation, domain, ranked)),
        helps_against=situation.causes_of(subject, ANSWERS),
    )


def _blockers(situation: Situation, domain: DomainFacts, ranked: tuple[Candidate, ...]) -> Iterator[Blocker]:
    if not situation.others:
        yield blocker(
            "no destination is known",
            "policy",
            "name one with --to URI, or the hosts of the fleet in a policy file (--policy)",
        )
        return
    yield from blockers_of_leaving(situation, domain)
    if ranked and ranked[0].blockers:
        for candidate in ranked:
            yield from candidate.blockers


def _notes(situation: Situation, domain: DomainFacts, ranked: tuple[Candidate, ...]) -> Iterator[str]:
    for place, candidate in enumerate((c for c in ranked if not c.blockers), start=1):
        yield f"destination {place}: {candidate.shown}"
    if ranked and not ranked[0].blockers and not with_tls(situation, ranked[0]):
        yield "the guest's memory crosses the network unencrypted (no migration certificates on both hosts)"
    if ranked and isinstance(ranked[0].view.snapshot, Missing):
        yield (
            f"{ranked[0].view.name} was seen through libvirt only: "
            "how its memory lies and what its guests may still touch is not known"
        )
    mobility = mobility_of(situation, domain)
    if mobility is not None and mobility.networks:
        yield f"not checked: that the destination has {', '.join(mobility.networks)}"
    if situation.wishes.with_post_copy:
        yield "after the switch to post-copy it cannot be aborted, and a lost network loses the guest"
    if situation.wishes.persistent_balloon_none:
        yield "the balloon stays until the next power cycle at the destination; its definition there has none"
    else:
        yield "it does not remove the balloon; --balloon-none carries a definition without one"
    if mobility is not None and not mobility.is_persistent:
        yield "it is transient: there is no definition to carry"


def with_tls(situation: Situation, candidate: Candidate) -> bool:
    """Whether both sides have certificates for encrypted migrations."""
    here = None if situation.fleet is None else situation.fleet.marks
    there = candidate.view.marks
    if here is None or isinstance(here, Missing) or isinstance(there, Missing):
        return False
    return here.has_migration_certificates and there.has_migration_certificates


def _forecast(situation: Situation, domain: DomainFacts) -> Forecast:
    held = held_bytes(domain)
    return Forecast(
        freed_bytes=held,
        contiguous_blocks=_blocks(domain),
        returns="if other guests here grow into it; the guest takes its balloon along",
        downtime=(Downtime(who=domain.name, seconds=None),),
        takes_s=_takes(situation, domain),
        noticed_by=f"{domain.name} (a pause at the end, slower memory meanwhile)",
    )


def held_bytes(domain: DomainFacts) -> Amount:
    """What the host gets back when this QEMU is gone: what its group holds less the file cache that stays.

    A hugetlb guest gives its pages back to their pool, which is no free memory.
    """
    if domain.backing == "hugetlb":
        return Amount(best=0, low=0, high=0, basis="its huge pages go back to their pool")
    charged, counted = _charged(domain), _counted(domain)
    if charged is not None and (counted is None or charged <= counted * (1 + OTHERS_SHARE) + OTHERS_BYTES):
        return _about(charged, "its memory cgroup less file cache")
    if counted is not None:
        return _about(counted, "its process and what is stranded")
    return not_known("neither its memory cgroup nor its process could be read")


def _counted(domain: DomainFacts) -> int | None:
    process = domain.process
    if isinstance(process, Missing) or isinstance(process.rss_anon_bytes, Missing):
        return None
    shared = process.rss_shmem_bytes if isinstance(process.rss_shmem_bytes, int) else 0
    tables = process.page_tables_bytes if isinstance(process.page_tables_bytes, int) else 0
    stranded = domain.stranded_best.bytes if domain.stranded_best is not None else 0
    return process.rss_anon_bytes + shared + tables + stranded


def _charged(domain: DomainFacts) -> int | None:
    group = domain.cgroup
    if isinstance(group, Missing) or isinstance(group.stat, Missing) or len(group.qemu_pids) != 1:
        return None
    usage = group.own.usage_bytes
    cache = group.stat.get("file" if group.version == 2 else "cache")
    if isinstance(usage, Missing) or cache is None:
        return None
    return usage - cache + group.stat.get("shmem", 0)


def _about(number: int, basis: str) -> Amount:
    slack = int(number * FORECAST_ERROR)
    return Amount(best=number, low=number - slack, high=number + slack, basis=basis)


def _blocks(domain: DomainFacts) -> Amount:
    """At least its huge pages become free blocks; whether the rest merges depends on its neighbours."""
    if isinstance(domain.thp_bytes, Missing) or domain.backing == "hugetlb":
        return not_known("how its memory lies was not read")
    held = held_bytes(domain).best or 0
    return between(
        domain.thp_bytes // (2 * MIB), max(held, domain.thp_bytes) // (2 * MIB), "its huge pages, or more"
    )


def _takes(situation: Situation, domain: DomainFacts) -> Amount:
    rate = bandwidth(situation)
    if rate is None or isinstance(domain.rss_bytes, Missing):
        return not_known("no bandwidth limit, and none was measured between these hosts")
    least = max(1, domain.rss_bytes // (rate * MIB))
    return Amount(
        best=least * 2, low=least, high=round(timeout_s(situation, domain)), basis=f"at {rate} MiB/s"
    )


def bandwidth(situation: Situation) -> int | None:
    """The limit in MiB/s: the operator's word, at most the policy's."""
    limits = [situation.wishes.bandwidth_mib_s, situation.policy.bandwidth_mib_s]
    return min((limit for limit in limits if limit is not None), default=None)


def timeout_s(situation: Situation, domain: DomainFacts) -> float:
    """After this long it is aborted, and the guest runs on where it was."""
    if situation.wishes.timeout_s is not None:
        return situation.wishes.timeout_s
    size = domain.memory_max_bytes if isinstance(domain.memory_max_bytes, int) else 0
    rate = bandwidth(situation)
    slow = 0.0 if rate is None else 3.0 * size / (rate * MIB)
    return max(TIMEOUT_S + size / GIB * TIMEOUT_S_PER_GIB, slow)


def actions(situation: Situation, option: Option) -> tuple[Action, ...]:
    """The move to the best open destination."""
    domain = next(d for d in situation.wished if domain_subject(d) == option.subject)
    mobility = mobility_of(situation, domain)
    chosen = next((c for c in best_of(situation, domain) if not c.blockers), None)
    if mobility is None or chosen is None:
        return ()
    return (move_to(situation, domain, mobility, chosen),)


def move_to(
    situation: Situation, domain: DomainFacts, mobility: Mobility, chosen: Candidate
) -> MigrateDomain:
    """The action that moves this domain to that candidate."""
    wishes = situation.wishes
    return MigrateDomain(
        domain_uuid=mobility.uuid,
        domain_name=domain.name,
        source_uri=None,
        destination_uri=chosen.view.uri,
        migrate_uri=chosen.view.migrate_uri,
        bandwidth_mib_s=bandwidth(situation),
        max_downtime_ms=wishes.max_downtime_ms,
        timeout_s=timeout_s(situation, domain),
        with_auto_converge=wishes.with_auto_converge,
        with_post_copy=wishes.with_post_copy,
        persistent_balloon_none=wishes.persistent_balloon_none and mobility.is_persistent,
        with_tls=with_tls(situation, chosen) and not wishes.is_tunnelled,
        is_tunnelled=wishes.is_tunnelled,
        autostarts=mobility.autostarts,
    )


def held_text(domain: DomainFacts) -> str:
    """What it holds here, for people."""
    best = held_bytes(domain).best
    return "unknown" if best is None else human_bytes(best)


REMEDY = Remedy(
    id=ID, title="Move the guest to another host, live", answers=ANSWERS, propose=propose, actions=actions
)
