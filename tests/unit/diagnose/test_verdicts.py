"""How judgements are put together."""

from __future__ import annotations

from snapshots import GONE, domain, snapshot

from kvmedic.diagnose.after_failure import ONLY_AFTER, after_failure
from kvmedic.diagnose.verdicts import (
    LIKELY,
    cleared,
    finding,
    found,
    joined,
    lacking,
    names_in_words,
    over_domains,
)
from kvmedic.model.finding import Judgement, Severity
from kvmedic.model.subjects import domain_subject

FOUND = found(
    finding("balloon-undone", domain_subject(domain()), Severity.INFO, LIKELY, summary="it is", proof=[])
)


def test_a_finding_outweighs_a_lack_and_a_lack_outweighs_a_clearance() -> None:
    judged = joined([FOUND, lacking(GONE), lacking(GONE), cleared("well", "libvirt")])

    assert len(judged.findings) == 1
    assert judged.lacking == (str(GONE),)
    assert judged.refuted == ()


def test_domains_cleared_for_one_reason_are_told_in_one_line() -> None:
    many = [domain(f"web-{number}") for number in range(14)]

    judged = over_domains(snapshot(*many), lambda _: cleared("actual is the maximum", "libvirt"))

    assert [line.text for line in judged.refuted] == ["all 14 domains: actual is the maximum"]


def test_domains_cleared_for_several_reasons_are_named() -> None:
    def judge_by_name(one: object) -> Judgement:
        return cleared("no balloon" if getattr(one, "name", "") == "db" else "not inflated", "libvirt")

    judged = over_domains(snapshot(domain("db"), *(domain(name) for name in "abcde")), judge_by_name)

    assert [line.text for line in judged.refuted] == ["db: no balloon", "a, b, c and 2 more: not inflated"]


def test_names_in_words() -> None:
    assert names_in_words(["a"], 1) == "a"
    assert names_in_words(["a", "b"], 2) == "all 2 domains"
    assert names_in_words(["a", "b"], 3) == "a, b"


def test_a_domain_without_uuid_is_told_apart_by_its_process() -> None:
    assert domain_subject(domain(uuid=GONE)).id == "pid 4242"
    assert domain_subject(domain(uuid=GONE, pid=GONE)).id is None


def test_a_cause_of_the_past_says_so_of_a_living_host() -> None:
    assert after_failure("host-panic", "It panicked").examine(snapshot()).lacking == (ONLY_AFTER,)
