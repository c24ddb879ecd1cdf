"""Another host over ssh, against a real sshd on loopback with keys and settings of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from kvmedic.adapters.ssh import SshHost, SshTarget, parse_ssh_target
from kvmedic.errors import EvidenceError, UsageError
from kvmedic.model.request import CollectRequest

REQUEST = CollectRequest(is_deep=False, interval_s=0.2, page_map="none")
USER = "root" if os.geteuid() == 0 else os.environ.get("USER", "root")


class Server(NamedTuple):
    port: int
    folder: Path

    def host(self, *, key: str = "key", user: str = USER, name: str = "127.0.0.1") -> SshHost:
        options = (
            *("-F", "/dev/null", "-i", str(self.folder / key), "-o", "IdentitiesOnly=yes"),
            *("-o", f"UserKnownHostsFile={self.folder / 'known_hosts'}"),
            *("-o", "StrictHostKeyChecking=accept-new"),
        )
        return SshHost(SshTarget(user=user, host=name, port=self.port), options=options)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """sshd in the foreground, ended by its own process id."""
    folder = tmp_path_factory.mktemp("sshd")
    folder.chmod(0o700)
    for name in ("host", "key", "stranger"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    shutil.copy(folder / "key.pub", folder / "authorized_keys")
    sshd = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    assert sshd, "the tests need the package openssh-server"
    Path("/run/sshd").mkdir(exist_ok=True)
    port = free_port()
    (folder / "config").write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {folder / 'host'}\nPidFile none\nUsePAM no\n"
        f"AuthorizedKeysFile {folder / 'authorized_keys'}\nStrictModes no\nPermitRootLogin yes\n"
        "PasswordAuthentication no\nKbdInteractiveAuthentication no\n"
    )
    process = subprocess.Popen([sshd, "-D", "-e", "-f", str(folder / "config")], stderr=subprocess.DEVNULL)
    try:
        wait_until_open(port)
        yield Server(port, folder)
    finally:
        process.terminate()
        process.wait(timeout=10)


def wait_until_open(port: int) -> None:
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("sshd did not come up")


def test_a_host_is_read_over_ssh_with_both_readings(server: Server) -> None:
    evidence = server.host().collect(REQUEST, lambda _, __: None)
    assert evidence.target.kind == "ssh"
    assert evidence.target.name == f"{USER}@127.0.0.1:{server.port}"
    for path in ("proc/buddyinfo", "proc/vmstat", "kvmedic/page_size", "kvmedic/process/kinds"):
        assert isinstance(evidence.read(path), bytes), path
    assert isinstance(evidence.read_again("proc/vmstat"), bytes)
    assert isinstance(evidence.interval_s, float)
    assert evidence.interval_s >= 0.2


def test_logs_come_over_ssh_as_well(server: Server) -> None:
    names = [stream.name for stream in server.host().logs() if stream.chunks]
    assert "kvmedic/logs/dmesg" in names


def test_an_unknown_key_is_named_with_what_to_do(server: Server) -> None:
    with pytest.raises(EvidenceError) as error:
        server.host(key="stranger").collect(REQUEST, lambda _, __: None)
    assert "Permission denied" in error.value.message
    assert "Give ssh a key" in (error.value.hint or "")


def test_a_changed_host_key_is_never_accepted(server: Server) -> None:
    name = f"[127.0.0.1]:{server.port}"
    other = (server.folder / "stranger.pub").read_text()
    (server.folder / "known_hosts").write_text(f"{name} {other}")
    try:
        with pytest.raises(EvidenceError) as error:
            server.host().collect(REQUEST, lambda _, __: None)
    finally:
        (server.folder / "known_hosts").unlink()
    assert "Connect once with ssh by hand" in (error.value.hint or "")


def test_a_port_where_nobody_listens_is_named() -> None:
    host = SshHost(SshTarget(user=None, host="127.0.0.1", port=free_port()), options=("-F", "/dev/null"))
    with pytest.raises(EvidenceError, match="could not reach") as error:
        host.collect(REQUEST, lambda _, __: None)
    assert "Check that sshd runs there" in (error.value.hint or "")


def test_nothing_stays_on_the_host(server: Server) -> None:
    def folders() -> set[Path]:
        return {path for place in ("/run", "/dev/shm") for path in Path(place).glob("kvmedic.*")}

    before = folders()
    server.host().collect(REQUEST, lambda _, __: None)
    left = folders() - before
    # Another test may be collecting at this moment: what is its own goes within seconds, what stays was left.
    deadline = time.monotonic() + 30
    while left and time.monotonic() < deadline:
        time.sleep(0.2)
        left &= folders()
    assert not left


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("ssh://root@kvm07", SshTarget("root", "kvm07", None)),
        ("ssh://kvm07.example.org:2222", SshTarget(None, "kvm07.example.org", 2222)),
        ("ssh://admin@[fe80::1]:22/", SshTarget("admin", "fe80::1", 22)),
    ],
)
def test_targets_are_read_as_people_write_them(name: str, target: SshTarget) -> None:
    assert parse_ssh_target(name) == target


@pytest.mark.parametrize(
    "name",
    [
        "ssh://",
        "ssh://-oProxyCommand=evil",
        "ssh://-l@host",
        "ssh://user:password@host",
        "ssh://host:port",
        "ssh://host/path",
        "ssh://host?x=1",
        "ssh://a b",
        "ssh://host;reboot",
    ],
)
def test_what_ssh_could_take_for_an_option_or_a_command_is_refused(name: str) -> None:
    with pytest.raises(UsageError):
        parse_ssh_target(name)
