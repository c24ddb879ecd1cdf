"""The whole catalogue before whole snapshots: healthy, poor in evidence, and with every fact gone in turn."""

from __future__ import annotations

import typing
from collections.abc import Iterator

import msgspec
import pytest
from snapshots import (
    GONE,
    cgroup,
    domain,
    guest,
    host,
    ledger,
    level,
    meminfo,
    memory,
    outcome,
    pressure,
    process,
    rates,
    snapshot,
    stranded,
)

from kvmedic.diagnose.catalogue import LIVING
from kvmedic.diagnose.judge import judge
from kvmedic.diagnose.report import assemble_report
from kvmedic.model.domain import DomainFacts
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.record import Record
from kvmedic.model.snapshot import Snapshot
from kvmedic.units import GIB, MIB


def verdict(examined: Snapshot) -> str:
    return assemble_report(examined, judge(examined)).verdict


def outcomes(examined: Snapshot) -> dict[str, str]:
    return {cause.id: outcome(judgement) for cause, judgement in judge(examined)}


def may_be_missing(record: Record) -> list[str]:
    hints = typing.get_type_hints(type(record))
    return [name for name, hint in hints.items() if Missing in typing.get_args(hint)]


def without(record: Record, *names: str) -> typing.Any:
    return msgspec.structs.replace(record, **dict.fromkeys(names, GONE))


def troubled_domain() -> DomainFacts:
    """A domain that many rules accuse, so that every branch is walked while facts go missing."""
    return domain(
        balloon_actual_bytes=2 * GIB,
        rss_bytes=12 * GIB,
        guest=guest(usable=20 * MIB, available_bytes=2 * GIB),
        process=process(state="D", open_files=1020),
        cgroup=cgroup(level(max_bytes=8 * GIB, event_rates={"max": 1.0, "high": 2.0}, high_bytes=8 * GIB)),
        stranded=(stranded(4 * GIB), stranded(1 * GIB, "lru-accounting")),
        host_nodes="0",
        job="backup",
    )


def troubled_host() -> Snapshot:
    grows = rates(
        allocstall_normal=900.0,
        pswpin=900.0,
        pswpout=900.0,
        compact_stall=900.0,
        compact_fail=900.0,
        thp_fault_alloc=900.0,
        cow_ksm=9000.0,
        oom_kill=1.0,
    )
    facts = {
        "rates": grows,
        "meminfo": meminfo(available=100 * MIB, SUnreclaim=20 * GIB),
        "pressure_memory": pressure(90.0, 80.0),
        "pressure_cpu": pressure(90.0),
        "pressure_io": pressure(90.0),
        "ksm": {"run": 2, "pages_sharing": 10**7},
        "ledger": ledger(if_all_deflate_short=30 * GIB, shmem=20 * GIB),
    }
    return snapshot(troubled_domain(), memory_facts=facts, libvirt="hung", host=host(load_1min=90.0))


def snapshots_with_a_gap(examined: Snapshot) -> Iterator[Snapshot]:
    replace = msgspec.structs.replace
    assert not isinstance(examined.domains, Missing)
    (only,) = examined.domains
    for name in may_be_missing(examined):
        yield without(examined, name)
    for name in may_be_missing(examined.host):
        yield replace(examined, host=without(examined.host, name))
    for name in may_be_missing(examined.memory):
        yield replace(examined, memory=without(examined.memory, name))
    for name in may_be_missing(only):
        yield replace(examined, domains=(without(only, name),))
    for inner in ("process", "cgroup"):
        facts = getattr(only, inner)
        for name in may_be_missing(facts):
            yield replace(examined, domains=(replace(only, **{inner: without(facts, name)}),))
    for name in may_be_missing(examined.memory.ledger):
        with_gap = without(examined.memory.ledger, name)
        yield replace(examined, memory=replace(examined.memory, ledger=with_gap))


def test_a_healthy_host_is_healthy_and_every_suspect_is_cleared_with_a_reason() -> None:
    judged = outcomes(snapshot())

    assert set(judged.values()) == {"absent"}
    assert verdict(snapshot()) == "healthy"


def test_a_container_without_libvirt_kvm_or_root_is_healthy() -> None:
    no_kvm = Missing(source="sys/kernel/slab/kvm_vcpu", reason=Reason.NOT_FOUND, detail="")
    poor = {
        "rates": GONE,
        "pressure_memory": GONE,
        "pressure_cpu": GONE,
        "pressure_io": GONE,
        "nodes": GONE,
        "hugepages": GONE,
        "ksm": GONE,
        "thp": GONE,
        "ledger": GONE,
        "kvm_vcpu_slab": no_kvm,
        "demanded_orders": (),
    }
    container = snapshot(domains=(), memory_facts=poor, libvirt="absent", daemons=GONE, services=GONE)

    assert verdict(container) == "healthy"


def test_a_denied_slab_is_no_reason_to_doubt_a_machine_with_plenty_of_large_blocks() -> None:
    facts = {"kvm_vcpu_slab": GONE, "demanded_orders": ()}

    assert verdict(snapshot(domains=(), memory_facts=facts, libvirt="absent", daemons=())) == "healthy"


@pytest.mark.parametrize(("libvirt", "ledger"), [("hung", None), (GONE, GONE)])
def test_domains_seen_through_their_processes_are_not_healthy_while_libvirt_is_silent(
    libvirt: object, ledger: object
) -> None:
    """Without anybody who knows the balloons, what the guests may still take is not known either."""
    unheard = domain(
        source="process", balloon_actual_bytes=GONE, balloon_driver=GONE, guest=GONE, memory_max_bytes=GONE
    )

    facts = {} if ledger is None else {"ledger": ledger}
    assert verdict(snapshot(unheard, libvirt=libvirt, memory_facts=facts)) in ("at-risk", "undetermined")


@pytest.mark.parametrize("examined", [snapshot(), troubled_host()], ids=["healthy", "troubled"])
def test_no_rule_stumbles_over_a_gap_or_falls_silent(examined: Snapshot) -> None:
    for poorer in snapshots_with_a_gap(examined):
        assert "silent" not in outcomes(poorer).values()


def test_nothing_is_cleared_by_absence() -> None:
    blind = snapshot(
        domains=GONE,
        memory_facts=dict.fromkeys(may_be_missing(memory()), GONE),
        host=without(host(sysctls={}), *may_be_missing(host())),
        libvirt=GONE,
        daemons=GONE,
        services=GONE,
    )

    assert set(outcomes(blind).values()) == {"undetermined"}
    assert verdict(blind) == "undetermined"


def test_confidence_is_a_probability_and_never_certainty() -> None:
    for _, judgement in judge(troubled_host()):
        assert all(0 < finding.confidence < 1 for finding in judgement.findings)
        assert all(finding.because for finding in judgement.findings)


def test_the_order_is_that_of_the_catalogue() -> None:
    assert [cause for cause, _ in judge(snapshot())] == list(LIVING)
