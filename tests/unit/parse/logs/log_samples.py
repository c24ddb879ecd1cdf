"""Small excerpts in the formats of kernels 3.2 to 6.18, written for these tests, and how to read them."""
# ruff: noqa: E501 (log lines stand as the kernel prints them)

from __future__ import annotations

from typing import TypeVar

from kvmedic.model.log_event import LogReading
from kvmedic.parse.logs import read_events

E = TypeVar("E")


def read(text: str | bytes, *, source: str = "kern.log", chunk: int = 1 << 20) -> LogReading:
    """Read a text as a log, in pieces of ``chunk`` bytes."""
    raw = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
    return read_events(source, (raw[at : at + chunk] for at in range(0, len(raw), chunk)))


def events_of(kind: type[E], text: str | bytes, *, source: str = "kern.log") -> list[E]:
    """The events of one kind."""
    return [event for event in read(text, source=source).events if isinstance(event, kind)]


def the_event(kind: type[E], text: str | bytes, *, source: str = "kern.log") -> E:
    """The only event of this kind, and the only event at all."""
    (event,) = read(text, source=source).events

    assert isinstance(event, kind)

    return event


def dmesg(text: str, *, start: float = 1234.5) -> str:
    """Put printk's clock before every line."""
    lines = text.strip("\n").split("\n")
    return "".join(f"[{start + index / 1000:12.6f}] {line}\n" for index, line in enumerate(lines))


def syslog(text: str) -> str:
    """The same log as rsyslog writes it."""
    return "".join(f"Nov 24 03:00:12 node7 kernel: {line}\n" for line in dmesg(text).splitlines())


OOM_6_1 = """\
CPU 2/KVM invoked oom-killer: gfp_mask=0x140dca(GFP_HIGHUSER_MOVABLE|__GFP_COMP|__GFP_ZERO), order=0, oom_score_adj=0
CPU: 3 PID: 4242 Comm: CPU 2/KVM Not tainted 6.1.0-18-amd64 #1  Debian 6.1.76-1
Hardware name: Dell Inc. PowerEdge R740/0923K0, BIOS 2.19.1 06/04/2023
Call Trace:
 <TASK>
 dump_stack_lvl+0x44/0x5c
 dump_header+0x4a/0x211
 oom_kill_process.cold+0xb/0x10
 ? psi_task_change+0x5a/0x90
 out_of_memory+0x1fd/0x4c0
 </TASK>
Mem-Info:
active_anon:431 inactive_anon:15998101 isolated_anon:0
 active_file:812 inactive_file:903 isolated_file:32
 unevictable:771 dirty:11 writeback:2
 slab_reclaimable:21001 slab_unreclaimable:90112
 mapped:1203 shmem:992 pagetables:36001
 sec_pagetables:2048 bounce:0
 kernel_misc_reclaimable:0
 free:33100 free_pcp:61 free_cma:0
Node 0 active_anon:1724kB inactive_anon:63992404kB active_file:3248kB unevictable:3084kB isolated(anon):0kB shmem_thp: 0kB anon_thp: 61341696kB kernel_stack:9120kB pagetables:144004kB all_unreclaimable? yes
Node 0 DMA free:11264kB boost:0kB min:12kB low:24kB high:36kB reserved_highatomic:0KB active_anon:0kB writepending:0kB present:15996kB managed:15360kB mlocked:0kB bounce:0kB free_pcp:0kB local_pcp:0kB free_cma:0kB
lowmem_reserve[]: 0 1837 64200 64200 64200
Node 0 Normal free:65010kB boost:2048kB min:67584kB low:131072kB high:194560kB reserved_highatomic:4096KB active_anon:1724kB inactive_anon:62110444kB writepending:52kB present:65011712kB managed:63854592kB mlocked:3084kB bounce:0kB free_pcp:244kB local_pcp:0kB free_cma:0kB
lowmem_reserve[]: 0 0 0 0 0
Node 0 DMA: 0*4kB 0*8kB 0*16kB 0*32kB 0*64kB 0*128kB 0*256kB 0*512kB 1*1024kB (U) 1*2048kB (M) 2*4096kB (M) = 11264kB
Node 0 Normal: 4101*4kB (UME) 2210*8kB (UE) 1003*16kB (UMEH) 300*32kB (H) 0*64kB 0*128kB 0*256kB 0*512kB 0*1024kB 0*2048kB 0*4096kB = 59732kB
Node 0 hugepages_total=16 hugepages_free=4 hugepages_surp=0 hugepages_size=1048576kB
Node 0 hugepages_total=0 hugepages_free=0 hugepages_surp=0 hugepages_size=2048kB
3017 total pagecache pages
12 pages in swap cache
Free swap  = 4kB
Total swap = 8388604kB
16777117 pages RAM
0 pages HighMem/MovableOnly
287310 pages reserved
0 pages hwpoisoned
Tasks state (memory values in pages):
[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name
[    612]     0   612     9031      411   110592      180          -250 systemd-journal
[   4201]   107  4201 9121222  8401202 69206016   120011             0 qemu-system-x86
[   4300]   107  4300 8721222  7401202 61206016   110011             0 CPU 0/KVM
oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=vcpu2,mems_allowed=0-1,global_oom,task_memcg=/machine.slice/machine-qemu\\x2d3\\x2dweb01.scope/libvirt/emulator,task=qemu-system-x86,pid=4201,uid=107
Out of memory: Killed process 4201 (qemu-system-x86) total-vm:36484888kB, anon-rss:33604808kB, file-rss:0kB, shmem-rss:4kB, UID:107 pgtables:67584kB oom_score_adj:0
oom_reaper: reaped process 4201 (qemu-system-x86), now anon-rss:0kB, file-rss:0kB, shmem-rss:4kB
"""

