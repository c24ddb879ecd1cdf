"""What the operator asks: one domain, a time, a boot; what happened before; one line in several logs."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import pytest
from field_samples import FIRST, SAMPLES, SECOND, SMALL
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_texts import Process, dmesg, host_zones, oom, syslog
from msgspec import structs
from other_incidents import INCIDENTS
from telling import ALL, refuted, top, why

from kvmedic.diagnose.catalogue import CAUSES
from kvmedic.diagnose.post_mortem.advice import ADVICE
from kvmedic.diagnose.post_mortem.catalogue import EXPLANATIONS
from kvmedic.diagnose.report import exit_code
from kvmedic.model.report import Report
from kvmedic.render import render

GROUP = "/machine.slice/machine-qemu\\x2d{}\\x2d{}.scope"


def death_of(name: str, number: int = 3) -> str:
    """An OOM kill at the limit of one domain's cgroup."""
    group = GROUP.format(number, name)
    victim = Process(4000 + number, "qemu-system-x86", 4000)
    return oom(
        (victim,), (), constraint="CONSTRAINT_MEMCG", memcg=(group, 4100), group=f"{group}/libvirt/emulator"
    )


def crash_log(*days: int, name: str = "web01") -> dict[str, str]:
    """A guest whose QEMU crashes and is started again on these days of November."""
    lines = [
        f"2026-11-{day:02d} 02:00:00.000+0000: starting up libvirt version: 9.0.0, qemu version: 7.2.9\n"
        f"2026-11-{day:02d}T03:00:00.000000Z qemu-system-x86_64: terminating on signal 15 from pid 9 (bash)\n"
        f"2026-11-{day:02d} 03:00:00.100+0000: shutting down, reason=crashed\n"
        for day in days
    ]
    return {f"var/log/libvirt/qemu/{name}.log": "".join(lines)}


def test_an_oom_kill_of_another_guest_is_no_answer_about_this_one() -> None:
    report = why(syslog(death_of("other")), structs.replace(ALL, domain="web01"))

    assert report.findings == ()
    assert report.verdict == "undetermined"


def test_the_asked_domain_is_answered_although_another_died_later() -> None:
    log = syslog(death_of("web01")) + syslog(death_of("other", 5), at="Nov 24 05:00:00", uptime_s=607200.0)

    report = why(log, structs.replace(ALL, domain="web01"))

    assert report.findings[0].subject.name == "web01"


def test_the_latest_failure_is_explained_where_nothing_is_asked() -> None:
    log = syslog(death_of("web01")) + syslog(death_of("other", 5), at="Nov 24 05:00:00", uptime_s=607200.0)

    assert why(log).findings[0].subject.name == "other"


def test_all_failures_stand_among_the_incidents() -> None:
    log = syslog(death_of("web01")) + syslog(death_of("other", 5), at="Nov 24 05:00:00", uptime_s=607200.0)

    assert [incident.victim.name for incident in why(log).incidents if incident.victim] == ["web01", "other"]


def test_a_failure_before_the_asked_time_is_left_out() -> None:
    since = datetime(2026, 11, 24, 12, tzinfo=UTC).timestamp()

    report = why(syslog(death_of("web01")), structs.replace(ALL, since_s=since))

    assert report.findings == ()
    assert exit_code(report) == 3


def test_a_boot_that_no_log_holds_is_no_health() -> None:
    assert why(syslog(death_of("web01")), structs.replace(ALL, boot=-4)).verdict == "undetermined"


def test_an_empty_log_is_no_health() -> None:
    assert why("").verdict == "undetermined"


def test_a_failure_that_comes_back_is_told_with_its_intervals() -> None:
    report = why(crash_log(3, 9, 15, 22))

    assert report.recurrence is not None
    assert report.recurrence.count == 4
    assert [round(interval / 86400) for interval in report.recurrence.intervals_s] == [6, 6, 7]
    assert "this is the 4th time in 19 d (intervals 6.0 days to 7.0 days" in report.recurrence.sentence


def test_a_mean_is_said_from_three_intervals_on() -> None:
    twice, often = why(crash_log(3, 9)).recurrence, why(crash_log(3, 9, 15, 21)).recurrence

    assert twice is not None
    assert twice.mean_s is None
    assert often is not None
    assert often.mean_s == pytest.approx(6 * 86400)


def test_a_failure_that_happened_once_does_not_recur() -> None:
    assert why(crash_log(3)).recurrence is None


