"""Runs scenarios one after the other on a disposable host, and keeps the take of each."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterator, Sequence

import msgspec

from kvmedic.errors import ActionError, KvmedicError
from kvmedic.lab.bare import BareStage
from kvmedic.lab.bed import Bed
from kvmedic.lab.domain_xml import GuestWish
from kvmedic.lab.guest import start_guest
from kvmedic.lab.here import make_takes_here
from kvmedic.lab.kernel import Kernel, find_kernel
from kvmedic.lab.nested_host import NestedHost
from kvmedic.lab.nested_qemu import NestedWish
from kvmedic.lab.record import record_after, record_before
from kvmedic.lab.scenario import Bench, Scenario
from kvmedic.lab.stage import Stage, boot_of
from kvmedic.lab.take import CALM, Take
from kvmedic.model.record import Record

Say = Callable[[str], None]
Rows = list[tuple[Scenario, int]]
START_S = 40
"""The start of a nested host and its first QEMU, on two CPUs under software emulation."""
BARE_MIB = 512
ALWAYS = ("log_buf_len=4M",)
WISHES: dict[Bench, NestedWish] = {
    "plain": NestedWish(memory_mib=800, data_mib=500, kernel_words=ALWAYS),
    "roomy": NestedWish(memory_mib=1792, kernel_words=ALWAYS),
    "two-nodes": NestedWish(memory_mib=896, numa_nodes=2, kernel_words=ALWAYS),
    "swap": NestedWish(memory_mib=640, swap_mib=1024, kernel_words=ALWAYS),
    "verbose-console": NestedWish(memory_mib=640, kernel_words=(*ALWAYS, "loglevel=8")),
}


class How(Record, frozen=True, kw_only=True):
    """On which kernel, and with what beside the failure."""

    kernel: Kernel
    has_calm_guest: bool
    has_libvirt: bool
    keeps_host: bool


def make_takes(
    wanted: Sequence[tuple[Scenario, int]],
    kernel_release: str | None,
    say: Say,
    *,
    has_calm_guest: bool = False,
    has_libvirt: bool = True,
    keeps_host: bool = False,
) -> Iterator[Take]:
    """One take for each (scenario, variant), those of one bench on one host where they leave it usable.

    ``has_calm_guest``: beside each failure a guest with an inflated balloon that has nothing to do with it.
    Without libvirt it is quicker; for failures of the kernel libvirt plays no part.
    ``keeps_host``: take only the first one; its host runs on as it is.
    """
    here = [row for row in wanted if row[0].bench == "here"]
    yield from make_takes_here(here, os.uname().release.partition("-")[0], say)
    kernel = find_kernel(kernel_release)
    for bench, wish in WISHES.items():
        rows = [(scenario, variant) for scenario, variant in wanted if scenario.bench == bench]
        rows.sort(key=lambda row: row[0].ends_host)
        while rows:
            how = How(
                kernel=kernel,
                has_calm_guest=has_calm_guest,
                has_libvirt=has_libvirt,
                keeps_host=keeps_host,
            )
            rows = yield from _on_one_host(rows, wish, how, say)


def _on_one_host(rows: Rows, wish: NestedWish, how: How, say: Say) -> Generator[Take, None, Rows]:
    """Runs until the host is of no use any more; what remains is for another host."""
    with Bed() as bed:
        started = time.monotonic()
        if not how.has_libvirt:
            wish = msgspec.structs.replace(wish, has_libvirt=False, memory_mib=BARE_MIB)
        host = NestedHost(bed, wish, kernel=how.kernel)
        host.wait_until_up(timeout_s=300)
        say(f"bed {bed.ledger.bed_id}: {how.kernel.release}, up after {time.monotonic() - started:.0f} s")
        boot = boot_of(host)
        if how.has_calm_guest:
            _start_calm_guest(host)
        while rows:
            scenario, variant = rows.pop(0)
            stage = (Stage if how.has_libvirt else BareStage)(host, variant, boot, say)
            try:
                take = run_once(stage, scenario)
                if how.keeps_host:
                    say(f"kept: kvmedic lab clean {bed.ledger.bed_id} takes it away; it is in {host.folder}")
                    bed.keep()
                yield take
            except KvmedicError as error:
                say(f"{scenario.id}.{variant}: FAILED {error.message}")
            boot = stage.boot
            if not _is_usable(stage):
                return rows
    return rows


def _start_calm_guest(host: NestedHost) -> None:
    """A guest that is content with what its balloon leaves."""
    wish = GuestWish(memory_mib=256, orders=("contiguous 120",))
    guest = start_guest(host, CALM, wish)
    guest.wait_until_ready(timeout_s=300)
    guest.set_balloon(170, timeout_s=200)


def _is_usable(stage: Stage) -> bool:
    """Clear the stage; whether its host answers and is still in the boot that we know."""
    try:
        stage.clear()
        return stage.host.boot_id() == stage.boot.boot_id
    except (ActionError, OSError) as error:
        stage.say(f"the host is of no use any more: {error}")
        return False


def run_once(stage: Stage, scenario: Scenario) -> Take:
    """Bring one failure about and record it. Raises ActionError when it does not come about."""
    started = time.monotonic()
    record_before(stage)
    scenario.bring_about(stage)
    segment = stage.log() if not stage.ended else ""
    record_after(stage, is_full=scenario.needs_full_record)
    stage.say(
        f"{scenario.id}.{stage.variant}: {time.monotonic() - started:.0f} s, {len(segment)} bytes of log"
    )
    return Take(
        scenario=scenario.id,
        variant=stage.variant,
        kernel=stage.host.kernel.release,
        made_on="qemu" if isinstance(stage, BareStage) else "libvirt",
        host=stage.host.name,
        boots=(*stage.ended, stage.boot.told(segment, "running")),
        files=stage.files,
    )
