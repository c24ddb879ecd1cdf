"""A libvirt host of our own on this machine: private libvirtd and virtlogd in their own namespaces.

They share nothing with a libvirt that already runs here: other sockets, folders, host UUID, cgroup partition.
From outside it is reached at ``uri``; a program started with ``command_prefix`` finds it as qemu:///system.
"""

from __future__ import annotations

import shlex
import subprocess
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

from kvmedic.errors import ActionError
from kvmedic.lab.agent_line import AgentLine
from kvmedic.lab.bed import Bed
from kvmedic.lab.guest_image import GuestImage, make_guest_image

LIBVIRT_FOLDERS = {
    "run": "/run/libvirt",
    "lib": "/var/lib/libvirt",
    "log": "/var/log/libvirt",
    "cache": "/var/cache/libvirt",
    "etc": "/etc/libvirt",
}
# The system bus is hidden, so that no machine is registered with a service manager that others rely on.
# A second, unified hierarchy beside v1 is hidden too: libvirt 9.0 refuses to start a domain when that one has
# none of the controllers it was told to use.
SETUP = """
set -e
mount --make-rprivate /
if [ -d /run/dbus ]; then mount -t tmpfs none /run/dbus; fi
if [ -e /sys/fs/cgroup/memory/memory.stat ] && [ -e /sys/fs/cgroup/unified/cgroup.procs ]; then
  umount /sys/fs/cgroup/unified
fi
if grep -q hugetlbfs /proc/filesystems; then mount -t hugetlbfs none {huge}; fi
{binds}
hostname {name}
touch {ready}
exec sleep infinity
"""
LIBVIRTD_CONF = """host_uuid = "{uuid}"
listen_tls = 0
auth_unix_ro = "none"
auth_unix_rw = "none"
"""
QEMU_CONF = """user = "root"
group = "root"
dynamic_ownership = 0
security_driver = "none"
cgroup_controllers = [ {controllers} ]
namespaces = []
hugetlbfs_mount = "{huge}"
"""


