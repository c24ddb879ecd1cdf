"""virsh's texts: domstats, list, dominfo, domjobinfo; and libvirt's status record."""

from __future__ import annotations

import pytest
from libvirt_samples import UUID, domain

from kvmedic.errors import ParseError
from kvmedic.parse.dominfo import parse_dominfo, parse_domjobinfo
from kvmedic.parse.domstats import parse_domain_list, parse_domstats, whole_number
from kvmedic.parse.status_xml import parse_status_xml

STATS = """Domain: 'web server'
  state.state=1
  state.reason=1
  balloon.current=1048576
  balloon.last-update=0
  balloon.usable=18446744073709551615
  balloon.swap_in=-1

Domain: 'off'
  state.state=5
"""


def test_statistics_are_kept_by_domain() -> None:
    found = parse_domstats(STATS, "x")
    assert list(found) == ["web server", "off"]
    assert whole_number(found["web server"], "balloon.current") == 1048576
    assert whole_number(found["web server"], "balloon.last-update") == 0


@pytest.mark.parametrize("key", ["balloon.usable", "balloon.swap_in", "balloon.rss"])
def test_what_the_guest_does_not_know_is_no_number(key: str) -> None:
    assert whole_number(parse_domstats(STATS, "x")["web server"], key) is None


def test_a_row_before_any_domain_is_refused() -> None:
    with pytest.raises(ParseError) as refusal:
        parse_domstats("  state.state=1\n", "virsh")
    assert (refusal.value.source, refusal.value.line_number) == ("virsh", 1)


def test_the_list_gives_states_even_of_names_with_blanks() -> None:
    text = (
        " Id   Name         State\n-----------\n 1    web server   running\n -    off          shut off\n\n"
    )
    assert parse_domain_list(text, "x") == {"web server": "running", "off": "shut off"}


def test_dominfo_is_read_without_the_rows_an_old_libvirt_lacks() -> None:
    text = (
        f"Id:             -\nName:           web\nUUID:           {UUID}\nState:          shut off\n"
        "Persistent:     yes\nAutostart:      disable\n"
    )
    found = parse_dominfo(text, "x")
    assert (found.name, found.uuid, found.state) == ("web", UUID, "shut off")
    assert (found.is_persistent, found.autostarts, found.has_managed_save) == (True, False, None)


def test_a_job_is_named_by_what_it_does() -> None:
    assert parse_domjobinfo("Job type:         None\n", "x") is None
    assert parse_domjobinfo("Job type:         Unbounded\nOperation:        Backup\n", "x") == "Backup"
    assert parse_domjobinfo("Job type:         Bounded\n", "x") == "bounded"
    with pytest.raises(ParseError):
        parse_domjobinfo("Operation: Backup\n", "x")


def test_a_status_record_gives_state_pid_and_definition() -> None:
    job = "<job type='none' async='none'/>"
    text = f"<domstatus state='paused' reason='ioerror' pid='99'>{job}{domain()}</domstatus>"
    found = parse_status_xml(text, "x")
    assert (found.state, found.reason, found.pid, found.job) == ("paused", "ioerror", 99, None)
    assert found.definition.name == "web"


@pytest.mark.parametrize(
    "text", ["<domain/>", "<domstatus pid='1'/>", f"<domstatus pid='x'>{domain()}</domstatus>"]
)
def test_what_is_no_status_record_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        parse_status_xml(text, "x")
