"""Whatever a source about domains holds, its parser returns a record or a ParseError with source and line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from libvirt_samples import domain_full_of_secrets, status_full_of_secrets

from kvmedic.errors import ParseError
from kvmedic.parse.cgroup import (
    parse_cgroup_amount,
    parse_cgroup_counters,
    parse_cgroup_limit,
    parse_process_cgroup,
)
from kvmedic.parse.domain_xml import parse_domain_xml
from kvmedic.parse.dominfo import parse_dominfo, parse_domjobinfo
from kvmedic.parse.domstats import parse_domain_list, parse_domstats
from kvmedic.parse.libvirt_secrets import without_secrets
from kvmedic.parse.mounts import parse_memory_mounts
from kvmedic.parse.process_kinds import parse_process_kinds
from kvmedic.parse.process_limits import parse_process_limits
from kvmedic.parse.process_status import parse_process_stat, parse_process_status
from kvmedic.parse.ps import parse_ps
from kvmedic.parse.pve_conf import parse_pve_conf
from kvmedic.parse.qemu_arguments import parse_qemu_arguments
from kvmedic.parse.status_xml import parse_status_xml

HOST = Path(__file__).parents[2] / "data" / "domains" / "cgroup-v1"
VIRSH = HOST / "sos_commands" / "virsh"
GROUP = HOST / "sys/fs/cgroup/memory/lab.partition"
PROCESS = HOST / "proc" / "15028"

PARSERS: dict[Callable[[str, str], object], str] = {
    parse_domain_xml: domain_full_of_secrets(),
    without_secrets: domain_full_of_secrets(),
    parse_status_xml: status_full_of_secrets(),
    parse_domstats: (VIRSH / "virsh_-r_domstats").read_text(),
    parse_domain_list: (VIRSH / "virsh_-r_list_--all").read_text(),
    parse_dominfo: (VIRSH / "virsh_-r_dominfo_lab-guest").read_text(),
    parse_domjobinfo: (VIRSH / "virsh_-r_domjobinfo_lab-guest").read_text(),
    parse_qemu_arguments: (HOST / "kvmedic/process/15028/arguments").read_text(),
    parse_process_kinds: "15028 qemu\n",
    parse_process_status: (PROCESS / "status").read_text(),
    parse_process_stat: (PROCESS / "stat").read_text(),
    parse_process_limits: (PROCESS / "limits").read_text(),
    parse_process_cgroup: (PROCESS / "cgroup").read_text(),
    parse_cgroup_counters: (GROUP / "memory.stat").read_text(),
    parse_cgroup_amount: (GROUP / "memory.usage_in_bytes").read_text(),
    parse_cgroup_limit: (GROUP / "memory.limit_in_bytes").read_text(),
    parse_memory_mounts: (HOST / "proc/self/mounts").read_text(),
    parse_ps: "PID RSS COMMAND\n1 2 init\n",
    parse_pve_conf: "memory: 512\n",
}
ALL = pytest.mark.parametrize("parse", PARSERS, ids=lambda parse: parse.__name__)


@ALL
def test_the_real_text_is_understood(parse: Callable[[str, str], object]) -> None:
    parse(PARSERS[parse], "x")


@ALL
@settings(max_examples=60)
@given(text=st.text())
def test_any_text_is_understood_or_refused(parse: Callable[[str, str], object], text: str) -> None:
    _understand_or_refuse(parse, text)


@ALL
@settings(max_examples=60)
@given(data=st.data())
def test_damaged_real_text_is_understood_or_refused(
    parse: Callable[[str, str], object], data: st.DataObject
) -> None:
    real = PARSERS[parse]
    start = data.draw(st.integers(0, len(real)))
    end = data.draw(st.integers(start, min(len(real), start + 40)))
    _understand_or_refuse(parse, real[:start] + data.draw(st.text(max_size=8)) + real[end:])


def _understand_or_refuse(parse: Callable[[str, str], object], text: str) -> None:
    refusal = _refusal(parse, text)
    if refusal is not None:
        assert refusal.source == "source"
        assert 1 <= refusal.line_number <= text.count("\n") + 2
        assert refusal.expected


def _refusal(parse: Callable[[str, str], object], text: str) -> ParseError | None:
    try:
        parse(text, "source")
    except ParseError as error:
        return error
    return None
