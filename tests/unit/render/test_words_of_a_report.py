"""Small words that every format shares."""

from __future__ import annotations

import msgspec
import pytest
from report_samples import AT_RISK, HEALTHY, UNDETERMINED, domain

from kvmedic.model.evidence import Target, TargetKind
from kvmedic.model.finding import Subject
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.report import Report
from kvmedic.render import words
from kvmedic.render.source_names import end_of_path, source_words
from kvmedic.units import GIB


@pytest.mark.parametrize(
    ("confidence", "word"),
    [
        (1.0, "proven"),
        (0.9, "proven"),
        (0.899, "likely"),
        (0.6, "likely"),
        (0.599, "possible"),
        (0.0, "possible"),
    ],
)
def test_confidence_has_a_word(confidence: float, word: str) -> None:
    assert words.confidence_word(confidence) == word


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("the balloon took it", "", "The balloon took it."),
        ("web-1 got nothing", "web-1", "web-1 got nothing."),
        ("Is it so?", "", "Is it so?"),
        ("", "", "."),
    ],
)
def test_a_sentence_has_a_capital_and_a_stop_and_names_keep_their_spelling(
    text: str, name: str, expected: str
) -> None:
    assert words.sentence(text, name) == expected


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        (Subject(kind="domain", name="web-1", id=None), "domain web-1"),
        (Subject(kind="zone", name="node 0 zone Normal", id=None), "node 0 zone Normal"),
        (Subject(kind="host", name="host", id=None), "host"),
        (Subject(kind="process", name="qemu-system-x86", id="pid 7"), "process qemu-system-x86"),
    ],
)
def test_a_subject_is_named_with_its_kind_once(subject: Subject, expected: str) -> None:
    assert words.subject_words(subject) == expected


@pytest.mark.parametrize(
    ("source", "line", "expected"),
    [
        ("proc/meminfo", None, "proc/meminfo"),
        ("var/log/kern.log", 48211, "kern.log:48211"),
        ("sys/fs/cgroup/machine.slice/a.scope/memory.stat", None, "memory.stat"),
        ("a-file-with-a-name-that-never-ends-at-all.log", 7, "…ver-ends-at-all.log:7"),
        ("/", None, "/"),
    ],
)
def test_a_source_has_a_short_name(source: str, line: int | None, expected: str) -> None:
    shown = words.short_source(source, line)
    assert shown == expected
    assert len(shown) <= 22


def lacking(reason: Reason, kind: str = "host") -> Report:
    gap = Missing(source="libvirt", reason=reason, detail="")
    cause = msgspec.structs.replace(UNDETERMINED.undetermined[0], lacking=(str(gap),))
    name = "ops@b3" if kind == "ssh" else "b3"
    target = Target(kind=kind, name=name)  # type: ignore[arg-type]
    return msgspec.structs.replace(UNDETERMINED, target=target, undetermined=(cause,), gaps=(gap,))


@pytest.mark.parametrize(
    ("report", "step"),
    [
        (HEALTHY, "nothing to do now"),
        (lacking(Reason.DENIED), "run it as root, if it was not: sudo kvmedic check"),
        (lacking(Reason.DENIED, "bundle"), "collect it again as root"),
        (lacking(Reason.DENIED, "ssh"), "run it as root, if it was not: kvmedic check ssh://root@b3"),
        (lacking(Reason.NOT_COLLECTED, "ssh"), "look closer: kvmedic check --deep ssh://ops@b3"),
        (lacking(Reason.NOT_COLLECTED), "look closer: kvmedic check --deep"),
        (lacking(Reason.TIMED_OUT), "look first at libvirt: no answer in time"),
        (lacking(Reason.NOT_UNDERSTOOD), "see below what was not seen, and why"),
        (msgspec.structs.replace(UNDETERMINED, collect=("the journal",)), "collect the journal"),
    ],
)
def test_there_is_always_a_next_step_that_fits(report: Report, step: str) -> None:
    assert words.next_step(report) == step


def test_a_cause_without_a_remedy_leads_to_its_page() -> None:
    finding = msgspec.structs.replace(AT_RISK.findings[0], remedies=())
    step = words.next_step(msgspec.structs.replace(AT_RISK, findings=(finding,)))
    assert "docs/causes/balloon-stranded-memory.md" in step


