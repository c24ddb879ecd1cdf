# ruff: noqa: E501  log lines stay in one piece
"""Reports as kernels of several ages print them, written from mm/oom_kill.c, mm/page_alloc.c and their kin.

Three ages: "3.10" (no flag names, one node line, old kill line), "4.18" (names, nodemask in the header) and
"6.1" (constraint line, boost). Amounts are MiB unless the name says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass

KIB = 1024


@dataclass(frozen=True)
class Zone:
    """One zone of a report. ``blocks`` are (order, count, letters)."""

    name: str
    free: int
    min: int
    managed: int
    present: int
    node: int = 0
    blocks: tuple[tuple[int, int, str], ...] = ()


@dataclass(frozen=True)
class Process:
    """One row of the task table."""

    pid: int
    name: str
    rss: int
    total_vm: int | None = None
    uid: int = 107


def host_zones(total: int, free: int = 60, node: int = 0) -> tuple[Zone, ...]:
    """A node of ``total`` MiB with ``free`` MiB left in small blocks."""
    mark = max(total // 1000, 64)
    return (Zone("Normal", free, mark, total, total, node, ((0, free * 200, "UME"), (1, free * 28, "UE"))),)


def roomy_zone(total: int, free: int, node: int = 0) -> tuple[Zone, ...]:
    """A node with ``free`` MiB, all in blocks of two pages and smaller."""
    return (Zone("Normal", free, 60, total, total, node, ((0, free * 128, "UME"), (1, free * 64, "UME"))),)


def mem_info(
    zones: tuple[Zone, ...],
    *,
    anon: int,
    slab: int = 100,
    shmem: int = 1,
    swap: tuple[int, int] = (0, 0),
    age: str = "6.1",
    hugepages: tuple[int, int] | None = None,
) -> str:
    """The Mem-Info part. ``swap`` is (free, total), ``hugepages`` (total, free) of 2 MiB."""
    free = sum(zone.free for zone in zones)
    total = sum(zone.managed for zone in zones)
    present = sum(zone.present for zone in zones)
    lines = [
        "Mem-Info:",
        f"active_anon:{anon * 64} inactive_anon:{anon * 192} isolated_anon:0",
        " active_file:500 inactive_file:600 isolated_file:0",
        " unevictable:0 dirty:4 writeback:0 unstable:0"
        if age == "3.10"
        else " unevictable:0 dirty:4 writeback:0",
        f" slab_reclaimable:5000 slab_unreclaimable:{slab * 256}",
        f" mapped:700 shmem:{shmem * 256} pagetables:9000 bounce:0",
        f" free:{free * 256} free_pcp:30 free_cma:0",
    ]
    for zone in zones:
        where = f"Node {zone.node} {zone.name}"
        boost = " boost:0kB" if age == "6.1" else ""
        lines.append(
            f"{where} free:{zone.free * KIB}kB{boost} min:{zone.min * KIB}kB low:{zone.min * 2 * KIB}kB "
            f"high:{zone.min * 3 * KIB}kB active_anon:{anon * 64}kB inactive_anon:0kB "
            f"present:{zone.present * KIB}kB managed:{zone.managed * KIB}kB mlocked:0kB bounce:0kB "
            "free_pcp:0kB local_pcp:0kB free_cma:0kB"
        )
        lines.append("lowmem_reserve[]: 0 0 0 0")
    for zone in zones:
        counts = dict.fromkeys(range(11), (0, ""))
        counts |= {order: (count, letters) for order, count, letters in zone.blocks}
        told = " ".join(
            f"{count}*{4 << order}kB" + (f" ({letters})" if letters and age != "3.10" else "")
            for order, (count, letters) in counts.items()
        )
        lines.append(f"Node {zone.node} {zone.name}: {told} = {zone.free * KIB}kB")
    if hugepages:
        lines.append(
            f"Node 0 hugepages_total={hugepages[0]} hugepages_free={hugepages[1]} hugepages_surp=0 "
            "hugepages_size=2048kB"
        )
    lines += [
        "1234 total pagecache pages",
        "0 pages in swap cache",
        f"Free swap  = {swap[0] * KIB}kB",
        f"Total swap = {swap[1] * KIB}kB",
        f"{present * 256} pages RAM",
        f"{(present - total) * 256} pages reserved",
    ]
    return "\n".join(lines)


def task_table(tasks: tuple[Process, ...], age: str = "6.1") -> str:
    """The task table with the columns of its age."""
    if age == "6.1":
        head = "[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name"
        head = f"Tasks state (memory values in pages):\n{head}"
    else:
        head = "[ pid ]   uid  tgid total_vm      rss nr_ptes swapents oom_score_adj name"
    rows = [
        f"[{task.pid:7d}] {task.uid:5d} {task.pid:5d} {(task.total_vm or task.rss + 300) * 256:8d} "
        f"{task.rss * 256:8d} {4000:8d}        0             0 {task.name}"
        for task in tasks
    ]
    return "\n".join([head, *rows])


MOVABLE = "0x100cca(GFP_HIGHUSER_MOVABLE)"
KERNEL = "0xcc0(GFP_KERNEL)"


def oom(
    tasks: tuple[Process, ...],
    zones: tuple[Zone, ...],
    *,
    asker: str = "CPU 2/KVM",
    order: int = 0,
    gfp: str = MOVABLE,
    constraint: str = "CONSTRAINT_NONE",
    nodemask: str = "(null)",
    group: str = "/machine.slice/machine-qemu\\x2d3\\x2dweb01.scope/libvirt/emulator",
    victim: Process | None = None,
    age: str = "6.1",
    hardware: str = "Dell Inc. PowerEdge R740/0923K0, BIOS 2.19.1 06/04/2023",
    memcg: tuple[str, int] | None = None,
    **memory: object,
) -> str:
    """A run of the OOM killer. ``memcg`` is (path, limit in MiB) for a cgroup's."""
    killed = victim or max(tasks, key=lambda task: task.rss)
    anon = int(memory.pop("anon", sum(task.rss for task in tasks)))  # type: ignore[call-overload]
    header = {
        "6.1": f"{asker} invoked oom-killer: gfp_mask={gfp}, order={order}, oom_score_adj=0",
        "4.18": f"{asker} invoked oom-killer: gfp_mask={gfp}, nodemask={nodemask}, order={order}, oom_score_adj=0",
        "3.10": f"{asker} invoked oom-killer: gfp_mask=0x200da, order={order}, oom_score_adj=0",
    }[age]
    release = {"6.1": "6.1.0-18-amd64", "4.18": "4.18.0-553.el8.x86_64", "3.10": "3.10.0-1160.el7.x86_64"}[
        age
    ]
    lines = [
        header,
        f"CPU: 3 PID: 4242 Comm: {asker} Not tainted {release} #1",
        f"Hardware name: {hardware}",
        "Call Trace:",
        " dump_stack+0x5c/0x80",
        " out_of_memory+0x1fd/0x4c0",
    ]
    if memcg:
        path, limit = memcg
        if age == "3.10":
            lines.append(f"Task in {path} killed as a result of limit of {path}")
        lines.append(f"memory: usage {limit * KIB}kB, limit {limit * KIB}kB, failcnt 812")
    else:
        lines.append(mem_info(zones, anon=anon, age=age, **memory))  # type: ignore[arg-type]
    lines.append(task_table(tasks, age))
    if age == "6.1":
        scope = f"oom_memcg={memcg[0]}" if memcg else "global_oom"
        lines.append(
            f"oom-kill:constraint={constraint},nodemask={nodemask},cpuset=vcpu2,mems_allowed=0-1,{scope},"
            f"task_memcg={group},task={killed.name},pid={killed.pid},uid={killed.uid}"
        )
    prefix = "Memory cgroup out of memory" if memcg else "Out of memory"
    sizes = (
        f"total-vm:{(killed.rss + 300) * KIB}kB, anon-rss:{killed.rss * KIB}kB, file-rss:0kB, shmem-rss:0kB"
    )
    if age == "6.1":
        lines.append(
            f"{prefix}: Killed process {killed.pid} ({killed.name}) {sizes}, UID:{killed.uid} "
            "pgtables:9000kB oom_score_adj:0"
        )
    else:
        lines.append(f"{prefix}: Kill process {killed.pid} ({killed.name}) score 612 or sacrifice child")
        lines.append(f"Killed process {killed.pid} ({killed.name}) {sizes}")
    return "\n".join(lines) + "\n"


