"""Several hosts joined by a bridge, each reachable over ssh and libvirt's TCP: a place to migrate between.

The bridge is in a network namespace of its own (the hub), so nothing of this machine's network changes. What
controls the hosts runs in the hub too: ``Fleet.command_prefix`` and ``Fleet.environment``. Hosts are either
private libvirtds on this kernel (``FleetHost``: libvirt behaviour) or nested hosts with kernels of their own
(``NestedFleetHost``: memory, power).
"""

from __future__ import annotations

import os
import subprocess
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

from kvmedic.errors import ActionError
from kvmedic.lab.bed import Bed
from kvmedic.lab.fleet_scripts import HUB, LISTEN, NESTED_SSHD, POWER, SETUP, SSH_CONFIG, SSHD
from kvmedic.lab.kernel import Kernel
from kvmedic.lab.libvirt_host import LIBVIRT_FOLDERS, LIBVIRTD_CONF, LibvirtHost
from kvmedic.lab.nested_host import NestedHost
from kvmedic.lab.nested_qemu import NestedWish

NETWORK = "10.77.0."


class Fleet:
    """The hub: its bridge, and the keys by which its hosts are reached. Belongs to the bed."""

    def __init__(self, bed: Bed) -> None:
        self.bed = bed
        self.keys = bed.folder / "keys"
        self._addresses = iter(range(1, 200))
        self._make_keys()
        self._pid = self._make_hub()

    @property
    def command_prefix(self) -> tuple[str, ...]:
        """Put before a command, it runs beside the hosts: on their network, with this machine's files."""
        return ("nsenter", "-t", str(self._pid), "-n", "--")

    def environment(self) -> dict[str, str]:
        """The environment of an operator whose ssh has a key to every host."""
        path = f"{self.keys / 'bin'}:{os.environ['PATH']}"
        return {**os.environ, "PATH": path, "NO_COLOR": "1", "KVMEDIC_STATE": str(self.bed.folder / "state")}

    def run(self, argv: Sequence[str], *, timeout_s: float = 120.0) -> subprocess.CompletedProcess[str]:
        """Run a command in the hub, as that operator."""
        return subprocess.run(
            [*self.command_prefix, *argv],
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
            env=self.environment(),
        )

    def in_hub(self, *argv: str) -> None:
        """Run a command that must succeed."""
        done = subprocess.run([*self.command_prefix, *argv], capture_output=True, text=True, check=False)
        if done.returncode:
            raise ActionError(f"{argv}: {done.stderr.strip()}")

    def next_address(self) -> str:
        """An address that no host of this fleet has."""
        return f"{NETWORK}{next(self._addresses)}"

    def _make_keys(self) -> None:
        (self.keys / "bin").mkdir(parents=True)
        self.keys.chmod(0o700)
        for name in ("host", "key"):
            argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.keys / name)]
            subprocess.run(argv, check=True)
        (self.keys / "config").write_text(SSH_CONFIG.format(keys=self.keys))
        wrapper = self.keys / "bin" / "ssh"
        wrapper.write_text(f'#!/bin/sh\nexec /usr/bin/ssh -F {self.keys / "config"} "$@"\n')
        wrapper.chmod(0o755)

    def _make_hub(self) -> int:
        ready = self.bed.folder / "hub-ready"
        argv = ["unshare", "-n", "--", "sh", "-c", HUB.format(ready=ready)]
        pid = self.bed.start(argv, log=self.bed.folder / "hub.log")
        wait_for(ready, self.bed, pid, self.bed.folder / "hub.log")
        return pid


