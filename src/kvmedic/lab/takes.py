"""Runs scenarios one after the other on a disposable host, and keeps the take of each."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterator, Sequence

from kvmedic.errors import ActionError, KvmedicError
from kvmedic.lab.bed import Bed
from kvmedic.lab.here import make_takes_here
from kvmedic.lab.kernel import Kernel, find_kernel
from kvmedic.lab.nested_host import NestedHost
from kvmedic.lab.nested_qemu import NestedWish
from kvmedic.lab.record import record_after, record_before
from kvmedic.lab.scenario import Bench, Scenario
from kvmedic.lab.stage import Stage, boot_of
from kvmedic.lab.take import BootLog, Take

Say = Callable[[str], None]
Rows = list[tuple[Scenario, int]]
START_S = 40
"""The start of a nested host and its first QEMU, on two CPUs under software emulation."""
ALWAYS = ("log_buf_len=4M",)
WISHES: dict[Bench, NestedWish] = {
    "plain": NestedWish(memory_mib=1152, data_mib=500, kernel_words=ALWAYS),
    "two-nodes": NestedWish(memory_mib=1152, numa_nodes=2, kernel_words=ALWAYS),
    "swap": NestedWish(memory_mib=896, swap_mib=1024, kernel_words=ALWAYS),
    "verbose-console": NestedWish(memory_mib=896, kernel_words=(*ALWAYS, "loglevel=8")),
}


def make_takes(
    wanted: Sequence[tuple[Scenario, int]], kernel_release: str | None, say: Say
) -> Iterator[Take]:
    """One take for each (scenario, variant), those of one bench on one host where they leave it usable."""
    here = [row for row in wanted if row[0].bench == "here"]
    yield from make_takes_here(here, os.uname().release, say)
    kernel = find_kernel(kernel_release)
    for bench in WISHES:
        rows = [(scenario, variant) for scenario, variant in wanted if scenario.bench == bench]
        rows.sort(key=lambda row: row[0].ends_host)
        while rows:
            rows = yield from _on_one_host(rows, bench, kernel, say)


def _on_one_host(rows: Rows, bench: Bench, kernel: Kernel, say: Say) -> Generator[Take, None, Rows]:
    """Runs until a scenario fails or ends the host; what remains is for another host."""
    with Bed() as bed:
        started = time.monotonic()
        host = NestedHost(bed, WISHES[bench], kernel=kernel)
        host.wait_until_up(timeout_s=300)
        say(
            f"bed {bed.ledger.bed_id}: {kernel.release}, {bench}, up after {time.monotonic() - started:.0f} s"
        )
        boot = boot_of(host)
        while rows:
            scenario, variant = rows.pop(0)
            try:
                take = run_once(host, scenario, variant, boot, say)
                yield take
                boot = take.boots[-1]
            except KvmedicError as error:
                say(f"{scenario.id}.{variant}: FAILED {error.message}")
                return rows
    return rows


def run_once(host: NestedHost, scenario: Scenario, variant: int, boot: BootLog, say: Say) -> Take:
    """Bring one failure about and record it; the host is cleared for the next one.

    ``boot`` is the present boot with the kernel's words while it started, read before any scenario ran.
    """
    started = time.monotonic()
    stage = Stage(host, variant, boot, say)
    record_before(stage)
    scenario.bring_about(stage)
    segment = stage.log() if not stage.ended else ""
    record_after(stage, is_full=scenario.needs_full_record)
    take = Take(
        scenario=scenario.id,
        variant=variant,
        kernel=host.kernel.release,
        host=host.name,
        boots=(*stage.ended, stage.boot.told(segment, "running")),
        files=stage.files,
    )
    say(f"{scenario.id}.{variant}: {time.monotonic() - started:.0f} s, {len(segment)} bytes of log")
    try:
        stage.clear()
    except ActionError as error:
        say(f"{scenario.id}.{variant}: not cleared: {error.message}")
    return take
