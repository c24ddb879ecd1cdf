"""The rule of host-cpu-overcommitted."""

from __future__ import annotations

from snapshots import GONE, cgroup, domain, host, outcome, pressure, snapshot, texts

from kvmedic.diagnose.causes.host_cpu_overcommitted import WAITING_PERCENT, examine
from kvmedic.model.domain import DomainFacts
from kvmedic.model.finding import Severity

WAITING = {"pressure_cpu": pressure(60.0, None)}


def test_present_where_tasks_wait_and_the_queue_is_real() -> None:
    found = examine(snapshot(memory_facts=WAITING, host=host(load_1min=30.0))).findings[0]

    assert found.severity is Severity.WARNING
    assert "load 30.0 on 8 CPUs" in found.summary


def test_absent_where_many_vcpus_are_idle() -> None:
    many = (domain(vcpus=64), domain("web-2", vcpus=64))

    assert outcome(examine(snapshot(*many))) == "absent"


def test_boundary_is_a_share_of_a_minute() -> None:
    busy = host(load_1min=30.0)

    assert (
        outcome(examine(snapshot(memory_facts={"pressure_cpu": pressure(WAITING_PERCENT)}, host=busy)))
        == "present"
    )
    below = {"pressure_cpu": pressure(WAITING_PERCENT - 0.1)}
    assert outcome(examine(snapshot(memory_facts=below, host=busy))) == "absent"


def test_missing_pressure_load_or_cpus_leave_it_open() -> None:
    assert outcome(examine(snapshot(memory_facts={"pressure_cpu": GONE}))) == "undetermined"
    assert outcome(examine(snapshot(memory_facts=WAITING, host=host(load_1min=GONE)))) == "undetermined"
    assert outcome(examine(snapshot(memory_facts=WAITING, host=host(cpus_online=GONE)))) == "undetermined"
    assert outcome(examine(snapshot(domains=GONE))) == "undetermined"


def test_pressure_alone_proves_nothing_since_a_quota_raises_it_too() -> None:
    judgement = examine(snapshot(memory_facts=WAITING))

    assert judgement.findings[0].severity is Severity.INFO
    assert judgement.findings[0].confidence < 0.6
    assert "a quota of a cgroup looks the same" in texts(judgement)


def guest_waiting(name: str, percent: float) -> DomainFacts:
    return domain(name, cgroup=cgroup(cpu_pressure=pressure(percent)))


def test_a_build_beside_guests_that_do_not_wait_is_information() -> None:
    guests = (guest_waiting("web-1", 2.0), guest_waiting("web-2", 0.0))
    found = examine(snapshot(*guests, memory_facts=WAITING, host=host(load_1min=30.0))).findings[0]

    assert found.severity is Severity.INFO
    assert found.summary.endswith("and no guest does")
    assert found.remedies == ()


def test_one_guest_that_waits_is_enough_and_is_named() -> None:
    guests = (guest_waiting("web-1", 2.0), guest_waiting("web-2", 55.0))
    found = examine(snapshot(*guests, memory_facts=WAITING, host=host(load_1min=30.0))).findings[0]

    assert found.severity is Severity.WARNING
    assert "1 of 2 guests wait for a CPU, most of all web-2 (55 % of the minute)" in {
        line.text for line in found.because
    }


def test_a_guest_whose_group_does_not_tell_may_be_the_one_that_waits() -> None:
    guests = (guest_waiting("web-1", 2.0), domain("web-2"))
    shared = domain("web-2", cgroup=cgroup(cpu_pressure=pressure(1.0), qemu_pids=(1, 2)))

    for told in (guests, (guests[0], shared)):
        judgement = examine(snapshot(*told, memory_facts=WAITING, host=host(load_1min=30.0)))
        assert judgement.findings[0].severity is Severity.WARNING
