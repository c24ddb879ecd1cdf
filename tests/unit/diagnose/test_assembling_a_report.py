"""From facts and judgements to the report: verdict, order, exit code, and no absence that goes unsaid."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import jsonschema
import msgspec
import pytest

from kvmedic.diagnose.report import NO_ANSWER, assemble_report, exit_code, iso_utc
from kvmedic.diagnose.verdicts import because, cleared, finding, found, lacking
from kvmedic.model.domain import DomainFacts, GuestStatistics, StrandedReading
from kvmedic.model.evidence import Target
from kvmedic.model.finding import Cause, Finding, Judgement, Severity
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.memory import Meminfo
from kvmedic.model.report import Story
from kvmedic.model.snapshot import HostFacts, Snapshot
from kvmedic.model.subjects import HOST
from kvmedic.model.zone_facts import Ledger, MemoryFacts, ZoneFacts
from kvmedic.render import FORMATS, render
from kvmedic.render.nagios import nagios_exit_code
from kvmedic.render.schema import report_schema
from kvmedic.units import GIB

NO_TARGET = Missing(
    source="balloon target", reason=Reason.NOT_COLLECTED, detail="no journal of ours names it"
)


def gap(source: str) -> Missing:
    return Missing(source=source, reason=Reason.DENIED, detail="permission denied")


def blank(record: type, **known: Any) -> Any:
    """A record whose facts are gaps named after them, but for ``known``."""
    names = record.__struct_fields__
    return record(**{name: known.get(name, gap(name)) for name in names})


GUEST = GuestStatistics(
    period_s=5,
    last_update_at=1_764_000_000,
    age_s=600.0,
    usable_bytes=GIB,
    available_bytes=8 * GIB,
    unused_bytes=GIB,
    disk_caches_bytes=None,
    swap_in_bytes=0,
    swap_out_bytes=0,
    major_faults=3,
    rates=gap("rates of the guest"),
    is_fresh=False,
)
DOMAIN: DomainFacts = blank(
    DomainFacts,
    name="web-1",
    uuid="6f1c8a52-0d5b-4a6c-9e63-0d7b4f1f8c11",
    source="libvirt",
    state="running",
    is_running=True,
    managed_by="libvirt",
    managed_by_because="no other manager left a trace",
    memory_max_bytes=8 * GIB,
    balloon_target_bytes=NO_TARGET,
    guest=GUEST,
    discards_inhibited_by=(),
    stranded=(
        StrandedReading(method="lru-accounting", bytes=5, blocks=None, error_bytes=1),
        StrandedReading(method="page-map", bytes=4, blocks=1, error_bytes=0),
    ),
    stranded_gap=None,
    host_nodes=None,
    hugepage_size_bytes=None,
    job=None,
    pending_changes=("memballoon",),
)
LEDGER = Ledger(
    total=100,
    free=10,
    guests_maximum=gap("maximum of db-1"),
    guests_actual=60,
    guests_rss=50,
    anonymous_other=10,
    stranded=5,
    page_cache=10,
    shmem=5,
    slab=4,
    hugetlb=0,
    kernel=3,
    unaccounted=3,
    if_all_deflate_short=gap("maximum of db-1"),
)
ZONE = ZoneFacts(
    node=0,
    zone="Normal",
    free_blocks=(3, 2, 1),
    free_pages=11,
    blocks_at_least=(11, 4, 1),
    unusable_index=(0.0, 3 / 11, 7 / 11),
    fragmentation_index=(None, None, None),
    zoneinfo=gap("proc/zoneinfo"),
)
SNAPSHOT: Snapshot = blank(
    Snapshot,
    target=Target(kind="host", name="b3"),
    taken_at=1_764_000_000.9,
    interval_s=2.0,
    host=blank(HostFacts, name="b3", sysctls={}),
    memory=blank(
        MemoryFacts,
        page_size_bytes=4096,
        meminfo=Meminfo(source="proc/meminfo", bytes_of={"MemTotal": 100, "MemAvailable": 12}, counts={}),
        zones=(ZONE,),
        demanded_orders=(),
        zfs_arc=None,
        ledger=LEDGER,
    ),
    domains=(DOMAIN,),
    gaps=(gap("proc/pagetypeinfo"),),
)


def cause(name: str, *, is_essential: bool = True) -> Cause:
    return Cause(id=name, title=name, is_essential=is_essential, judged="both", examine=lambda _: Judgement())


def present(name: str, severity: Severity, confidence: float = 0.9) -> Finding:
    return finding(name, HOST, severity, confidence, summary=name, proof=[because("seen", "proc/meminfo")])


def judged(*pairs: tuple[str, Judgement], is_essential: bool = True) -> list[tuple[Cause, Judgement]]:
    return [(cause(name, is_essential=is_essential), judgement) for name, judgement in pairs]


CLEARED = cleared("nothing of it", "proc/meminfo")
LACKING = lacking(gap("proc/vmstat"))
WARNED = found(present("a", Severity.WARNING))
FAILED = found(present("b", Severity.CRITICAL))
NOTED = found(present("c", Severity.INFO))


@pytest.mark.parametrize(
    ("judgements", "verdict", "code", "plugin_code"),
    [
        ((CLEARED,), "healthy", 0, 0),
        ((NOTED, CLEARED), "healthy", 0, 0),
        ((LACKING, CLEARED), "undetermined", 3, 3),
        ((LACKING, NOTED), "undetermined", 3, 3),
        ((LACKING, WARNED), "at-risk", 1, 1),
        ((WARNED, FAILED, LACKING), "failing", 1, 2),
        ((Judgement(),), "undetermined", 3, 3),
    ],
)
def test_the_worst_verdict_wins_and_has_its_exit_code(
    judgements: tuple[Judgement, ...], verdict: str, code: int, plugin_code: int
) -> None:
    report = assemble_report(SNAPSHOT, judged(*((f"cause-{n}", j) for n, j in enumerate(judgements))))
    assert (report.verdict, exit_code(report), nagios_exit_code(report)) == (verdict, code, plugin_code)


def test_a_cause_that_is_not_essential_may_stay_open_on_a_healthy_host() -> None:
    report = assemble_report(SNAPSHOT, judged(("rare", LACKING), is_essential=False))
    assert report.verdict == "healthy"
    assert [item.cause for item in report.undetermined] == ["rare"]


def test_a_rule_that_says_nothing_is_undetermined_not_cleared() -> None:
    report = assemble_report(SNAPSHOT, judged(("silent", Judgement())))
    assert report.refuted == ()
    assert report.undetermined[0].lacking == (NO_ANSWER,)


def test_findings_are_ordered_by_severity_then_confidence_then_the_catalogue() -> None:
    report = assemble_report(
        SNAPSHOT,
        judged(
            ("effect-first-in-doubt", found(present("doubt", Severity.WARNING, 0.4))),
            ("root", found(present("root", Severity.WARNING, 0.971))),
            ("effect", found(present("effect", Severity.WARNING, 0.973))),
            ("worst", found(present("worst", Severity.CRITICAL, 0.5))),
            ("note", found(present("note", Severity.INFO, 1.0))),
        ),
    )
    assert [item.cause for item in report.findings] == ["worst", "root", "effect", "doubt", "note"]


def test_what_was_cleared_for_one_domain_and_found_for_another_is_not_cleared() -> None:
    mixed = Judgement(findings=WARNED.findings, refuted=CLEARED.refuted, lacking=LACKING.lacking)
    report = assemble_report(SNAPSHOT, judged(("a", mixed)))
    assert report.refuted == ()
    assert [item.cause for item in report.undetermined] == ["a"]


def test_every_null_of_a_domain_has_its_gap_in_the_report() -> None:
    report = assemble_report(SNAPSHOT, [])
    assert report.domains is not None
    domain = report.domains[0]
    sources = {item.source for item in report.gaps}
    allowed = {"guest_usable_bytes", "memcg_max_bytes"}  # stale statistics; "no limit" is also null
    for name in domain.__struct_fields__:
        if getattr(domain, name) is None:
            assert name in domain.missing or name in allowed, name
    assert set(domain.missing.values()) <= sources
    assert "balloon target" in sources


def test_every_null_of_the_host_has_a_gap_in_the_report() -> None:
    report = assemble_report(SNAPSHOT, [])
    sources = {item.source for item in report.gaps}
    nulls = {name for name in report.host.__struct_fields__ if getattr(report.host, name) is None}
    assert nulls == {
        *("boot_id", "kernel_release", "uptime_s", "cpus_online", "hardware_name", "is_virtual_machine"),
        *("cgroup_version", "libvirt", "libvirt_version", "load_1min"),
    }
    assert nulls <= sources
    assert {"proc/pagetypeinfo", "proc/zoneinfo", "maximum of db-1", "pressure_memory"} <= sources


def test_a_gap_is_listed_once() -> None:
    report = assemble_report(msgspec.structs.replace(SNAPSHOT, domains=(DOMAIN, DOMAIN)), [])
    assert len(report.gaps) == len(set(report.gaps))


def test_stale_words_of_a_guest_are_not_told_as_facts() -> None:
    report = assemble_report(SNAPSHOT, [])
    assert report.domains is not None
    assert report.domains[0].guest_usable_bytes is None
    assert report.domains[0].guest_statistics_age_s == 600.0


def test_the_best_reading_of_stranded_memory_stands_for_the_domain() -> None:
    report = assemble_report(SNAPSHOT, [])
    assert report.domains is not None
    assert (report.domains[0].stranded_bytes, report.domains[0].stranded_method) == (4, "page-map")


def test_domains_that_could_not_be_listed_are_null_not_none_at_all() -> None:
    report = assemble_report(msgspec.structs.replace(SNAPSHOT, domains=gap("libvirt")), [])
    assert report.domains is None
    assert "libvirt" in {item.source for item in report.gaps}


def test_times_are_utc_to_the_second_and_a_missing_time_is_null() -> None:
    assert assemble_report(SNAPSHOT, []).taken_at == "2025-11-24T16:00:00Z"
    assert iso_utc(0) == "1970-01-01T00:00:00Z"
    assert assemble_report(msgspec.structs.replace(SNAPSHOT, taken_at=gap("date")), []).taken_at is None


def test_blame_is_null_unless_a_past_failure_was_looked_into() -> None:
    story = Story(blame="guest", incidents=(), timeline=(), recurrence=None, advice=("wait",), collect=())
    assert assemble_report(SNAPSHOT, []).blame is None
    assert assemble_report(SNAPSHOT, [], story).blame == "guest"
    assert assemble_report(SNAPSHOT, [], story).advice == ("wait",)


SHAPES: dict[str, Callable[[], Snapshot]] = {
    "with gaps": lambda: SNAPSHOT,
    "blind": lambda: blank(
        Snapshot,
        target=Target(kind="log", name="kern.log"),
        host=blank(HostFacts, name="b3", sysctls={}),
        memory=blank(MemoryFacts, page_size_bytes=4096, demanded_orders=(), zfs_arc=None),
        gaps=(),
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_an_assembled_report_is_valid_and_renders_in_every_format(shape: str) -> None:
    report = assemble_report(SHAPES[shape](), judged(("a", WARNED), ("b", LACKING), ("c", CLEARED)))
    jsonschema.Draft202012Validator(report_schema()).validate(json.loads(render(report, "json")))
    for name in FORMATS:
        assert render(report, name)
