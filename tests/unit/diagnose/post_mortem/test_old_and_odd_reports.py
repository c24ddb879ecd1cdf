"""Reports that say less, or say it otherwise: old kernels, cut logs, names that mislead."""

from __future__ import annotations

from pathlib import Path

import pytest
from field_samples import FIRST, SECOND, SMALL
from kernel_texts import Process, Zone, dmesg, host_zones, oom, refusal, roomy_zone, syslog
from telling import refuted, top, why

REPORTS = Path(__file__).parents[3] / "data/reports"
GUEST_HARDWARE = "QEMU Standard PC (Q35 + ICH9, 2009), BIOS 1.16.2-1 04/01/2014"
TWO_NODES = (*host_zones(16000, 40, node=0), *roomy_zone(48000, 39000, node=1))
QEMU_LOG = "var/log/libvirt/qemu/web01.log"


def test_a_guest_agent_makes_no_host_of_a_guest() -> None:
    tasks = (Process(900, "java", 7400, uid=1000), Process(400, "qemu-ga", 5, uid=0))

    report = why(
        dmesg(oom(tasks, host_zones(7900, 30), asker="java", group="/user.slice", hardware=GUEST_HARDWARE))
    )

    assert top(report) == "guest-internal"
    assert report.blame == "guest"


def test_a_nested_hypervisor_is_a_host() -> None:
    report = why(dmesg(oom((FIRST, SECOND, SMALL), host_zones(15900, 60), hardware=GUEST_HARDWARE)))

    assert top(report) == "host-memory-overcommitted"


def test_an_old_kernel_tells_a_binding_only_by_its_node_mask() -> None:
    report = why(
        syslog(
            oom(
                (FIRST, SECOND),
                TWO_NODES,
                nodemask="0",
                age="4.18",
                gfp="0x6200ca(GFP_HIGHUSER_MOVABLE)",
            )
        )
    )

    assert top(report) == "numa-node-exhausted"
    assert "host-memory-exhausted" in refuted(report)


def test_a_kill_line_alone_is_believed_less_than_a_whole_report() -> None:
    whole = oom((FIRST, SECOND, SMALL), host_zones(15900, 60))
    last = whole.splitlines()[-1]

    report = why(syslog(last))

    assert top(report) == "host-memory-exhausted"
    assert report.findings[0].confidence < 0.7
    assert "fragmented" not in report.findings[0].summary


def test_hugepage_pools_that_hold_the_memory_are_named() -> None:
    report = why(syslog(oom((SMALL, FIRST), host_zones(64000, 60), hugepages=(28000, 27000), anon=8300)))

    assert top(report) == "host-memory-exhausted"
    assert any(line.text.startswith("the hugepage pools held") for line in report.findings[0].because)


def test_a_refused_page_with_every_zone_dry_is_shortage() -> None:
    report = why(syslog(refusal("kworker/u64:2", 0, "0xcc0(GFP_KERNEL)", host_zones(64000, 30))))

    assert top(report) == "host-memory-exhausted"
    assert report.findings[0].confidence < 0.7


def test_a_refusal_of_order_2_without_zones_is_only_possibly_fragmentation() -> None:
    report = why(syslog(refusal("iscsid", 2, "0xcc0(GFP_KERNEL)")))

    assert top(report) == "memory-fragmented"
    assert report.findings[0].confidence < 0.6


@pytest.mark.parametrize(("letters", "is_usable"), [("U", True), ("H", False), ("C", False), ("I", False)])
def test_the_letters_of_the_free_blocks_decide(letters: str, *, is_usable: bool) -> None:
    zone = Zone("Normal", 2000, 60, 64000, 64000, 0, ((0, 300000, "UME"), (4, 900, letters)))

    report = why(syslog(oom((FIRST, SMALL), (zone,), order=2, gfp="0xcc0(GFP_KERNEL)", asker="systemd")))

    assert (top(report) != "memory-fragmented") == is_usable


def test_a_slab_of_high_order_alone_is_a_weak_sign() -> None:
    report = why(
        syslog(
            "SLUB: Unable to allocate memory on node -1, gfp=0xdc0(GFP_KERNEL|__GFP_ZERO)\n"
            "  cache: kvm_vcpu, object size: 51456, buffer size: 51456, default order: 4, min order: 4\n"
        )
    )

    assert top(report) == "memory-fragmented"
    assert report.findings[0].confidence < 0.7