class FleetHost(LibvirtHost):
    """A private libvirtd with an address, a process list, a boot id and an sshd of its own."""

    def __init__(self, fleet: Fleet, label: str) -> None:
        bed = fleet.bed
        self.fleet, self.bed, self.label = fleet, bed, label
        self.folder = bed.folder / label
        self.name = f"{bed.token}-{label}"
        self.host_uuid = str(uuid.uuid4())
        self.address = fleet.next_address()
        self.partition = None
        self.domain_type = "qemu"
        self.guest_folder = bed.folder / "guests"
        self.socket_folder = self.disk_folder = self.guest_folder
        self._lay_out()
        self._holder = self._make_namespaces()
        self.start_virtlogd()
        self.start_libvirtd()
        self.sshd_pid = self._start_sshd()

    @property
    def command_prefix(self) -> tuple[str, ...]:
        """Put before a command, it runs on this host: its libvirt, processes, network, /run/kvmedic."""
        return ("nsenter", "-t", str(self._holder), "-m", "-u", "-n", "-p", "--")

    @property
    def tcp_uri(self) -> str:
        """How other hosts reach its libvirt."""
        return f"qemu+tcp://{self.address}/system"

    def policy_text(self) -> str:
        """This host in a policy file."""
        return host_of_policy(self.name, self.tcp_uri, self.address)

    def libvirtd_pid_outside(self) -> int:
        """Its libvirtd as this machine numbers it (nsenter waits for it under another number)."""
        children = Path(f"/proc/{self.libvirtd_pid}/task/{self.libvirtd_pid}/children").read_text().split()
        return int(children[0])

    def _start_daemon(self, name: str) -> int:
        listen = ["--listen"] if name == "libvirtd" else []
        argv = [*self.command_prefix, name, *listen, "--pid-file", f"{LIBVIRT_FOLDERS['run']}/{name}.pid"]
        return self.bed.start(argv, log=self.folder / f"{name}.log")

    def _start_sshd(self) -> int:
        Path("/run/sshd").mkdir(exist_ok=True)
        config = self.folder / "sshd_config"
        config.write_text(SSHD.format(address=self.address, keys=self.fleet.keys))
        argv = [*self.command_prefix, "/usr/sbin/sshd", "-D", "-e", "-f", str(config)]
        return self.bed.start(argv, log=self.folder / "sshd.log")

    def _lay_out(self) -> None:
        self.guest_folder.mkdir(exist_ok=True)
        for name in (*LIBVIRT_FOLDERS, "kvmedic", "huge"):
            (self.folder / name).mkdir(parents=True)
        (self.folder / "boot_id").write_text(f"{uuid.uuid4()}\n")
        (self.folder / "power").write_text(POWER.format(folder=self.folder))
        (self.folder / "power").chmod(0o755)
        conf = LIBVIRTD_CONF.format(uuid=self.host_uuid) + LISTEN.format(address=self.address)
        (self.folder / "etc" / "libvirtd.conf").write_text(conf)
        (self.folder / "etc" / "qemu.conf").write_text(self._qemu_conf().replace('"memory"', ""))

    def _make_namespaces(self) -> int:
        ready = self.folder / "namespaces-ready"
        binds = "\n".join(
            f"mkdir -p {target} && mount --bind {self.folder}/{name} {target}"
            for name, target in LIBVIRT_FOLDERS.items()
        )
        script = SETUP.format(binds=binds, folder=self.folder, name=self.name, ready=ready)
        argv = ["unshare", "-m", "-u", "-n", "-p", "-f", "--mount-proc", "--", "sh", "-c", script]
        log = self.folder / "namespaces.log"
        pid = self.bed.start(argv, log=log)
        wait_for(ready, self.bed, pid, log)
        inner = int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])
        self._join(inner)
        return inner

    def _join(self, inner: int) -> None:
        port = f"to-{self.label}"[:15]
        in_host = ("nsenter", "-t", str(inner), "-n", "--", "ip")
        self.fleet.in_hub(
            "ip", "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", str(inner)
        )
        self.fleet.in_hub("ip", "link", "set", port, "master", "hub", "up")
        self.fleet.in_hub(*in_host, "address", "add", f"{self.address}/24", "dev", "eth0")
        self.fleet.in_hub(*in_host, "link", "set", "eth0", "up")


class NestedFleetHost(NestedHost):
    """A nested host with a card in the hub and an sshd of its own."""

    def __init__(
        self,
        fleet: Fleet,
        label: str,
        *,
        memory_mib: int = 2048,
        data_mib: int = 0,
        without_cpu: tuple[str, ...] = (),
        kernel: Kernel | None = None,
    ) -> None:
        self.fleet = fleet
        self.host_address = fleet.next_address()
        self.start_prefix = fleet.command_prefix
        self._port = f"to-{label}"[:15]
        fleet.in_hub("ip", "tuntap", "add", self._port, "mode", "tap")
        fleet.in_hub("ip", "link", "set", self._port, "master", "hub", "up")
        mac = f"52:54:00:77:00:{int(self.host_address.rsplit('.', 1)[1]):02x}"
        card = f"tap,ifname={self._port},script=no,downscript=no,model=virtio-net-pci,mac={mac}"
        wish = NestedWish(
            memory_mib=memory_mib,
            data_mib=data_mib,
            without_cpu=without_cpu,
            address=f"{self.host_address}/24",
            network=("-nic", card),
        )
        super().__init__(fleet.bed, wish, label=label, kernel=kernel)

    @property
    def tcp_uri(self) -> str:
        """How other hosts reach its libvirt."""
        return f"qemu+tcp://{self.host_address}/system"

    def policy_text(self) -> str:
        """This host in a policy file."""
        return host_of_policy(self.name, self.tcp_uri, self.host_address)

    def _lay_out(self) -> None:
        """As any nested host; at each boot it starts an sshd, and it knows how to reboot without systemd."""
        super()._lay_out()
        for name in ("host", "key.pub"):
            (self.exchange / name).write_bytes((self.fleet.keys / name).read_bytes())
        keys = Path("/run/lab-keys")
        (self.exchange / "sshd_config").write_text(SSHD.format(address=self.host_address, keys=keys))
        start = self.exchange / "start.sh"
        start.write_text(
            start.read_text().replace("while :; do", NESTED_SSHD.format(keys=keys) + "while :; do", 1)
        )


def host_of_policy(name: str, uri: str, address: str) -> str:
    """One host of a policy file."""
    ssh, data = f"ssh://root@{address}", f"tcp://{address}"
    return f'[[hosts]]\nname = "{name}"\nuri = "{uri}"\nssh = "{ssh}"\nmigrate_uri = "{data}"\n'


def policy_file(folder: Path, hosts: Sequence[FleetHost | NestedFleetHost], **settings: str) -> Path:
    """A policy with these hosts; ``settings`` are TOML values of its top level."""
    path = folder / "fleet.toml"
    top = "".join(f"{key} = {value}\n" for key, value in settings.items())
    path.write_text(top + "\n".join(host.policy_text() for host in hosts))
    return path


def wait_for(ready: Path, bed: Bed, pid: int, log: Path) -> None:
    """Wait for the mark of a script that sets something up. ActionError with its words when it fails."""
    while not ready.exists():
        if not bed.is_running(pid):
            raise ActionError(f"no namespaces of our own (it takes root): {log.read_text().strip()}")
        time.sleep(0.02)