class LibvirtHost:
    """A running private libvirtd. Everything belongs to the bed and goes with it."""

    def __init__(self, bed: Bed) -> None:
        self.bed = bed
        self.folder = bed.folder
        self.name = bed.token
        self.host_uuid = str(uuid.uuid4())
        self.partition: str | None = f"/{bed.token}"
        self.domain_type = "qemu"
        self.guest_folder = bed.folder / "guests"
        self.socket_folder = self.disk_folder = self.guest_folder
        self._lay_out()
        self._holder = self._make_namespaces()
        self.start_virtlogd()
        self.start_libvirtd()

    @property
    def command_prefix(self) -> tuple[str, ...]:
        """Put before a command, it runs where qemu:///system and /run/libvirt are this host's."""
        return ("nsenter", "-t", str(self._holder), "-m", "-u", "--")

    @property
    def uri(self) -> str:
        """A libvirt URI that works outside the namespaces as well."""
        return f"qemu:///system?socket={self.folder}/run/libvirt-sock"

    @property
    def read_only_uri(self) -> str:
        """As ``uri``, through the read-only socket (open it read-only)."""
        return f"qemu:///system?socket={self.folder}/run/libvirt-sock-ro"

    @property
    def huge_page_pool(self) -> Path:
        """The setting with the number of 2 MiB pages of this machine's pool."""
        return Path("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages")

    def run(self, argv: Sequence[str], *, timeout_s: float = 60.0) -> subprocess.CompletedProcess[str]:
        """Run a command inside the namespaces; it belongs to the bed."""
        return subprocess.run(
            [*self.command_prefix, *argv],
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
            env=self.bed.environment(),
        )

    def virsh(self, *argv: str, timeout_s: float = 60.0) -> str:
        """Run virsh. Raises ActionError with its words when it fails."""
        done = self.run(["virsh", "-q", "-c", "qemu:///system", *argv], timeout_s=timeout_s)
        if done.returncode:
            raise ActionError(f"virsh {shlex.join(argv)}: {done.stderr.strip()}")
        return done.stdout

    def guest_image(self) -> GuestImage:
        """Kernel and initramfs for guests, made once."""
        return make_guest_image(self.guest_folder, self.bed.environment())

    def write_file(self, path: Path, content: str | int) -> None:
        """A text, or a hole of that many bytes, in ``guest_folder``."""
        if isinstance(content, str):
            path.write_text(content)
            return
        with path.open("wb") as disk:
            disk.truncate(content)

    def read_text(self, path: Path) -> str:
        """The text of a file as the host's own programs see it, empty when it does not exist."""
        if path.is_relative_to(LIBVIRT_FOLDERS["run"]):
            path = self.folder / "run" / path.relative_to(LIBVIRT_FOLDERS["run"])
        return path.read_text(errors="replace") if path.exists() else ""

    def agent_line(self, path: Path) -> AgentLine:
        """The line to the agent behind that socket."""
        return AgentLine(path)

    def start_virtlogd(self) -> int:
        """Start the log daemon without which libvirt starts no domain. Returns its pid."""
        return self._start_daemon("virtlogd")

    def start_libvirtd(self, *, timeout_s: float = 30.0) -> int:
        """Start libvirtd and wait until it answers. Returns its pid (nsenter becomes it, the pid stays)."""
        self.libvirtd_pid = self._start_daemon("libvirtd")
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                self.virsh("uri")
            except ActionError as error:
                if time.monotonic() > deadline or not self.bed.is_running(self.libvirtd_pid):
                    log = (self.folder / "libvirtd.log").read_text(errors="replace")
                    raise ActionError(f"libvirtd does not answer: {error}; its log: {log[-500:]}") from error
                time.sleep(0.1)
            else:
                return self.libvirtd_pid

    def _start_daemon(self, name: str) -> int:
        """Its pid file must not be the usual one in /run, which another libvirt on this machine holds."""
        argv = [*self.command_prefix, name, "--pid-file", f"{LIBVIRT_FOLDERS['run']}/{name}.pid"]
        return self.bed.start(argv, log=self.folder / f"{name}.log")

    def _lay_out(self) -> None:
        for name in (*LIBVIRT_FOLDERS, "guests", "huge"):
            (self.folder / name).mkdir()
        (self.folder / "etc" / "libvirtd.conf").write_text(LIBVIRTD_CONF.format(uuid=self.host_uuid))
        (self.folder / "etc" / "qemu.conf").write_text(self._qemu_conf())
        for hierarchy in memory_hierarchies():
            self.bed.make_cgroup(hierarchy / f"{self.bed.token}.partition")

    def _qemu_conf(self) -> str:
        """An empty place of hugetlbfs turns huge pages off, on a kernel without."""
        has_huge = "hugetlbfs" in Path("/proc/filesystems").read_text()
        return QEMU_CONF.format(huge=self.folder / "huge" if has_huge else "", controllers='"memory"')

    def _make_namespaces(self) -> int:
        ready = self.folder / "namespaces-ready"
        binds = "\n".join(
            f"mkdir -p {target} && mount --bind {self.folder}/{name} {target}"
            for name, target in LIBVIRT_FOLDERS.items()
        )
        script = SETUP.format(binds=binds, name=self.name, ready=ready, huge=self.folder / "huge")
        argv = ["unshare", "-m", "-u", "--", "sh", "-c", script]
        pid = self.bed.start(argv, log=self.folder / "namespaces.log")
        while not ready.exists():
            if not self.bed.is_running(pid):
                raise ActionError(
                    f"no namespaces of our own: {(self.folder / 'namespaces.log').read_text().strip()}",
                    hint="The lab needs root and unshare, mount and hostname.",
                )
            time.sleep(0.02)
        return pid


def memory_hierarchies() -> list[Path]:
    """Where a group with the memory controller can be made: the v1 hierarchy, or the unified one."""
    root = Path("/sys/fs/cgroup")
    if (root / "memory" / "memory.stat").exists():
        return [root / "memory"]
    controllers = root / "cgroup.controllers"
    return [root] if controllers.exists() and "memory" in controllers.read_text().split() else []
