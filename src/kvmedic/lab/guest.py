"""A running guest of the lab: start it, shape its memory, set its balloon, read its console."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Protocol

from kvmedic.errors import ActionError, OutcomeUnknownError
from kvmedic.lab.agent_line import Answer
from kvmedic.lab.domain_xml import GuestPlaces, GuestWish, domain_xml
from kvmedic.lab.guest_image import GuestImage
from kvmedic.units import KIB, MIB, Bytes


class Line(Protocol):
    """A line to a guest's agent, direct or through the host that the guest runs in."""

    def ask(self, request: str, *, timeout_s: float = 120.0) -> Answer:
        """One request, one answer, whatever its status."""
        ...

    def ask_or_fail(self, request: str, *, timeout_s: float = 120.0) -> Answer:
        """As ``ask``, but a failure is an ActionError."""
        ...

    def wait_until_up(self, *, timeout_s: float = 120.0) -> None:
        """Return once the agent answers."""
        ...


class GuestHost(Protocol):
    """A libvirt host that runs guests of the lab; paths are as that host sees them."""

    domain_type: str
    partition: str | None
    name: str
    guest_folder: Path
    socket_folder: Path
    disk_folder: Path

    def virsh(self, *argv: str, timeout_s: float = 60.0) -> str:
        """Run virsh there; ActionError with its words when it fails."""
        ...

    def guest_image(self) -> GuestImage:
        """Kernel and initramfs for guests."""
        ...

    def write_file(self, path: Path, content: str | int) -> None:
        """A text, or a hole of that many bytes."""
        ...

    def read_text(self, path: Path) -> str:
        """A file's text, empty when it does not exist."""
        ...

    def agent_line(self, path: Path) -> Line:
        """The line to the agent behind that socket."""
        ...


class Guest:
    """A domain of the lab. Context manager: it is destroyed and undefined at the end."""

    def __init__(self, host: GuestHost, name: str, wish: GuestWish, places: GuestPlaces) -> None:
        self.host = host
        self.name = name
        self.wish = wish
        self.console_file = places.console
        self.agent = host.agent_line(places.agent)

    def __enter__(self) -> Guest:
        return self

    def __exit__(self, *_: object) -> None:
        self.destroy()

    @property
    def memory_bytes(self) -> Bytes:
        """The guest's maximum."""
        return Bytes(self.wish.memory_mib * MIB)

    @property
    def pid(self) -> int:
        """Pid of its QEMU in its host, from libvirt's own record."""
        return int(self.host.read_text(Path(f"/run/libvirt/qemu/{self.name}.pid")))

    def actual_bytes(self) -> Bytes:
        """What libvirt reports as the balloon's ``actual``."""
        return Bytes(self.statistics()["balloon.current"] * KIB)

    def statistics(self) -> dict[str, int]:
        """The balloon group of virsh domstats, as libvirt names and counts it (KiB)."""
        text = self.host.virsh("domstats", self.name, "--balloon")
        pairs = (line.strip().split("=") for line in text.splitlines() if "=" in line)
        return {key: int(value) for key, value in pairs}

    def set_balloon(self, actual_mib: int, *, timeout_s: float = 120.0) -> None:
        """Ask for this ``actual`` and wait. Raises OutcomeUnknownError when the guest does not get there."""
        self.host.virsh("setmem", self.name, f"{actual_mib}M", "--live")
        deadline = time.monotonic() + timeout_s
        while (seen := self._seen_actual_bytes()) is None or abs(seen - actual_mib * MIB) > MIB:
            if time.monotonic() > deadline:
                at = "an unknown size" if seen is None else f"{seen // MIB} MiB"
                raise OutcomeUnknownError(f"{self.name} is at {at}, not at {actual_mib} MiB")
            time.sleep(0.3)

    def _seen_actual_bytes(self) -> Bytes | None:
        """``actual``, or None when the host did not say in time: it may say so the next time it is asked."""
        try:
            return self.actual_bytes()
        except OutcomeUnknownError:
            return None

    def console(self) -> str:
        """All that the guest has printed on its first serial port."""
        return self.host.read_text(self.console_file)

    def wait_for_console(self, words: str, *, timeout_s: float = 180.0) -> None:
        """Wait for these words. Raises OutcomeUnknownError with the console's last lines."""
        deadline = time.monotonic() + timeout_s
        while words not in (text := self.console()):
            if time.monotonic() > deadline:
                raise OutcomeUnknownError(
                    f"{self.name} never said {words!r}; its last words: {text[-300:]!r}"
                )
            time.sleep(0.3)

    def wait_until_ready(self, *, timeout_s: float = 180.0) -> None:
        """Wait for the end of the orders that were given at boot."""
        last = self.wish.orders[-1] if self.wish.orders else None
        self.wait_for_console(f"READY boot {last}" if last else "READY agent", timeout_s=timeout_s)

    def destroy(self) -> None:
        """Power off and undefine; a domain that is gone already is no error."""
        for verb in ("destroy", "undefine"):
            try:
                self.host.virsh(verb, self.name)
            except ActionError:
                continue


def start_guest(host: GuestHost, label: str, wish: GuestWish) -> Guest:
    """Define and start a domain ``<host name>-<label>``; it boots while the caller goes on."""
    name = f"{host.name}-{label}"
    places = GuestPlaces(
        console=host.guest_folder / f"{name}.console",
        agent=host.socket_folder / f"{name}.agent",
        disk=host.disk_folder / f"{name}.disk",
        definition=host.guest_folder / f"{name}.xml",
    )
    if wish.disk_mib:
        host.write_file(places.disk, wish.disk_mib * MIB)
    xml = domain_xml(
        wish,
        name=name,
        image=host.guest_image(),
        places=places,
        domain_type=host.domain_type,
        partition=host.partition,
    )
    host.write_file(places.definition, xml)
    host.virsh("define", str(places.definition))
    host.virsh("start", name)
    return Guest(host, name, wish, places)
