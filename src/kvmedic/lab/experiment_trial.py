"""The place of one experiment: a stage whose guests are heard, and kvmedic run as by an operator."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec

from kvmedic.errors import ActionError
from kvmedic.lab.bed import Bed
from kvmedic.lab.domain_xml import GuestWish
from kvmedic.lab.experiment_hosts import KVMEDIC, PATIENCE_S, OtherHost, PatientHost, pair_of_hosts
from kvmedic.lab.guest import Guest, start_guest
from kvmedic.lab.here import HereStage
from kvmedic.lab.kernel import find_kernel
from kvmedic.lab.libvirt_host import LibvirtHost
from kvmedic.lab.measure import Pulse, read_host
from kvmedic.lab.nested_host import NestedHost
from kvmedic.lab.nested_qemu import NestedWish
from kvmedic.lab.nested_shell import Finished
from kvmedic.lab.results import Ground, Reading
from kvmedic.lab.scenario import Scenario
from kvmedic.lab.stage import Stage, boot_of
from kvmedic.lab.takes import WISHES


class Trial:
    """One experiment under way. ``guest`` is the last one that was started; the load is on it."""

    def __init__(self, bed: Bed, stage: Stage, ground: Ground, host: NestedHost | LibvirtHost) -> None:
        self.bed, self.stage, self.ground, self.host = bed, stage, ground, host
        self.home = host
        self.other: OtherHost | None = None
        self.began_s = time.monotonic()
        self.guests: list[Guest] = []
        self.pulses: list[Pulse] = []
        self.ends = ExitStack()
        self.calm: Reading | None = None
        self.label = ""
        self.target_mib = 0
        self.notes: list[str] = []
        self.pictures: dict[str, str] = {}
        self.state = Path("/tmp/kvmedic-state") if ground == "nested" else bed.folder / "state"  # noqa: S108

    @property
    def plan_file(self) -> str:
        """Where the plan of a remedy is written, as kvmedic sees it."""
        return f"{self.state}.plan.json"

    def journal(self) -> str:
        """What kvmedic noted of its runs."""
        return self.sh(f"cat {self.state}/runs/*.jsonl")

    @property
    def guest(self) -> Guest:
        """The guest that the load is on."""
        return self.guests[-1]

    def sh(self, text: str) -> str:
        """A shell text on the host."""
        return self.stage.sh(text, timeout_s=PATIENCE_S)

    def read(self) -> Reading:
        """The host and the guests now."""
        return read_host(self.sh, [guest.name for guest in self.guests], self.began_s)

    def kvmedic(self, *words: str) -> Finished:
        """The command as an operator of that host runs it; what it records is this experiment's own."""
        argv = ["env", f"KVMEDIC_STATE={self.state}", "NO_COLOR=1", str(KVMEDIC), *words]
        done = self.host.run(argv, timeout_s=PATIENCE_S)
        return Finished(returncode=done.returncode, stdout=done.stdout, stderr=done.stderr)

    def picture(self) -> str:
        """The map of the host's physical memory now, as SVG; empty where it cannot be drawn."""
        path = f"{self.state}.svg"
        done = self.kvmedic("map", "--full", "--svg", path)
        return "" if done.returncode else self.sh(f"cat {path}")

    def adopt(self, label: str, guest: Guest) -> None:
        """A guest is ready: let it count seconds, listen, and read how calm looks."""
        guest.agent.ask_or_fail("count")
        self.guests.append(guest)
        self.label = label
        places = [self._console(guest)] if self.other is None else self.other.consoles(guest)
        pulse = Pulse(*places)
        self.pulses.append(self.ends.enter_context(pulse))
        self.calm = self.read()

    def beat_again(self) -> None:
        """After a new start of the guest its agent must be told anew."""
        self.guest.agent.wait_until_up(timeout_s=300)
        self.guest.agent.ask_or_fail("count")

    def start_again(self) -> None:
        """Start the same guest anew on a host that lost it; it listens to the same console."""
        self.guests[-1] = start_guest(self.guest.host, self.label, self.guest.wish)
        self.guest.wait_until_ready(timeout_s=300)

    def look_at(self, host: NestedHost | LibvirtHost) -> None:
        """Read and command this host from now on."""
        self.host = host
        self.stage.host = host  # type: ignore[assignment]

    def follow(self) -> None:
        """Go on where the guest is now, if it went to another host."""
        if self.other is not None and (moved := self.other.moved(self.guest)) is not None:
            self.guests[-1] = moved
            self.look_at(self.other.host)

    def read_destination(self) -> Reading | None:
        """The host that the guest went to, if it did."""
        if self.other is None or self.other.moved(self.guest) is None:
            return None
        return read_host(self.other.sh, [self.guest.name], self.began_s)

    def _console(self, guest: Guest) -> Path:
        if isinstance(self.host, NestedHost):
            return self.host.exchange / guest.console_file.name
        return guest.console_file