def test_a_guest_started_again_and_again_is_told() -> None:
    starts = "".join(
        f"2026-11-24 0{hour}:00:00.000+0000: starting up libvirt version: 9.0.0, qemu version: 7.2.9\n"
        f"2026-11-24T0{hour}:30:00.000000Z qemu-kvm: terminating on signal 15 from pid 9 (bash)\n"
        for hour in range(1, 6)
    )

    report = why({"var/log/libvirt/qemu/web01.log": starts})

    assert report.recurrence is not None
    assert "the guest was started 5 times in the day before, without effect" in report.recurrence.sentence


def test_the_same_lines_in_two_logs_are_one_incident() -> None:
    log = syslog(death_of("web01"))

    report = why({"var/log/kern.log": log, "var/log/syslog": log})

    assert len(report.incidents) == 1
    assert report.recurrence is None


def journal_json(text: str) -> str:
    """The text as ``journalctl -o json`` exports it."""
    start = datetime(2026, 11, 24, 3, 0, 12, tzinfo=UTC).timestamp()
    return "".join(
        json.dumps(
            {
                "__REALTIME_TIMESTAMP": str(int((start + index / 1000) * 1e6)),
                "__MONOTONIC_TIMESTAMP": str(600000000000 + index * 1000),
                "_TRANSPORT": "kernel",
                "SYSLOG_IDENTIFIER": "kernel",
                "_BOOT_ID": "a" * 32,
                "PRIORITY": "4",
                "MESSAGE": line,
            }
        )
        + "\n"
        for index, line in enumerate(text.strip("\n").split("\n"))
    )


def kmsg(text: str) -> str:
    """The text as /dev/kmsg gives it."""
    lines = text.strip("\n").split("\n")
    return "".join(f"4,{index},{600000000000 + index * 1000},-;{line}\n" for index, line in enumerate(lines))


@pytest.mark.parametrize("form", [syslog, dmesg, journal_json, kmsg])
@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (oom((FIRST, SECOND, SMALL), host_zones(15900, 60)), "host-memory-overcommitted"),
        (death_of("web01"), "cgroup-memory-limit"),
    ],
)
def test_the_form_of_the_log_does_not_change_the_verdict(form: object, text: str, cause: str) -> None:
    report = why(form(text))  # type: ignore[operator]

    assert top(report) == cause
    assert report.findings[0].confidence == why(syslog(text)).findings[0].confidence


def test_every_line_of_proof_with_a_number_can_be_found_among_the_incidents_lines() -> None:
    for sample in (*SAMPLES.values(), *INCIDENTS.values()):
        report = why(sample.logs)
        known = {(line.source, line.line) for incident in report.incidents for line in incident.lines}

        for finding in report.findings:
            assert {(b.source, b.line) for b in finding.because if b.line is not None} <= known


def test_every_report_is_of_the_published_schema_and_can_be_read() -> None:
    schema = json.loads((Path(__file__).parents[4] / "docs/schema/report-1.json").read_text())
    for sample in (*SAMPLES.values(), *INCIDENTS.values()):
        report = why(sample.logs)

        jsonschema.validate(json.loads(render(report, "json")), schema)
        assert render(report, "text").strip()


def test_every_cause_of_a_past_failure_has_a_rule_and_advice() -> None:
    judged = {cause.id for cause in CAUSES if cause.judged != "living"}

    assert judged <= EXPLANATIONS.keys()
    assert EXPLANATIONS.keys() <= ADVICE.keys()


def test_old_corrected_errors_are_cleared_with_their_age() -> None:
    report = why(INCIDENTS["an OOM kill after an old hardware line and an old refusal"].logs)
    cleared = next(suspect for suspect in report.refuted if suspect.cause == "hardware-memory-error")

    assert cleared.because[0].text == "only corrected errors, the last 40 d before: they harm nobody"
    assert "memory-fragmented" in refuted(report)


TOKENS = st.sampled_from(
    [
        *"\n".join(
            text for sample in (*SAMPLES.values(), *INCIDENTS.values()) for text in sample.logs.values()
        ).split("\n"),
        *("", "\x00", "\x1b[2J", "=" * 300, "Nov 24 03:00:12 h kernel: "),
    ]
)


@settings(max_examples=60, deadline=None)
@given(st.lists(TOKENS, max_size=60), st.sampled_from(["kern.log", "var/log/libvirt/qemu/a.log"]))
def test_any_mixture_of_lines_gives_a_report(lines: list[str], source: str) -> None:
    report: Report = why({source: "\n".join(lines)})

    assert all(0 <= finding.confidence <= 1 for finding in report.findings)
