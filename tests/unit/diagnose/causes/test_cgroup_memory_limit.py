"""The rule of cgroup-memory-limit."""

from __future__ import annotations

from snapshots import GONE, cgroup, domain, level, outcome, pressure, snapshot, texts

from kvmedic.diagnose.causes.cgroup_memory_limit import examine
from kvmedic.diagnose.cgroup_limits import NEAR_SHARE
from kvmedic.model.domain import IN_ROOT_GROUP, DomainFacts
from kvmedic.model.finding import Severity
from kvmedic.model.gap import Missing, Reason
from kvmedic.units import GIB, MIB

LIMIT = 10 * GIB


def used(size: int, cache: int = 0, **changes: object) -> DomainFacts:
    own = level("machine.slice/vm.scope", usage_bytes=size, max_bytes=LIMIT, **changes)
    return domain(cgroup=cgroup(own, stat={"inactive_file": cache, "active_file": 0}))


def test_present_where_the_group_is_full_and_hits_its_limit() -> None:
    found = examine(snapshot(used(LIMIT - MIB, event_rates={"max": 12.0}))).findings[0]

    assert found.severity is Severity.CRITICAL
    assert found.subject.name == "web-1"
    assert "raise-cgroup-limit" in found.remedies


def test_absent_without_any_limit() -> None:
    assert "no memory limit" in texts(examine(snapshot()))


def test_absent_for_a_domain_in_the_root_group() -> None:
    assert outcome(examine(snapshot(domain(cgroup=IN_ROOT_GROUP)))) == "absent"


def test_absent_where_the_group_is_full_of_file_cache() -> None:
    assert outcome(examine(snapshot(used(LIMIT, cache=2 * GIB)))) == "absent"


def test_boundary_is_a_share_of_the_limit() -> None:
    at = int(LIMIT * NEAR_SHARE)

    assert outcome(examine(snapshot(used(at)))) == "present"
    assert outcome(examine(snapshot(used(at - 1)))) == "absent"


def test_missing_where_the_group_or_its_limit_is_not_known() -> None:
    assert outcome(examine(snapshot(domain(cgroup=GONE)))) == "undetermined"
    assert outcome(examine(snapshot(domain(cgroup=cgroup(level(max_bytes=GONE)))))) == "undetermined"
    assert outcome(examine(snapshot(domains=GONE))) == "undetermined"


def test_memory_high_throttles_without_a_word_in_the_log() -> None:
    own = level(high_bytes=8 * GIB, event_rates={"high": 250.0})
    asleep = domain(cgroup=cgroup(own, pressure=pressure(85.0, 80.0)))

    found = examine(snapshot(asleep)).findings[0]

    assert found.severity is Severity.CRITICAL
    assert "its vCPUs sleep" in found.summary


def test_memory_high_with_events_only_since_boot_is_not_throttling() -> None:
    own = level(high_bytes=8 * GIB, events={"high": 900_000}, event_rates={"high": 0.0})

    assert outcome(examine(snapshot(domain(cgroup=cgroup(own))))) == "absent"


def test_missing_event_rates_leave_memory_high_open() -> None:
    own = level(high_bytes=8 * GIB, event_rates=GONE)

    assert outcome(examine(snapshot(domain(cgroup=cgroup(own))))) == "undetermined"


def test_several_qemus_in_one_group_are_not_told_apart() -> None:
    full = cgroup(level(usage_bytes=LIMIT, max_bytes=LIMIT), qemu_pids=(1, 2))

    small = {"memory_max_bytes": 5 * GIB, "cgroup": full}

    found = examine(snapshot(domain("web-1", **small), domain("web-2", **small))).findings

    assert len(found) == 1
    assert found[0].subject.kind == "cgroup"
    assert "2 QEMU processes" in found[0].summary


def test_a_limit_on_an_ancestor_counts() -> None:
    above = cgroup(
        ancestors=(level("machine.slice", usage_bytes=LIMIT, max_bytes=LIMIT, event_rates={"max": 1.0}),)
    )

    found = examine(snapshot(domain(cgroup=above))).findings[0]

    assert "machine.slice" in " ".join(line.source for line in found.because)


def test_a_limit_below_the_domains_maximum_is_told_before_it_hurts() -> None:
    own = level(usage_bytes=2 * GIB, max_bytes=6 * GIB)

    found = examine(snapshot(domain(cgroup=cgroup(own)))).findings[0]

    assert "may hold less than web-1 may use" in found.summary


def test_kills_in_the_group_are_proof() -> None:
    own = level(usage_bytes=2 * GIB, max_bytes=LIMIT, event_rates={"oom_kill": 0.5, "max": 40.0})

    assert examine(snapshot(domain(cgroup=cgroup(own)))).findings[0].confidence >= 0.9


def test_version_1_has_no_memory_high_and_that_is_no_gap() -> None:
    none_there = Missing(source="memory.high", reason=Reason.NOT_FOUND, detail="cgroup version 1 has none")

    assert outcome(examine(snapshot(domain(cgroup=cgroup(level(high_bytes=none_there)))))) == "absent"
    assert outcome(examine(snapshot(domain(cgroup=cgroup(level(high_bytes=GONE)))))) == "undetermined"


def test_kills_of_the_whole_hosts_oom_killer_are_not_blamed_on_the_group() -> None:
    own = level(usage_bytes=2 * GIB, max_bytes=LIMIT, event_rates={"oom_kill": 0.5, "max": 0.0})

    assert outcome(examine(snapshot(domain(cgroup=cgroup(own))))) == "absent"


def test_a_slice_that_cannot_hold_all_its_domains_is_information() -> None:
    above = cgroup(ancestors=(level("machine.slice", usage_bytes=2 * GIB, max_bytes=12 * GIB),))

    found = examine(snapshot(domain(cgroup=above), domain("web-2", cgroup=above))).findings

    assert [item.severity for item in found] == [Severity.INFO]
    assert "less than its 2 domains may use" in found[0].summary


def test_missing_cache_makes_a_full_group_only_possible() -> None:
    full = cgroup(level(usage_bytes=LIMIT, max_bytes=LIMIT), stat={"anon": 1})

    found = examine(snapshot(domain(cgroup=full))).findings[0]

    assert found.confidence < 0.6
    assert "file cache, which could be dropped, included" in found.because[0].text
