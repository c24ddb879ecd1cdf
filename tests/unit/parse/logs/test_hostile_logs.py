"""Whatever stands in a log: bounded time and memory, and a clear result."""

from __future__ import annotations

import random
import re
import time
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from log_samples import OOM_3_2_MEMCG, OOM_6_1, dmesg, read, syslog

from kvmedic.model.log_event import HardwareError, KernelFault, OomReport
from kvmedic.parse.logs import read_events
from kvmedic.parse.logs.patterns import PATTERNS
from kvmedic.parse.logs.report import KEPT_LINE_CHARACTERS, KEPT_LINES

MIB = 1 << 20
WORDS = sorted({word for line in (OOM_6_1 + OOM_3_2_MEMCG).splitlines() for word in line.split(" ")})


@settings(deadline=None)
@given(st.binary(max_size=4000))
def test_any_bytes_are_read(raw: bytes) -> None:
    assert read(raw).bytes_total == len(raw)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.sampled_from(WORDS), st.sampled_from(["\n", "\x1e", "\x00", "[", "] "]), st.text(max_size=9)
        )
    )
)
def test_any_mixture_of_the_words_of_reports_is_read(words: list[str]) -> None:
    text = " ".join(words).encode("utf-8", "replace")

    assert read(text).events == read(text, chunk=7).events


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_report_with_bytes_changed_anywhere_is_read(data: st.DataObject) -> None:
    raw = bytearray(syslog(OOM_6_1).encode())
    for _ in range(data.draw(st.integers(1, 20))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))

    assert read(bytes(raw)).bytes_total == len(raw)


@pytest.mark.parametrize(
    "prefix", [b'{"MESSAGE":', b'{"MESSAGE":[', b"__CURSOR=x\n", b"Panic#1 Part1\n", b"\x1e1 2 3 "]
)
@settings(deadline=None, max_examples=60)
@given(rest=st.binary(max_size=500))
def test_any_bytes_behind_the_beginning_of_a_format_are_read(prefix: bytes, rest: bytes) -> None:
    assert read(prefix + rest).bytes_total == len(prefix + rest)


def test_escape_sequences_are_kept_in_the_proof_and_not_in_the_facts() -> None:
    reading = read("[  1.000000] \x1b[31mkernel BUG at \x1b[0mmm/slub.c:1!\n")

    (fault,) = reading.events
    assert isinstance(fault, KernelFault)
    assert fault.reason == "kernel BUG at mm/slub.c:1!"
    assert "\x1b[31m" in fault.lines[0].text


def test_invalid_utf_8_and_nul_bytes_are_kept_visible() -> None:
    (fault,) = read(b"[  1.000000] kernel BUG at \xff\x00x.c:1!\n").events

    assert "\\xff" in fault.lines[0].text


