"""Is stranded memory what we say? Four witnesses on real guests, on this kernel and in a nested host.

Run as root:  python benchmarks/stranded_truth.py [--only here|nested] [--kernel RELEASE] [--json FILE]
The witnesses: the page map (by physical folio), the LRU account of the domain's cgroup, the kernel's counter
of partially mapped huge pages, and the bytes that a release gives back (fall of the cgroup's usage).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kvmedic.lab.bed import Bed
from kvmedic.lab.domain_xml import Backing, GuestWish
from kvmedic.lab.guest import Guest, GuestHost, start_guest
from kvmedic.lab.kernel import find_kernel
from kvmedic.lab.libvirt_host import LibvirtHost
from kvmedic.lab.nested_host import NestedHost
from kvmedic.lab.nested_qemu import NestedWish

MEASURE = Path(__file__).with_name("stranded_measure.py")
MIB = 1 << 20
Result = dict[str, Any]
Measurer = Callable[[int, bool], Result]

PUNCHED = GuestWish(memory_mib=1024, orders=("punch 600",))
CASES: dict[str, GuestWish] = {
    "fragmented": PUNCHED,
    "refaulted": PUNCHED,
    "file cache": GuestWish(memory_mib=1024, orders=("punch 600", "cache 150"), disk_mib=300),
    "contiguous": GuestWish(memory_mib=1024, orders=("contiguous 700",)),
    "shared RAM": GuestWish(memory_mib=1024, orders=("punch 600",), backing=Backing.MEMFD),
}
INFLATED_TO_MIB = 760


def here(pid: int, is_releasing: bool) -> Result:
    """Measure a QEMU of this machine."""
    done = subprocess.run(
        [sys.executable, str(MEASURE), str(pid), *(["--release"] if is_releasing else [])],
        capture_output=True,
        text=True,
        check=True,
    )
    result: Result = json.loads(done.stdout)
    return result


def inside(host: NestedHost) -> Measurer:
    """Measure a QEMU of a nested host, with that host's kernel."""

    def measurer(pid: int, is_releasing: bool) -> Result:
        words = [sys.executable, str(MEASURE), str(pid), *(["--release"] if is_releasing else [])]
        result: Result = json.loads(host.run_or_fail(words, timeout_s=240))
        return result

    return measurer


def examine(host: GuestHost, case: str, measurer: Measurer, label: str) -> Result:
    """Start a guest, measure, inflate, measure, release, measure; the guest is gone afterwards."""
    started = time.monotonic()
    with start_guest(host, label, CASES[case]) as guest:
        guest.wait_until_ready(timeout_s=400)
        before = measurer(guest.pid, False)
        guest.set_balloon(INFLATED_TO_MIB, timeout_s=400)
        if case == "refaulted":
            use_again(guest)
        time.sleep(2)
        buddies = guest.agent.ask_or_fail("sh cat /proc/buddyinfo").lines
        result = measurer(guest.pid, True)
    result |= {
        "case": case,
        "uninflated": before,
        "guest_buddyinfo": buddies,
        "took_s": round(time.monotonic() - started, 1),
    }
    return result


def use_again(guest: Guest) -> None:
    """Deflate, and let the guest touch what it gave away: new pages come, the old folios still strand."""
    guest.set_balloon(CASES["refaulted"].memory_mib, timeout_s=400)
    guest.agent.ask_or_fail("touch 600", timeout_s=400)


def row(result: Result) -> str:
    """One line of the table, MiB."""
    before, after = result["before"], result["after"]
    counter = before["kernel_counter_blocks"]
    grown = "-" if counter is None else counter - result["uninflated"]["before"]["kernel_counter_blocks"]
    figures = (
        result["page_map"],
        before["lru_account"],
        before["usage"] - after["usage"],
        after["mem_free"] - before["mem_free"],
        result["virtual_blocks"],
        before["usage"] - before["rss"],
    )
    numbers = "".join(f"{figure / MIB:10.1f}" for figure in figures)
    place = f"{result['kernel'].split('-')[0]} v{result['cgroup']}"
    return (
        f"{place:20}{result['case']:12}{numbers}{result['page_map_blocks']:8}{grown!s:>8}"
        f"{result['release']['seconds']:8.2f}{(after['file_cache'] - before['file_cache']) / MIB:9.1f}"
        f"{(after['rss'] - before['rss']) / MIB:8.1f}{(after['anon_huge'] - before['anon_huge']) / MIB:8.1f}"
    )


HEADER = (
    f"{'kernel':20}{'case':12}{'page map':>10}{'LRU':>10}{'released':>10}{'MemFree+':>10}{'virtual':>10}"
    f"{'usage-RSS':>10}{'folios':>8}{'counter':>8}{'s':>8}{'cache+':>9}{'RSS+':>8}{'THP+':>8}"
)


def run_here(results: list[Result], cases: list[str]) -> None:
    """All cases on this machine's kernel."""
    with Bed() as bed:
        host = LibvirtHost(bed)
        for number, case in enumerate(cases):
            report(results, examine(host, case, here, f"case{number}"))


def run_nested(results: list[Result], cases: list[str], kernel: str | None) -> None:
    """All cases in a nested host."""
    with Bed() as bed:
        wish = NestedWish(memory_mib=3072, data_mib=2048)
        host = NestedHost(bed, wish, kernel=find_kernel(kernel))
        host.wait_until_up()
        for number, case in enumerate(cases):
            report(results, examine(host, case, inside(host), f"case{number}"))


def report(results: list[Result], result: Result) -> None:
    """Show a row as soon as it is known."""
    results.append(result)
    print(row(result), flush=True)


def main() -> None:
    """Run what was asked for, print the table, save the readings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=("here", "nested"))
    parser.add_argument("--case", choices=list(CASES), action="append", help="may be given several times")
    parser.add_argument("--kernel", help="for the nested host: an installed kernel that begins so")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    results: list[Result] = []
    cases = arguments.case or list(CASES)
    print("MiB unless said otherwise\n" + HEADER, flush=True)
    if arguments.only != "nested":
        run_here(results, cases)
    if arguments.only != "here":
        run_nested(results, cases, arguments.kernel)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
