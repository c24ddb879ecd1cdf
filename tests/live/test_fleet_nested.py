"""Moves and a reboot between hosts with kernels of their own: what they give back is what was promised.

Slow under emulation (about ten minutes), so they run with ``make lab``.
"""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.live.kvmedic_command import KVMEDIC

from kvmedic.lab.bed import Bed
from kvmedic.lab.board import Board
from kvmedic.lab.domain_xml import GuestWish
from kvmedic.lab.fleet import Fleet, NestedFleetHost, policy_file
from kvmedic.lab.guest import Guest, start_guest

pytestmark = [pytest.mark.lab, pytest.mark.timeout(3600)]
FORECAST_PERCENT = 10.0


class NestedPlace:
    """Two nested hosts, one guest with fragmented memory and an inflated balloon, and an operator beside."""

    def __init__(self, bed: Bed) -> None:
        self.folder = bed.folder
        self.fleet = Fleet(bed)
        self.a = NestedFleetHost(self.fleet, "na", memory_mib=2560)
        self.b = NestedFleetHost(self.fleet, "nb", memory_mib=2560, without_cpu=("avx2",))
        for host in (self.a, self.b):
            host.wait_until_up(timeout_s=600)
            host.guest_image()
        self.guest = self._guest()
        self.policy = policy_file(bed.folder, (self.a, self.b), cooldown_s="0.0")

    def _guest(self) -> Guest:
        guest = start_guest(self.a, "frag", GuestWish(memory_mib=1024, orders=("punch 600",)))
        guest.wait_until_ready(timeout_s=900)
        guest.set_balloon(760, timeout_s=600)
        return guest

    def kvmedic(self, *words: str) -> subprocess.CompletedProcess[str]:
        """The command as the operator runs it."""
        return self.fleet.run([str(KVMEDIC), *words, "--policy", str(self.policy)], timeout_s=1800)

    def apply(self, host: NestedFleetHost, remedy: str, *words: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """The plan, and the verification of its run."""
        path = self.folder / f"{remedy}-{time.monotonic_ns()}.json"
        target = f"ssh://root@{host.host_address}"
        planned = self.kvmedic("plan", target, "--remedy", remedy, "-o", str(path), *words)
        assert planned.returncode == 0, planned.stderr
        done = self.kvmedic("apply", str(path), "--yes")
        run = re.findall(r"run-[0-9a-f]{8}", done.stdout)
        assert run, done.stderr
        listed = self.fleet.run([str(KVMEDIC), "runs", run[0], "--json"]).stdout
        verified = [line for line in json.loads(listed)[run[0]] if line["type"] == "verified"]
        assert verified, done.stdout + done.stderr
        return json.loads(path.read_text()), verified[-1]["verification"]


@pytest.fixture(scope="module")
def place() -> Iterator[NestedPlace]:
    with ExitStack() as stack:
        yield NestedPlace(stack.enter_context(Bed()))


def test_a_move_gives_back_what_was_promised(place: NestedPlace) -> None:
    """The stranded memory comes back with the guest's own, within 10 % of the forecast."""
    _, verified = place.apply(place.a, "migrate-domain", "--domain", place.guest.name)

    assert verified["helped"] == "improved"
    assert abs(verified["error_percent"]) <= FORECAST_PERCENT
    assert place.guest.name in place.b.virsh("list", "--name")


def test_a_guest_larger_than_what_is_left_is_refused(place: NestedPlace, tmp_path: Path) -> None:
    """The destination has room for what the guest holds now, but not for its maximum."""
    host, other = (
        (place.a, place.b) if place.guest.name in place.a.virsh("list", "--name") else (place.b, place.a)
    )
    other.run_or_fail(
        "mkdir -p /run/full && mount -t tmpfs -o size=2g full /run/full && "
        "head -c 1400M /dev/zero > /run/full/it",
        timeout_s=600,
    )
    try:
        target = f"ssh://root@{host.host_address}"
        done = place.kvmedic("plan", target, "--remedy", "migrate-domain", "--domain", place.guest.name)
    finally:
        other.run_or_fail("umount /run/full")

    assert done.returncode == 10
    assert "has room for" in done.stderr


def test_a_host_is_emptied_rebooted_and_comes_back_tidy(place: NestedPlace) -> None:
    """Another boot id, no cordon left, the guest elsewhere, and the free memory in whole blocks."""
    host, other = (
        (place.a, place.b) if place.guest.name in place.a.virsh("list", "--name") else (place.b, place.a)
    )
    before = host.boot_id()

    plan, verified = place.apply(host, "reboot-host")

    assert host.boot_id() != before
    assert host.run("test -e /run/kvmedic/cordon").returncode == 1
    assert place.guest.name in other.virsh("list", "--name")
    forecast = plan["option"]["forecast"]["contiguous_blocks"]
    assert forecast["low"] <= verified["measured_blocks"] <= forecast["high"]


def test_guests_come_home_after_a_reboot_by_the_controller(place: NestedPlace) -> None:
    """Everybody away, the button pressed by Redfish, healthy, uncordoned, and the guest back and alive."""
    host, other = place.a, place.b
    assert place.guest.name in host.virsh("list", "--name")
    place.policy = policy_file(place.folder, (other, host), cooldown_s="0.0")
    board = Board(place.fleet, host, "redfish")
    place.policy.write_text(place.policy.read_text() + board.policy_text())
    before = host.boot_id()

    _, verified = place.apply(host, "reboot-host", "--bring-home", "--via", "redfish")

    assert board.pressed() == 1
    assert host.boot_id() != before
    assert host.run("test -e /run/kvmedic/cordon").returncode == 1
    assert place.guest.name in host.virsh("list", "--name")
    assert place.guest.name not in other.virsh("list", "--all", "--name")
    assert place.guest.agent.ask("ping").status == 0
    assert verified["after"]["huge_blocks_free"] is not None


def test_a_destination_with_another_cpu_takes_no_guest_that_needs_its_own(place: NestedPlace) -> None:
    """One host has AVX2 and the other one has not: libvirt there says so, before anything is begun."""
    with start_guest(place.a, "avx", GuestWish(memory_mib=64)) as guest:
        xml = place.a.virsh("dumpxml", "--inactive", guest.name)
        cpu = "<cpu mode='custom' match='exact' check='partial'><model fallback='forbid'>qemu64</model>"
        feature = "<feature policy='require' name='avx2'/></cpu>"
        place.a.virsh("destroy", guest.name)
        path = place.a.put("avx.xml", re.sub(r"<cpu .*?</cpu>", cpu + feature, xml, flags=re.DOTALL).encode())
        place.a.virsh("define", str(path))
        place.a.virsh("start", guest.name)
        target = f"ssh://root@{place.a.host_address}"
        done = place.kvmedic("plan", target, "--remedy", "migrate-domain", "--domain", guest.name)

    assert done.returncode == 10, done.stderr
    assert "cannot give it this CPU" in done.stderr