def refusal(
    comm: str,
    order: int,
    mode: str,
    zones: tuple[Zone, ...] = (),
    *,
    is_in_interrupt: bool = False,
    release: str = "6.1.0-18-amd64",
) -> str:
    """A page allocation failure, with zones where they are given."""
    lines = [
        f"{comm}: page allocation failure: order:{order}, mode:{mode}, nodemask=(null),cpuset=/,mems_allowed=0",
        f"CPU: 1 PID: 811 Comm: {comm} Not tainted {release} #1",
        "Hardware name: Supermicro Super Server/X11DPi-N, BIOS 3.3 02/21/2020",
        "Call Trace:",
        *([" <IRQ>"] if is_in_interrupt else []),
        " dump_stack+0x6b/0x83",
        " warn_alloc+0x13a/0x160",
        *([" </IRQ>"] if is_in_interrupt else []),
    ]
    if zones:
        lines.append(mem_info(zones, anon=100))
    return "\n".join(lines) + "\n"


def hung(comm: str, *stack: str, seconds: int = 122, pid: int = 700) -> str:
    """A hung task with its stack."""
    frames = "\n".join(f" {name}+0x1a/0x90" for name in stack)
    return (
        f"INFO: task {comm}:{pid} blocked for more than {seconds} seconds.\n"
        "      Not tainted 6.1.0-18-amd64 #1\n"
        '"echo 0 > /proc/sys/kernel/hung_task_timeout_secs" disables this message.\n'
        f"task:{comm:<15} state:D stack:0     pid:{pid}   ppid:1      flags:0x00000000\n"
        "Call Trace:\n"
        f" <TASK>\n __schedule+0x34d/0x9e0\n schedule+0x5a/0xd0\n{frames}\n </TASK>\n"
    )


def syslog(text: str, at: str = "Nov 24 03:00:12", uptime_s: float = 600000.0, host: str = "kvm-b3") -> str:
    """The text as rsyslog writes it."""
    lines = text.strip("\n").split("\n")
    return "".join(
        f"{at} {host} kernel: [{uptime_s + index / 1000:12.6f}] {line}\n" for index, line in enumerate(lines)
    )


def dmesg(text: str, uptime_s: float = 600000.0) -> str:
    """The text as dmesg prints it."""
    lines = text.strip("\n").split("\n")
    return "".join(f"[{uptime_s + index / 1000:12.6f}] {line}\n" for index, line in enumerate(lines))