OOM_3_2_MEMCG = """\
kvm invoked oom-killer: gfp_mask=0xd0, order=0, oom_adj=0, oom_score_adj=0
kvm cpuset=vcpu0 mems_allowed=0
Pid: 3100, comm: kvm Not tainted 3.2.0-4-amd64 #1 Debian 3.2.96-2
Call Trace:
 [<ffffffff810b8bb9>] ? dump_header+0x76/0x1a7
 [<ffffffff810b9090>] oom_kill_process+0x72/0x2a6
Task in /libvirt/qemu/db02 killed as a result of limit of /libvirt/qemu/db02
memory: usage 307200kB, limit 307200kB, failcnt 3811
memory+swap: usage 307200kB, limit 9007199254740991kB, failcnt 0
Mem-Info:
Node 0 DMA per-cpu:
CPU    0: hi:    0, btch:   1 usd:   0
active_anon:90112 inactive_anon:1200 isolated_anon:0
 active_file:512 inactive_file:660 isolated_file:0
 unevictable:0 dirty:0 writeback:0 unstable:0
 free:1201331 slab_reclaimable:3300 slab_unreclaimable:4100
 mapped:100 shmem:50 pagetables:900 bounce:0
Node 0 DMA free:15904kB min:20kB low:24kB high:28kB active_anon:0kB present:15680kB pages_scanned:0 all_unreclaimable? yes
lowmem_reserve[]: 0 2990 8040 8040
Node 0 DMA: 0*4kB 0*8kB 0*16kB 1*32kB 2*64kB 1*128kB 1*256kB 0*512kB 1*1024kB 1*2048kB 3*4096kB = 15904kB
1300 total pagecache pages
Swap cache stats: add 0, delete 0, find 0/0
Free swap  = 524284kB
Total swap = 524284kB
2097136 pages RAM
61003 pages reserved
[ pid ]   uid  tgid total_vm      rss cpu oom_adj oom_score_adj name
[ 3100]   106  3100   300100    76000   1       0             0 kvm
Memory cgroup out of memory: Kill process 3100 (kvm) score 998 or sacrifice child
Killed process 3100 (kvm) total-vm:1200400kB, anon-rss:300000kB, file-rss:4000kB
"""
