"""A stage on this machine's own kernel, where a cgroup is enough: a private libvirt, its own group."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from kvmedic.lab.bed import Bed
from kvmedic.lab.domain_xml import GuestWish
from kvmedic.lab.guest import Guest, start_guest
from kvmedic.lab.libvirt_host import LibvirtHost, memory_hierarchies
from kvmedic.lab.scenario import Scenario
from kvmedic.lab.stage import Stage
from kvmedic.lab.still_guest import definition
from kvmedic.lab.take import BootLog, Take, lines_after, time_of_last_line

PROC = ("meminfo", "buddyinfo", "zoneinfo", "vmstat", "uptime")


class HereStage(Stage):
    """As ``Stage``, on a private libvirt of this machine. Nothing outside its bed is touched."""

    def __init__(self, libvirt: LibvirtHost, variant: int, say: Callable[[str], None]) -> None:
        boot = BootLog(
            boot_id=Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
            started_at=round(time.time() - float(Path("/proc/uptime").read_text().split()[0]), 3),
            prologue="",
            segment="",
            end="running",
        )
        super().__init__(None, variant, boot, say)  # type: ignore[arg-type]
        self.libvirt = libvirt
        self._began_s = time_of_last_line(_dmesg())

    def sh(self, text: str, *, timeout_s: float = 120.0) -> str:
        """A shell text in the namespaces of the private libvirt."""
        done = self.libvirt.run(["sh", "-c", text], timeout_s=timeout_s)
        return done.stdout + done.stderr

    def still(self, name: str, memory_mib: int, **options: Any) -> str:
        """As in ``Stage``, under software emulation and in the bed's own cgroup."""
        path = self.libvirt.guest_folder / f"{name}.xml"
        where: dict[str, Any] = {"domain_type": "qemu", "partition": self.libvirt.partition}
        limit_mib = options.pop("limit_mib", 0)
        path.write_text(definition(name, memory_mib, **options, **where))
        complaint = self.sh(f"virsh -q create --paused {path} 2>&1 | grep -v 'created from'", timeout_s=180)
        for group in self._groups(name) if limit_mib else ():
            (group / "memory.limit_in_bytes").write_text(str(limit_mib << 20))
        return complaint

    def _groups(self, name: str) -> list[Path]:
        """The memory group of a guest. libvirt would limit locked memory too, where it may."""
        top = memory_hierarchies()[0] / f"{self.libvirt.name}.partition"
        return list(top.glob(f"qemu-*-{name}.libvirt-qemu"))

    def lively(self, label: str, wish: GuestWish) -> Guest:
        """As in ``Stage``, on the private libvirt."""
        guest = start_guest(self.libvirt, label, wish)
        guest.wait_until_ready(timeout_s=300)
        return guest

    def restart_libvirtd(self) -> None:
        """Start the private libvirtd anew, so that it reads its settings."""
        pid = self.libvirt.libvirtd_pid
        os.kill(pid, signal.SIGTERM)
        self.wait_until(lambda: not self.libvirt.bed.is_running(pid), "libvirtd ends", 20)
        self.libvirt.start_libvirtd()

    def log(self) -> str:
        """What the kernel of this machine has said since the stage began."""
        return lines_after(_dmesg(), self._began_s)


def make_takes_here(
    rows: Sequence[tuple[Scenario, int]], release: str, say: Callable[[str], None]
) -> Iterator[Take]:
    """A take of each scenario, for those that need no more than a libvirt and a cgroup."""
    for scenario, variant in rows:
        with Bed() as bed:
            libvirt = LibvirtHost(bed)
            stage = HereStage(libvirt, variant, say)
            scenario.bring_about(stage)
            yield _take(stage, scenario, release)


def _take(stage: HereStage, scenario: Scenario, release: str) -> Take:
    """The take; what the builder of this kernel added to its version is left out."""
    logs = stage.libvirt.folder / "log" / "qemu"
    files = {f"proc/{name}": Path(f"/proc/{name}").read_bytes() for name in PROC}
    running = os.uname().release
    plain = running.partition("-")[0]
    said = {"var/log/libvirt/libvirtd.log": stage.libvirt.folder / "libvirtd.log"}
    said |= {f"var/log/libvirt/qemu/{path.name}": path for path in logs.glob("*.log")}
    texts = {name: path.read_bytes().replace(running.encode(), plain.encode()) for name, path in said.items()}
    files |= stage.files | texts
    segment = stage.log().replace(running, plain)
    return Take(
        scenario=scenario.id,
        variant=stage.variant,
        kernel=release,
        made_on="here",
        host=stage.libvirt.name,
        boots=(stage.boot.told(segment, "running"),),
        files=files,
    )


def _dmesg() -> str:
    return subprocess.run(["dmesg"], capture_output=True, text=True, check=True).stdout
