"""A disposable hypervisor with a kernel of its own: it boots in seconds, runs guests, may panic and be reset.

It is a QEMU under software emulation over this machine's root file system (9p, read-only), with cgroup v2
and KVM inside (the emulated CPU has SVM). Everything installed here, this program included, is there.
"""

from __future__ import annotations

import sys
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

from kvmedic.errors import ActionError, OutcomeUnknownError
from kvmedic.lab.bed import Bed
from kvmedic.lab.guest_image import GuestImage, make_guest_image
from kvmedic.lab.initramfs import build_agent, write_initramfs
from kvmedic.lab.kernel import Kernel, find_kernel
from kvmedic.lab.nested_boot import MODULES, init_script, start_script
from kvmedic.lab.nested_line import NestedLine
from kvmedic.lab.nested_qemu import NestedWish, nested_command
from kvmedic.lab.nested_shell import EXCHANGE, Finished, NestedShell
from kvmedic.lab.qmp import qmp

SOCKETS = Path("/run/guests")
PACKAGE_FOLDER = Path(__file__).parents[2]
"""Where this program is imported from: the nested host runs it too."""


class NestedHost:
    """A running nested host; it belongs to the bed and goes with it. ``label`` keeps several apart."""

    start_prefix: tuple[str, ...] = ()
    """Put before its QEMU's command: a network namespace, say."""

    def __init__(
        self, bed: Bed, wish: NestedWish, *, label: str = "host", kernel: Kernel | None = None
    ) -> None:
        self.bed = bed
        self.wish = wish
        self.name = f"{bed.token}-{label}"
        self.host_uuid = str(uuid.uuid4())
        self.kernel = kernel or find_kernel()
        self.folder = bed.folder / label
        self.domain_type = "kvm"
        self.partition: str | None = None
        self.guest_folder = EXCHANGE
        self.socket_folder = SOCKETS
        self.disk_folder = Path("/data") if wish.data_mib else EXCHANGE
        self.shell = NestedShell(self.folder)
        self.exchange = self.shell.exchange
        self.agent = self.shell.agent
        self._lay_out()
        self.pid = self._start()

    @property
    def console_file(self) -> Path:
        """What its kernel has printed, across resets."""
        return self.folder / "console.log"

    def run(self, command: str | Sequence[str], *, timeout_s: float = 120.0) -> Finished:
        """Run a shell text, or one command, as root; see ``NestedShell.run``."""
        return self.shell.run(command, timeout_s=timeout_s)

    def run_or_fail(self, command: str | Sequence[str], *, timeout_s: float = 120.0) -> str:
        """As ``run``; returns what it printed, and raises ActionError when it failed."""
        return self.shell.run_or_fail(command, timeout_s=timeout_s)

    def put(self, name: str, content: bytes) -> Path:
        """Make a file in the folder that both sides see; returns its path inside the host."""
        return self.shell.put(name, content)

    def boot_id(self) -> str:
        """The id of its present boot."""
        return self.run_or_fail("cat /proc/sys/kernel/random/boot_id", timeout_s=20).strip()

    def reset(self) -> None:
        """Press the power button: what was in its memory is gone; the start script runs again."""
        qmp(self.folder / "qmp.sock", "system_reset")

    def wait_until_up(self, *, since_boot_id: str | None = None, timeout_s: float = 180.0) -> None:
        """Return once it answers (and under another boot id than the given one) and its libvirt does too."""
        deadline = time.monotonic() + timeout_s
        while not self._answers(since_boot_id):
            if time.monotonic() > deadline or "FAILED" in self.console():
                raise OutcomeUnknownError(f"{self.name} does not come up: {self.console()[-400:]!r}")
            time.sleep(0.3)

    def console(self) -> str:
        """The text of its kernel's console."""
        return self.console_file.read_text(errors="replace") if self.console_file.exists() else ""

    def virsh(self, *argv: str, timeout_s: float = 60.0) -> str:
        """Run virsh inside. Raises ActionError with its words when it fails."""
        return self.run_or_fail(["virsh", "-q", "-c", "qemu:///system", *argv], timeout_s=timeout_s)

    def guest_image(self) -> GuestImage:
        """Kernel and initramfs for guests, as the nested host sees them."""
        image = make_guest_image(self.exchange, self.bed.environment(), self.kernel)
        return GuestImage(
            kernel=image.kernel,
            kernel_file=EXCHANGE / image.kernel_file.name,
            initramfs_file=EXCHANGE / image.initramfs_file.name,
        )

    def write_file(self, path: Path, content: str | int) -> None:
        """A text, or a hole of that many bytes, at a path of the nested host."""
        if isinstance(content, int):
            self.run_or_fail(["truncate", "-s", str(content), str(path)])
            return
        staged = self.put(path.name, content.encode())
        if staged != path:
            self.run_or_fail(["cp", str(staged), str(path)])

    def read_text(self, path: Path) -> str:
        """The text of a file of the nested host, empty when it does not exist."""
        if path.parent != EXCHANGE:
            return self.run(["cat", str(path)]).stdout
        outer = self.exchange / path.name
        return outer.read_text(errors="replace") if outer.exists() else ""

    def agent_line(self, path: Path) -> NestedLine:
        """The line to the agent of one of its guests."""
        return NestedLine(self.agent, path)

    def _answers(self, since_boot_id: str | None) -> bool:
        probe = "cat /proc/sys/kernel/random/boot_id"
        if self.wish.has_libvirt:
            probe += " && virsh -q -c qemu:///system uri"
        try:
            self.agent.ask("ping", timeout_s=1.0)
            done = self.run(probe, timeout_s=20)
        except (ActionError, OutcomeUnknownError):
            return False
        return done.returncode == 0 and done.stdout.split()[0] != since_boot_id

    def _lay_out(self) -> None:
        self.exchange.mkdir(parents=True)
        for serial, size_mib in (("swap", self.wish.swap_mib), ("data", self.wish.data_mib)):
            if size_mib:
                with (self.folder / f"{serial}.disk").open("wb") as disk:
                    disk.truncate(size_mib << 20)
        script = start_script(
            name=self.name,
            host_uuid=self.host_uuid,
            socket_folder=str(SOCKETS),
            address=self.wish.address,
            has_swap=bool(self.wish.swap_mib),
            has_data=bool(self.wish.data_mib),
            has_libvirt=self.wish.has_libvirt,
        )
        (self.exchange / "start.sh").write_text(script)

    def _start(self) -> int:
        initramfs = write_initramfs(
            self.folder / "host.cpio",
            agent=build_agent(self.bed.folder / "agent", self.bed.environment()),
            init=init_script(sorted({sys.prefix, str(PACKAGE_FOLDER)})),
            kernel=self.kernel,
            modules=MODULES,
        )
        argv = nested_command(
            self.wish, name=self.name, folder=self.folder, kernel=self.kernel.image, initramfs=initramfs
        )
        return self.bed.start([*self.start_prefix, *argv], log=self.folder / "qemu.log")
