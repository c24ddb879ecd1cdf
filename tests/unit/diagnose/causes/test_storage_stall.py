"""The rule of storage-stall."""

from __future__ import annotations

from snapshots import GONE, domain, host, outcome, pressure, process, snapshot

from kvmedic.diagnose.causes.storage_stall import examine
from kvmedic.model.domain import DomainFacts
from kvmedic.model.finding import Severity


def waiting(*stack: str) -> DomainFacts:
    return domain(process=process(state="D", kernel_stack=stack))


def test_present_where_a_qemu_waits_in_the_kernel_with_others() -> None:
    facts = {"pressure_io": pressure(70.0, 60.0)}
    stuck = host(d_state_tasks=("qemu-system-x86", "nfsd"))

    found = examine(
        snapshot(waiting("rpc_wait_bit_killable", "nfs4_do_close"), memory_facts=facts, host=stuck)
    ).findings[0]

    assert found.severity is Severity.WARNING
    assert "it waits in rpc_wait_bit_killable" in " ".join(line.text for line in found.because)


def test_absent_where_no_qemu_waits() -> None:
    assert outcome(examine(snapshot())) == "absent"


def test_boundary_is_io_pressure_between_warning_and_information() -> None:
    at = {"pressure_io": pressure(10.0)}
    below = {"pressure_io": pressure(9.9)}

    assert examine(snapshot(waiting(), memory_facts=at)).findings[0].severity is Severity.WARNING
    assert examine(snapshot(waiting(), memory_facts=below)).findings[0].severity is Severity.INFO


def test_missing_processes_leave_it_open_and_missing_pressure_is_named() -> None:
    assert outcome(examine(snapshot(domain(process=GONE)))) == "undetermined"
    assert outcome(examine(snapshot(domains=GONE))) == "undetermined"
    assert examine(snapshot(waiting(), memory_facts={"pressure_io": GONE})).lacking == (str(GONE),)


def test_one_moment_is_never_more_than_possible() -> None:
    facts = {"pressure_io": pressure(90.0, 90.0)}

    assert examine(snapshot(waiting("io_schedule"), memory_facts=facts)).findings[0].confidence < 0.6


def test_io_pressure_alone_proves_nothing() -> None:
    assert outcome(examine(snapshot(memory_facts={"pressure_io": pressure(90.0, 90.0)}))) == "absent"