def chunks_of(line: bytes, times: int) -> Iterator[bytes]:
    """One line many times, in chunks of about a MiB."""
    piece = line * max(1, MIB // len(line))
    for _ in range(times * len(line) // len(piece)):
        yield piece


def test_a_header_repeated_a_hundred_thousand_times_is_counted_and_bounded() -> None:
    line = (
        b"[  1.000000] CPU 0/KVM invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0\n"
    )
    begin = time.monotonic()

    reading = read_events("kern.log", chunks_of(line, 100_000))

    assert reading.counts["oom-report"] == reading.lines_total
    assert reading.lines_total > 90_000
    assert len(reading.events) <= 1000
    assert reading.events_not_kept == reading.lines_total - len(reading.events)
    assert time.monotonic() - begin < 20


def test_the_last_reports_of_a_storm_are_read_in_full() -> None:
    storm = syslog(OOM_6_1)

    reading = read_events("kern.log", (storm.encode() for _ in range(2600)))

    reports = [event for event in reading.events if isinstance(event, OomReport)]
    assert reading.counts == {"oom-report": 2600}
    assert [report.lines[0].line_number for report in (reports[0], reports[-1])] == [1, 2599 * 45 + 1]
    assert all(report.mem_info is not None and report.is_complete for report in (reports[0], reports[-1]))


def test_an_uncorrected_error_in_a_flood_of_corrected_ones_is_not_lost() -> None:
    corrected = (
        "[  1.000000] EDAC MC0: 1 CE memory read error on DIMM_A1 (channel:1 page:0x12a offset:0x40)\n"
        * 40_000
    )
    uncorrected = (
        "[  2.000000] EDAC MC0: 1 UE memory read error on DIMM_A1 (channel:1 page:0x12a offset:0x40)\n"
    )

    reading = read(corrected + uncorrected + corrected)

    assert reading.counts == {"hardware-error": 80_001}
    assert [event.severity for event in reading.events if isinstance(event, HardwareError)].count(
        "uncorrected"
    ) == 1
    assert reading.events[-1].lines[0].line_number == 80_001


def test_a_line_of_a_hundred_megabytes_is_cut() -> None:
    tracemalloc.start()
    noise = (b"x" * MIB for _ in range(100))

    def chunks() -> Iterator[bytes]:
        yield b"[  1.000000] kernel BUG at "
        yield from noise
        yield b"\n[  2.000000] Kernel panic - not syncing: after it\n"

    reading = read_events("kern.log", chunks())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert [event.kind for event in reading.events if isinstance(event, KernelFault)] == ["bug", "panic"]
    assert reading.lines_cut == 1
    assert len(reading.events[0].lines[0].text) == KEPT_LINE_CHARACTERS
    assert peak < 30 * MIB


def test_the_zeros_that_a_reset_left_do_not_hide_the_line_behind_them() -> None:
    text = b"[  9.000000] usb 1-1: x\n" + b"\x00" * 300_000 + b"[  0.000000] Linux version 6.1.0 (x)\n"

    reading = read(text)

    assert [boot.kernel_release for boot in reading.boots] == [None, "6.1.0"]
    assert reading.boots[0].has_shutdown is False


@pytest.mark.parametrize(
    "fragment",
    [
        "oom-kill:constraint=A,nodemask=,cpuset=a,task_memcg=/,task=", "type=1701 pid=1 comm=",
        "fsfreeze thaw backup of vm ", "server x not responding, still trying ", "kvm_init_vcpu x ",
        "stonith reboot node Operation reboot targeting a ", "EDAC MC0: 1 CE on ", "Killed process 1 (a",
        "invoked oom-killer: gfp_mask=0x1(", "mc_event: 1 Corrected error on ", "UPID:a:B:C:D:qmstart:1:",
        "BTRFS (device a errno=-28 ", "XFS: a( possible memory allocation deadlock ", "&lt;invoked oom",
        "> [ 1.0] possible memory ", "Process 1 (a of user 1 dumped core", "a.scope: by the OOM killer",
    ],
)  # fmt: skip
def test_long_lines_made_of_the_beginnings_of_patterns_are_read_quickly(fragment: str) -> None:
    line = fragment * (64 * 1024 // len(fragment)) + "\n"
    begin = time.process_time()

    reading = read(line * 20)

    assert reading.lines_total == 20
    assert (time.process_time() - begin) / 20 < 0.1


@pytest.mark.parametrize(
    "endless",
    [
        b"__CURSOR=a\n" + b"A=b\n" * (512 << 10),
        b"__CURSOR=a\n" + b"\n" * (8 << 20),
        b"__CURSOR=a\nMESSAGE\n" + (1 << 40).to_bytes(8, "little") + b"\n\n" * (1 << 20),
    ],
    ids=["one entry", "empty lines", "a length that is a lie"],
)
def test_an_export_that_does_not_end_its_entries_is_bounded(endless: bytes) -> None:
    tracemalloc.start()
    begin = time.process_time()

    reading = read(endless)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert reading.bytes_total == len(endless)
    assert time.process_time() - begin < 15
    assert peak < 30 * MIB


def test_random_bytes_are_read_at_once() -> None:
    generator = random.Random(1)
    begin = time.monotonic()

    reading = read_events("kern.log", (generator.randbytes(MIB) for _ in range(16)))

    assert reading.bytes_total == 16 * MIB
    assert time.monotonic() - begin < 10


def test_a_task_table_without_end_keeps_the_largest() -> None:
    rows = "".join(
        f"[{pid:7d}]   107 {pid:5d}     1000 {pid:8d}    8192        0             0 qemu-{pid}\n"
        for pid in range(1, 5000)
    )
    text = OOM_6_1.replace("[    612]", rows + "[    612]")

    (report,) = read(dmesg(text)).events

    assert isinstance(report, OomReport)
    assert report.tasks_total == 5002
    assert len(report.tasks) == 64
    assert report.tasks[0].rss_pages == 8401202
    assert len(report.lines) <= KEPT_LINES


def test_there_are_at_least_sixty_kinds_of_patterns_and_none_crosses_lines() -> None:
    negated = [found for _, pattern in PATTERNS for found in re.findall(rb"\[\^[^\]]*\]", pattern)]

    assert len(PATTERNS) >= 60
    assert all(b"\\n" in found for found in negated)
    assert not any(b"\\s" in pattern for _, pattern in PATTERNS)