def test_a_victim_without_a_cgroup_is_named_by_the_log_of_the_qemu_that_ended_then() -> None:
    kill = oom((FIRST, SECOND, SMALL), host_zones(15900, 60), age="3.10")
    ended = "2026-11-24 03:00:14.000+0000: shutting down, reason=crashed\n"

    report = why({"var/log/messages": syslog(kill), QEMU_LOG: ended})

    assert report.findings[0].subject.name == "web01"


def test_two_guests_that_ended_at_once_are_not_guessed_at() -> None:
    kill = oom((FIRST, SECOND, SMALL), host_zones(15900, 60), age="3.10")
    ended = "2026-11-24 03:00:14.000+0000: shutting down, reason=crashed\n"

    report = why({"var/log/messages": syslog(kill), QEMU_LOG: ended, QEMU_LOG.replace("01", "02"): ended})

    assert report.findings[0].subject.kind == "process"


def test_a_whole_report_of_kernel_3_2_is_understood() -> None:
    report = why((REPORTS / "3.2-global-oom-two-guests.log").read_text())
    proof = " | ".join(line.text for line in report.findings[0].because)

    assert top(report) == "host-memory-overcommitted"
    assert "the guests held 7.4 GiB (95%)" in proof
    assert "2 QEMU with 9.9 GiB of address space on a host of 7.8 GiB" in proof
    assert "memory-fragmented" in refuted(report)


def test_what_is_no_log_is_no_health() -> None:
    report = why({"notes.txt": "\x00\x01 nothing that anybody wrote\n" * 40})

    assert report.verdict == "undetermined"
    assert "no line of it is written as a log that kvmedic knows" in str(report.undetermined)


def test_what_a_lower_zone_keeps_for_atomic_requests_is_no_block_for_a_fork() -> None:
    """4.4: large blocks lie in DMA, behind its reserve, and in DMA32, where only the letter H tells it."""
    text = syslog(
        "qemu-system-x86 invoked oom-killer: gfp_mask=0x26000c0, order=2, oom_score_adj=0\n"
        "qemu-system-x86 cpuset=emulator mems_allowed=0\n"
        "CPU: 15 PID: 3052 Comm: qemu-system-x86 Not tainted 4.4.0-62-generic #83-Ubuntu\n"
        "Mem-Info:\n"
        "Node 0 DMA free:13000kB min:8kB low:8kB high:12kB present:15992kB managed:15900kB\n"
        "lowmem_reserve[]: 0 1700 64000 64000 64000\n"
        "Node 0 DMA32 free:251000kB min:1200kB low:1500kB high:1800kB present:1920000kB managed:1839000kB\n"
        "lowmem_reserve[]: 0 0 62000 62000 62000\n"
        "Node 0 Normal free:133000kB min:43000kB low:54000kB high:65000kB managed:63960000kB\n"
        "lowmem_reserve[]: 0 0 0 0 0\n"
        "Node 0 DMA: 0*4kB 0*8kB 3*16kB (U) 0*32kB 2*64kB (U) 2*2048kB (UM) 2*4096kB (M) = 12464kB\n"
        "Node 0 DMA32: 2000*4kB (UME) 3500*8kB (UME) 9000*16kB (UMEH) 2000*32kB (UMH) = 244000kB\n"
        "Node 0 Normal: 32000*4kB (UMEH) 600*8kB (UMEH) 0*16kB 0*32kB 0*64kB = 132800kB\n"
        "Out of memory: Kill process 3052 (qemu-system-x86) score 29 or sacrifice child\n"
        "Killed process 3052 (qemu-system-x86) total-vm:9407552kB, anon-rss:3633120kB, file-rss:17832kB\n"
    )

    assert top(why(text)) == "memory-fragmented"


def test_a_page_fault_that_found_no_memory_proves_no_shortage_where_no_zone_is_dry() -> None:
    """Up to 5.15 a fault that a cgroup refused called the OOM killer of the host, too, without a mask."""
    text = oom(
        (FIRST, SECOND, SMALL), (Zone("Normal", 95, 33, 15900, 15900, 0, ((0, 24000, "UME"),)),), age="3.10"
    )

    report = why(syslog(text.replace("gfp_mask=0x200da", "gfp_mask=0x0")))

    assert report.findings[0].confidence < 0.6
