"""Reports as people pass them on: quoted in mails, indented, wrapped, copied from a page of the web."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Callable

import pytest
from log_samples import dmesg, read, the_event

from kvmedic.model.log_event import HungTask, OomReport
from kvmedic.parse.logs.paste import find_wrap

OOM = """\
CPU 1/KVM invoked oom-killer: gfp_mask=0x140dca(GFP_HIGHUSER_MOVABLE|__GFP_COMP|__GFP_ZERO), order=0, oom_score_adj=0
CPU: 2 PID: 4209 Comm: CPU 1/KVM Not tainted 6.1.0-18-amd64 #1  Debian 6.1.76-1
Hardware name: Supermicro Super Server/X11DPi-N, BIOS 3.4 10/31/2020
Call Trace:
 <TASK>
 dump_stack_lvl+0x44/0x5c
 </TASK>
Mem-Info:
active_anon:2404200 inactive_anon:801400 isolated_anon:0
 slab_reclaimable:20000 slab_unreclaimable:9000
 free:24000 free_pcp:200 free_cma:0
Node 0 Normal free:54000kB boost:0kB min:54600kB low:68250kB high:81900kB reserved_highatomic:0KB active_anon:9616800kB present:13631488kB managed:13371488kB mlocked:0kB bounce:0kB free_pcp:512kB local_pcp:120kB free_cma:0kB
lowmem_reserve[]: 0 0 0 0
Node 0 Normal: 3000*4kB (UME) 1500*8kB (UME) 800*16kB (UM) 400*32kB (U) 120*64kB (U) 0*128kB 0*256kB 0*512kB 0*1024kB 0*2048kB 0*4096kB = 57280kB
Tasks state (memory values in pages):
[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name
[    612]     0   612     2440      400    65536        0             0 systemd-journal
[   4201]   107  4201  2300000  1500000 15000000        0             0 qemu-system-x86
oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=/machine.slice/a.scope,task=qemu-system-x86,pid=4201,uid=107
Out of memory: Killed process 4201 (qemu-system-x86) total-vm:9200000kB, anon-rss:6000000kB, file-rss:1240kB, shmem-rss:0kB, UID:107 pgtables:14648kB oom_score_adj:0
"""  # noqa: E501


def quoted(text: str) -> str:
    return "On Monday somebody wrote:\n> this is it:\n>\n" + "".join(
        f"> {line}\n" for line in text.split("\n")
    )


def twice_quoted(text: str) -> str:
    return "".join(f">> {line}\n" for line in text.split("\n"))


def indented(text: str) -> str:
    return textwrap.indent(text, "    ")


def wrapped(text: str) -> str:
    lines = text.split("\n")
    return "Hello,\n\n" + "\n".join(
        "\n".join(textwrap.wrap(line, 76, break_on_hyphens=False)) for line in lines
    )


def cut_at_the_edge(text: str) -> str:
    return "".join(line[at : at + 80] + "\n" for line in text.split("\n") for at in range(0, len(line), 80))


def wrapped_and_quoted(text: str) -> str:
    return "".join(f"> {line}\n" for line in wrapped(text).split("\n"))


def of_a_page(text: str) -> str:
    return f"<pre>{html.escape(text)}</pre>\n"


def with_windows_line_ends(text: str) -> str:
    return text.replace("\n", "\r\n")


def from_netconsole(text: str) -> str:
    return "".join(f"Nov 20 03:00:00 10.0.0.17 {line}\n" for line in text.strip("\n").split("\n"))


def indented_messages(text: str) -> str:
    return "".join(f"    kernel: {line}\n" for line in text.strip("\n").split("\n"))


@pytest.mark.parametrize(
    "pasted",
    [
        quoted, twice_quoted, indented, wrapped, cut_at_the_edge, wrapped_and_quoted, of_a_page,
        with_windows_line_ends, from_netconsole, indented_messages,
    ],
)  # fmt: skip
def test_a_paste_says_what_the_log_said(pasted: Callable[[str], str]) -> None:
    told = the_event(OomReport, pasted(dmesg(OOM)))

    assert told.order == 0
    assert told.constraint == "CONSTRAINT_NONE"
    assert told.hardware_name == "Supermicro Super Server/X11DPi-N, BIOS 3.4 10/31/2020"
    assert [(victim.pid, victim.comm) for victim in told.victims] == [(4201, "qemu-system-x86")]
    assert told.mem_info is not None
    (zone,) = told.mem_info.zones
    assert (zone.min_bytes, zone.managed_bytes) == (54600 << 10, 13371488 << 10)
    assert [block.count for block in zone.blocks] == [3000, 1500, 800, 400, 120, 0, 0, 0, 0, 0, 0]
    assert [(task.name, task.rss_pages) for task in told.tasks] == [
        ("qemu-system-x86", 1500000),
        ("systemd-journal", 400),
    ]


def test_a_header_that_a_mail_wrapped_begins_its_report() -> None:
    report = dmesg(
        "INFO: task qemu-system-x86:29385 blocked for more than 122 seconds.\n"
        "      Tainted: G        W  O       6.12.3-gentoo-x86_64 #1\n"
        '"echo 0 > /proc/sys/kernel/hung_task_timeout_secs" disables this message.\n'
        "task:qemu-system-x86 state:D stack:0     pid:29385 tgid:29385 ppid:2 flags:0x00004000\n"
        "Call Trace:\n <TASK>\n __schedule+0x3f0/0xb60\n io_schedule+0x46/0x70\n </TASK>"
    )
    told = the_event(HungTask, wrapped(report))

    assert (told.blocked_s, told.task.pid) == (122, 29385)


def test_numbers_of_lines_stay_those_of_the_paste() -> None:
    text = wrapped(dmesg(OOM))
    told = the_event(OomReport, text)

    lines = text.split("\n")
    assert all(
        lines[line.line_number - 1] in line.text for line in told.lines if line.line_number is not None
    )
    assert read(text).lines_total == text.count("\n")


@pytest.mark.parametrize(
    "text",
    [
        dmesg(OOM),
        dmesg("device vnet3 entered promiscuous mode\nbr0: port 3(vnet3) entered forwarding state\n" * 20),
        "a poem\nof short lines\n" * 40,
        "",
    ],
)
def test_an_ordinary_log_is_not_taken_for_a_wrapped_one(text: str) -> None:
    assert find_wrap(text.encode()) is None


def test_indentation_of_the_kernels_own_is_kept() -> None:
    told = the_event(OomReport, OOM)

    assert told.mem_info is not None
    assert told.mem_info.pages["slab_unreclaimable"] == 9000
    assert told.call_trace == ("dump_stack_lvl",)
