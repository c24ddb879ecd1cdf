"""What people read, letter by letter, and the promises of the layout."""

from __future__ import annotations

import re

import msgspec
import pytest
from report_samples import AT_RISK, HEALTHY, SAMPLES, STRANDED_FINDING, UNDETERMINED, WHY_OOM
from rich.cells import cell_len
from write_golden import GOLDEN, expected_files

from kvmedic.errors import UsageError
from kvmedic.model.evidence import Target
from kvmedic.model.finding import Because, Subject
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.report import Report
from kvmedic.render import FORMATS, render


@pytest.mark.parametrize("name", sorted(expected_files()))
def test_the_output_is_the_reviewed_one(name: str) -> None:
    assert expected_files()[name] == (GOLDEN / name).read_text(encoding="utf-8")


def test_there_is_no_golden_file_that_nobody_checks() -> None:
    assert {path.name for path in GOLDEN.iterdir()} == set(expected_files())


def test_the_first_three_lines_say_verdict_cause_and_next_step() -> None:
    text = render(AT_RISK, "text", width=120).splitlines()[:3]
    assert text[0].startswith("kvm-host-b3 · AT RISK")
    assert "4.0 GiB from staging-worker-l2-04" in text[1]
    assert text[2] == ("  Next: kvmedic plan --remedy release-stranded-memory --domain staging-worker-l2-04")


def test_piped_text_has_no_escape_sequence_and_no_trailing_blank() -> None:
    for report in SAMPLES.values():
        text = render(report, "text")
        assert "\x1b" not in text
        assert not re.search(r"[ \t]$", text, re.MULTILINE)
        assert text.endswith("\n")


@pytest.mark.parametrize("width", [40, 60, 80, 100, 200])
def test_only_the_command_to_copy_may_be_wider_than_the_page(width: int) -> None:
    for report in SAMPLES.values():
        for line in render(report, "text", width=width, verbose=True).splitlines():
            assert cell_len(line) <= width or line.lstrip().startswith("Next: ")


def test_colours_have_a_text_twin() -> None:
    for report in SAMPLES.values():
        coloured = render(report, "text", colour=True)
        assert "\x1b[" in coloured
        assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == render(report, "text")


def test_a_carrier_without_unicode_gets_ascii() -> None:
    for report in SAMPLES.values():
        render(report, "text", encoding="ascii", verbose=True).encode("ascii")


def test_silence_is_not_health_the_gaps_are_said() -> None:
    text = render(UNDETERMINED, "text")
    assert "UNDETERMINED" in text
    assert "libvirtd did not answer within 2 s" in text
    assert "2 causes could not be judged" in text
    assert "healthy" not in text.lower()


def test_every_refuted_suspect_has_its_reason_where_verbose() -> None:
    text = render(AT_RISK, "text", verbose=True, width=200)
    for suspect in AT_RISK.refuted:
        assert suspect.cause in text
        assert suspect.because[0].text in text


def test_after_a_failure_the_log_line_stands_beside_its_meaning() -> None:
    text = render(WHY_OOM, "text", width=300)
    assert "03:00:12  kern.log:48211" in text
    assert "oom_score_adj=0  ← asked for it, and is not to blame" in text
    assert "Rebooting the guest does not help: this is the 4th time in 23 days" in text


def test_a_missing_size_is_not_known_and_never_zero() -> None:
    domain = msgspec.structs.replace(
        AT_RISK.domains[0], rss_bytes=None, stranded_bytes=None, stranded_method=None, stranded=()
    )
    report = msgspec.structs.replace(AT_RISK, domains=(domain,))
    assert "RSS not known" in render(report, "text", verbose=True, width=200)
    assert "not known" in render(report, "markdown")
    metrics = render(report, "openmetrics")
    assert "kvmedic_domain_rss_bytes" not in metrics
    assert "kvmedic_domain_stranded_bytes" not in metrics


def test_next_names_the_ssh_target_and_the_uuid_of_a_name_a_shell_could_misread() -> None:
    uuid = "6f1c8a52-0d5b-4a6c-9e63-0d7b4f1f8c11"
    subject = Subject(kind="domain", name="web $(reboot)", id=uuid)
    report = msgspec.structs.replace(
        AT_RISK,
        target=Target(kind="ssh", name="root@b3"),
        findings=(msgspec.structs.replace(STRANDED_FINDING, subject=subject),),
    )
    wanted = f"Next: kvmedic plan ssh://root@b3 --remedy release-stranded-memory --domain {uuid}"
    assert wanted in render(report, "text")


def test_a_saved_bundle_is_not_repaired_here() -> None:
    report = msgspec.structs.replace(AT_RISK, target=Target(kind="bundle", name="b3.tar"))
    assert "Next: on kvm-host-b3: kvmedic plan" in render(report, "text")


def test_information_alone_leaves_a_host_healthy_and_is_told_as_a_note() -> None:
    note = msgspec.structs.replace(STRANDED_FINDING, severity="info")
    text = render(msgspec.structs.replace(HEALTHY, findings=(note,)), "text")
    assert "1 note below" in text
    assert "Next: nothing to do now" in text
    assert "INFO" in text


def test_a_look_back_that_finds_nothing_blames_nobody() -> None:
    report: Report = msgspec.structs.replace(HEALTHY, blame="unknown")
    assert render(report, "text").startswith("No failure was found in what was read.")


def test_an_unknown_format_is_a_usage_error_that_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match="unknown format 'yaml'") as caught:
        render(HEALTHY, "yaml")
    assert all(name in str(caught.value) for name in FORMATS)


def test_every_format_renders_every_sample() -> None:
    for report in SAMPLES.values():
        for name in FORMATS:
            assert render(report, name).endswith("\n")


def test_many_harmless_gaps_are_a_number_and_the_telling_ones_have_names() -> None:
    harmless = tuple(
        Missing(source=f"sys/absent-{letter}", reason=Reason.NOT_FOUND, detail="") for letter in "abcdefgh"
    )
    telling = Missing(source="proc/kpageflags", reason=Reason.DENIED, detail="")
    text = render(msgspec.structs.replace(HEALTHY, gaps=(*harmless, telling)), "text", width=200)
    assert (
        "Not seen: proc/kpageflags (permission denied) · 8 things not on this host or not asked for" in text
    )


def test_a_cause_that_many_domains_share_is_told_a_few_times_and_then_by_name() -> None:
    many = tuple(
        msgspec.structs.replace(STRANDED_FINDING, subject=Subject(kind="domain", name=f"web-{n}", id=None))
        for n in range(40)
    )
    report = msgspec.structs.replace(AT_RISK, findings=many)
    text = render(report, "text", width=200)
    assert text.count("what helps") == 3
    assert "balloon-stranded-memory · 37 more of them" in text
    assert "web-3, web-4" in text
    assert "25 more (in full with --verbose)" in text
    assert render(report, "text", verbose=True).count("what helps") == 40


def test_an_endless_log_line_is_cut_and_whole_where_verbose() -> None:
    endless = msgspec.structs.replace(
        STRANDED_FINDING, because=(Because(text="x" * 9000, source="a", line=1),)
    )
    report = msgspec.structs.replace(AT_RISK, findings=(endless,))
    assert render(report, "text").count("x") < 500
    assert render(report, "text", verbose=True).count("x") >= 9000