class _Watching(Stage):
    """A stage that hands each guest to its trial when it is ready."""

    trial: Trial

    def lively(self, label: str, wish: GuestWish) -> Guest:
        """As in ``Stage``; the trial listens to it."""
        guest = super().lively(label, wish)
        self.trial.adopt(label, guest)
        return guest


class _NestedStage(_Watching):
    """On a nested host."""


class _HereStage(_Watching, HereStage):
    """On a private libvirt of this machine."""

    def __init__(self, libvirt: LibvirtHost, *rest: Any) -> None:
        super().__init__(libvirt, *rest)
        self.host = libvirt  # type: ignore[assignment]


SAFE_HERE = ("stranded", "over-inflated")
"""Scenarios that change nothing of this machine outside their own guest."""


ROOM_MIB = 1152
"""kvmedic runs on the host itself: in less memory, it would be what is measured."""


def roomy(wish: NestedWish) -> NestedWish:
    """A bench with that much memory, or more; takes, which run nothing but the failure, do with less."""
    return msgspec.structs.replace(wish, memory_mib=max(wish.memory_mib, ROOM_MIB))


def open_trial(
    bed: Bed,
    scenario: Scenario,
    *,
    ground: Ground,
    kernel: str | None,
    variant: int,
    has_destination: bool,
    say: Callable[[str], None],
) -> Trial:
    """A fresh host for one experiment. ``has_destination``: and an empty one that guests can move to."""
    stage: _Watching
    if ground == "here":
        libvirt = LibvirtHost(bed)
        _keep_locks_in(libvirt)
        stage = _HereStage(libvirt, variant, say)
        stage.trial = Trial(bed, stage, ground, libvirt)
        return stage.trial
    host: NestedHost
    other: OtherHost | None = None
    if has_destination:
        host, other = pair_of_hosts(bed, find_kernel(kernel), ROOM_MIB)
    else:
        wish = roomy(WISHES.get(scenario.bench) or NestedWish())
        host = PatientHost(bed, wish, kernel=find_kernel(kernel))
        host.wait_until_up(timeout_s=PATIENCE_S)
    stage = _NestedStage(host, variant, boot_of(host), say)
    stage.trial = Trial(bed, stage, ground, host)
    stage.trial.other = other
    return stage.trial


def _keep_locks_in(libvirt: LibvirtHost) -> None:
    """Let kvmedic's locks of disposable domains go with the bed, too."""
    folder = libvirt.folder / "kvmedic"
    folder.mkdir()
    done = libvirt.run(["sh", "-c", f"mkdir -p /run/kvmedic && mount --bind {folder} /run/kvmedic"])
    if done.returncode:
        raise ActionError(f"no place of its own for locks: {done.stderr.strip()}")


def host_mib(trial: Trial) -> int | None:
    """Memory of the nested host; None for this machine, which others use, too."""
    return trial.home.wish.memory_mib if isinstance(trial.home, NestedHost) else None


def kernel_of(trial: Trial) -> str:
    """The release of the kernel that was measured, without what the builder of this machine's added."""
    if isinstance(trial.home, NestedHost):
        return trial.home.kernel.release
    return os.uname().release.partition("-")[0]