def test_domains_that_do_not_run_are_counted_apart() -> None:
    stopped = msgspec.structs.replace(domain("old", None, GIB, GIB, 0), is_running=False, state="shut off")
    report = msgspec.structs.replace(HEALTHY, domains=(domain("web", None, GIB, GIB, GIB), stopped))
    assert words.domains_words(report) == "1 domain (1 more not running)"
    assert words.domains_words(msgspec.structs.replace(HEALTHY, domains=None)) == "domains not known"


def test_what_stays_open_is_said_of_a_healthy_host() -> None:
    rare = msgspec.structs.replace(UNDETERMINED.undetermined[1])
    report = msgspec.structs.replace(HEALTHY, undetermined=(rare,))
    assert words.headline(report) == "Nothing wrong was found; 5 suspects cleared, 1 could not be judged."


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("proc/vmstat", "proc/vmstat"),
        ("sys/devices/system/node/node0/meminfo", "…/system/node/node0/meminfo"),
        ("sys/kernel/slab/kvm_vcpu/object_size", "…/slab/kvm_vcpu/object_size"),
        ("a/" + "x" * 40, "…" + "x" * 31),
    ],
)
def test_a_long_path_keeps_as_many_of_its_last_parts_as_fit(source: str, shown: str) -> None:
    assert end_of_path(source, 32) == shown


def test_what_a_host_does_not_have_is_named_only_where_something_essential_needs_it() -> None:
    edac = Missing(source="edac", reason=Reason.NOT_FOUND, detail="no controller")
    for is_essential in (False, True):
        cause = msgspec.structs.replace(
            UNDETERMINED.undetermined[0], lacking=(str(edac),), is_essential=is_essential
        )
        report = msgspec.structs.replace(UNDETERMINED, undetermined=(cause,), gaps=(edac,))
        telling, quiet = words.gaps_by_weight(report)
        assert (edac in telling, edac in quiet) == (is_essential, not is_essential)


def test_who_checks_a_log_is_sent_to_why() -> None:
    target = msgspec.structs.replace(UNDETERMINED.target, kind="log", name="kern.log")
    step = words.next_step(msgspec.structs.replace(UNDETERMINED, target=target))
    assert step.endswith("kvmedic why kern.log")


def test_what_keeps_an_essential_cause_open_is_named_first() -> None:
    harmless, needed = (
        Missing(source=source, reason=Reason.NOT_COLLECTED, detail="x") for source in ("a", "b")
    )
    first = UNDETERMINED.undetermined[0]
    causes = tuple(
        msgspec.structs.replace(first, lacking=(str(gap),), is_essential=gap is needed)
        for gap in (harmless, needed)
    )
    report = msgspec.structs.replace(UNDETERMINED, undetermined=causes, gaps=(harmless, needed))
    assert words.gaps_by_weight(report)[0] == [needed, harmless]


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("kvmedic/libvirt/state", "libvirt"),
        ("kvmedic/process/others", "all processes"),
        ("kvmedic/process/4321/open_files", "open files of process 4321"),
        ("proc/vmstat", "proc/vmstat"),
    ],
)
def test_what_only_our_collectors_write_is_named_by_what_is_in_it(source: str, shown: str) -> None:
    assert source_words(source, 32) == shown


@pytest.mark.parametrize(
    ("kind", "ending"), [("host", "sudo kvmedic check"), ("sosreport", "in a container")]
)
def test_who_saw_a_container_only_is_sent_to_the_host(kind: TargetKind, ending: str) -> None:
    hidden = Missing(source="kvmedic/process/others", reason=Reason.DENIED, detail="only a container's")
    report = msgspec.structs.replace(
        UNDETERMINED,
        target=Target(kind=kind, name="x"),
        gaps=(hidden,),
        undetermined=(msgspec.structs.replace(UNDETERMINED.undetermined[0], lacking=(str(hidden),)),),
        collect=(),
        advice=(),
    )
    step = words.next_step(report)
    assert "on the host itself, not in a container" in step
    assert step.endswith(ending)
