"""No secret of a definition survives, and what the rules need does."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from libvirt_samples import SECRETS, domain, domain_full_of_secrets, status_full_of_secrets

from kvmedic.errors import ParseError
from kvmedic.parse.domain_xml import parse_domain_xml
from kvmedic.parse.libvirt_secrets import without_secrets
from kvmedic.parse.safe_domain_xml import safe_domain_xml
from kvmedic.parse.status_xml import parse_status_xml

BACKED = """<maxMemory slots='4' unit='GiB'>8</maxMemory>
  <memoryBacking><hugepages><page size='1' unit='GiB' nodeset='0'/></hugepages><locked/>
    <source type='memfd'/><access mode='shared'/></memoryBacking>
  <numatune><memnode cellid='0' mode='strict' nodeset='0-1'/></numatune>
  <memtune><hard_limit unit='GiB'>5</hard_limit></memtune><resource><partition>/machine</partition></resource>
  <launchSecurity type='sev-snp'/>"""
DEVICES = """<hostdev mode='subsystem' type='pci'/><interface type='hostdev'/><interface type='vdpa'/>
  <disk type='nvme'/><memory model='dimm'><target><size unit='MiB'>512</size></target></memory>"""


@pytest.mark.parametrize(
    "text", [domain_full_of_secrets(), status_full_of_secrets()], ids=["domain", "status"]
)
def test_no_planted_secret_survives(text: str) -> None:
    cleaned = without_secrets(text, "x")
    assert [secret for secret in SECRETS if secret in text]
    assert [secret for secret in SECRETS if secret in cleaned] == []
    assert "planted" not in cleaned


def test_the_owner_and_the_facts_of_memory_survive() -> None:
    before = parse_domain_xml(domain_full_of_secrets(), "x")
    after = parse_domain_xml(without_secrets(domain_full_of_secrets(), "x"), "x")
    assert after.namespaces == before.namespaces
    assert after.makes == ("OpenStack Foundation",)
    assert after.launch_security == "sev"
    assert after.has_own_arguments
    assert (after.memory_bytes, after.balloon_model, after.stats_period_s) == (2 << 30, "virtio", 10)


@pytest.mark.parametrize("clean", [without_secrets, safe_domain_xml])
def test_no_fact_that_is_judged_is_lost_with_the_secrets(clean: Callable[[str, str], str]) -> None:
    for text in (domain(BACKED, devices=DEVICES), domain_full_of_secrets()):
        assert parse_domain_xml(clean(clean(text, "x"), "x"), "x") == parse_domain_xml(clean(text, "x"), "x")
    plain = domain(BACKED, devices=DEVICES)
    assert parse_domain_xml(clean(plain, "x"), "x") == parse_domain_xml(plain, "x")


def test_a_status_record_keeps_state_pid_and_job() -> None:
    status = parse_status_xml(without_secrets(status_full_of_secrets(), "x"), "x")
    assert (status.state, status.reason, status.pid, status.job) == (
        "running",
        "booted",
        4711,
        "outgoing migration",
    )


def test_cleaning_twice_changes_nothing_more() -> None:
    once = without_secrets(status_full_of_secrets(), "x")
    assert without_secrets(once, "x") == once


@given(st.text(alphabet=st.characters(codec="ascii", categories=["L", "N"]), min_size=12))
def test_any_password_of_a_console_is_taken_out(password: str) -> None:
    text = domain(devices=f"<graphics type='vnc' passwd='QQ{password}'/>")
    assert f"QQ{password}" not in without_secrets(text, "x")


@pytest.mark.parametrize(
    "text",
    [
        "<!DOCTYPE domain [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;&a;'>]><domain>&b;</domain>",
        "<!DOCTYPE domain SYSTEM 'file:///etc/passwd'><domain/>",
        "<domain>" + "<a>" * 1000 + "</a>" * 1000 + "</domain>",
        "<domain>&undeclared;</domain>",
        "<domain><name>x</domain>",
        "x" * (4 * 1024 * 1024 + 1),
        "",
    ],
    ids=["entities", "external", "deep", "undeclared", "crossed", "large", "empty"],
)
def test_hostile_xml_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(ParseError) as refusal:
        without_secrets(text, "run/libvirt/qemu/x.xml")
    assert refusal.value.source == "run/libvirt/qemu/x.xml"
    assert refusal.value.line_number >= 1
