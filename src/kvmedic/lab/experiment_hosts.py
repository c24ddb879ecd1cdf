"""The hosts of an experiment: a patient nested one, or two of them between which a guest can move."""

from __future__ import annotations

import sys
from pathlib import Path

from kvmedic.lab.bed import Bed
from kvmedic.lab.domain_xml import GuestPlaces
from kvmedic.lab.fleet import Fleet, NestedFleetHost, policy_file
from kvmedic.lab.guest import Guest
from kvmedic.lab.kernel import Kernel
from kvmedic.lab.nested_host import NestedHost
from kvmedic.lab.nested_shell import Finished

KVMEDIC = Path(sys.executable).parent / "kvmedic"
PATIENCE_S = 600.0
"""For one command of kvmedic: under emulation, Python alone starts in many seconds."""


class PatientHost(NestedHost):
    """A nested host that may be slow: others may be at work on the machine under it."""

    def virsh(self, *argv: str, timeout_s: float = PATIENCE_S) -> str:
        """As in ``NestedHost``, with patience."""
        return super().virsh(*argv, timeout_s=timeout_s)


class PatientFleetHost(PatientHost, NestedFleetHost):
    """The same with an address in a fleet."""


class OtherHost:
    """An empty host beside the one with the failure, and the operator who moves guests to it."""

    def __init__(self, fleet: Fleet, source: NestedFleetHost, host: NestedFleetHost) -> None:
        self.fleet, self.source, self.host = fleet, source, host
        self.plan_file = str(fleet.bed.folder / "plan.json")
        self._policy = str(policy_file(fleet.bed.folder, (source, host)))

    @property
    def target(self) -> str:
        """The host with the failure, as the operator names it."""
        return f"ssh://root@{self.source.host_address}"

    def kvmedic(self, *words: str) -> Finished:
        """The command on the operator's own machine, with the fleet's policy."""
        argv = [str(KVMEDIC), *words, "--policy", self._policy]
        done = self.fleet.run(argv, timeout_s=PATIENCE_S)
        return Finished(returncode=done.returncode, stdout=done.stdout, stderr=done.stderr)

    def journal(self) -> str:
        """What kvmedic noted of its runs."""
        state = Path(self.fleet.environment()["KVMEDIC_STATE"])
        return "".join(path.read_text() for path in sorted(state.glob("runs/*.jsonl")))

    def sh(self, text: str) -> str:
        """A shell text on the destination."""
        done = self.host.run(text, timeout_s=PATIENCE_S)
        return done.stdout + done.stderr

    def consoles(self, guest: Guest) -> list[Path]:
        """Where the guest's console can be heard, before and after its move."""
        return [host.exchange / guest.console_file.name for host in (self.source, self.host)]

    def moved(self, guest: Guest) -> Guest | None:
        """The guest on the destination, if it runs there."""
        if guest.name not in self.host.virsh("list", "--name").split():
            return None
        places = GuestPlaces(
            console=guest.console_file,
            agent=self.host.socket_folder / f"{guest.name}.agent",
            disk=self.host.disk_folder / f"{guest.name}.disk",
            definition=self.host.guest_folder / f"{guest.name}.xml",
        )
        return Guest(self.host, guest.name, guest.wish, places)


def pair_of_hosts(bed: Bed, kernel: Kernel, memory_mib: int) -> tuple[NestedFleetHost, OtherHost]:
    """Two equal hosts on one network; the second one has the files that a guest is started with."""
    fleet = Fleet(bed)
    source, host = (
        PatientFleetHost(fleet, label, memory_mib=memory_mib, kernel=kernel) for label in ("host", "other")
    )
    for each in (source, host):
        each.wait_until_up(timeout_s=PATIENCE_S)
        each.guest_image()
    return source, OtherHost(fleet, source, host)
