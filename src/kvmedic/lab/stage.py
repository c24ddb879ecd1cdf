"""The stage of a scenario: a disposable host, and the few things that scenarios do on it."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Callable
from typing import Any, Literal

from kvmedic.errors import ActionError, OutcomeUnknownError
from kvmedic.lab.domain_xml import GuestWish
from kvmedic.lab.guest import Guest, start_guest
from kvmedic.lab.nested_host import NestedHost
from kvmedic.lab.poke import poke
from kvmedic.lab.qmp import qmp
from kvmedic.lab.still_guest import definition
from kvmedic.lab.take import CALM, BootLog, lines_after, time_of_last_line

BootEnd = Literal["running", "panic", "reset"]
FAULTS = "/exchange/faults"


class Stage:
    """One run of one scenario. ``variant`` asks for another size of the same failure."""

    def __init__(self, host: NestedHost, variant: int, boot: BootLog, say: Callable[[str], None]) -> None:
        self.host = host
        self.variant = variant
        self.boot = boot
        self.say = say
        self.ended: list[BootLog] = []
        self.files: dict[str, bytes] = {}
        self._guests: list[Guest] = []
        self._at_clear: list[str] = []

    def pick(self, *choices: Any) -> Any:
        """The choice of this variant."""
        return choices[self.variant % len(choices)]

    def must(self, is_so: bool, said: str) -> None:
        """Raises OutcomeUnknownError when the failure did not come about."""
        if not is_so:
            raise OutcomeUnknownError(f"the failure did not come about: {said.strip()[-300:]}")

    def sleep(self, seconds: float) -> None:
        """Let the host go on for a while."""
        time.sleep(seconds)

    def sh(self, text: str, *, timeout_s: float = 120.0) -> str:
        """A shell text on the host; what it printed, whatever its status."""
        done = self.host.run(text, timeout_s=timeout_s)
        return done.stdout + done.stderr

    def background(self, *commands: str) -> None:
        """Commands that run on until the stage is cleared; the last one prints to /tmp/background.out."""
        for command in commands:
            self.sh(
                f"setsid nohup {command} > /tmp/background.out 2>&1 < /dev/null &"
                " echo $! >> /tmp/background.pids"
            )

    def faults(self) -> str:
        """The path of the program that makes trouble, compiled when first asked for."""
        target = self.host.exchange / "faults"
        if not target.exists():
            source = os.path.join(os.path.dirname(__file__), "faults.c")  # noqa: PTH118,PTH120
            subprocess.run(["cc", "-O1", "-static", "-o", str(target), source], check=True)
        return FAULTS

    def still(self, name: str, memory_mib: int, **options: Any) -> str:
        """A guest that takes its memory at once and stays paused. Returns virsh's complaint, or ''."""
        path = self.host.put(f"{name}.xml", definition(name, memory_mib, **options).encode())
        return self.sh(f"virsh -q create --paused {path} 2>&1 | grep -v 'created from'", timeout_s=180)

    def grow(self, name: str, mib: int) -> str:
        """Let the QEMU of a still guest take this much more, as for a guest that begins to use it."""
        label = f"more{time.monotonic_ns() % 10_000_000}"
        words = f"object_add memory-backend-ram,id={label},size={mib}M,prealloc=on"
        return self.sh(f"timeout 90 virsh -q qemu-monitor-command {name} --hmp '{words}' 2>&1")

    def fill(self, name: str) -> str:
        """Let the QEMU of a still guest take all the memory that its guest was promised."""
        words = "qom-set /objects/pc.ram prealloc true"
        return self.sh(f"timeout 90 virsh -q qemu-monitor-command {name} --hmp '{words}' 2>&1")

    def monitor(self, name: str, words: str) -> None:
        """A command for QEMU's monitor that need not end; what it printed is in /tmp/background.out."""
        self.background(f"virsh -q qemu-monitor-command {name} --hmp {shlex.quote(words)}")

    def lively(self, label: str, wish: GuestWish) -> Guest:
        """A guest that boots Linux and shapes its memory as ordered."""
        guest = start_guest(self.host, label, wish)
        self._guests.append(guest)
        guest.wait_until_ready(timeout_s=300)
        return guest

    def keep_guest_log(self, guest: Guest) -> None:
        """Keep the guest's own kernel log beside the host's."""
        answer = guest.agent.ask("sh dmesg", timeout_s=60)
        self.must("Out of memory" in answer.text or "invoked oom-killer" in answer.text, answer.text[-300:])
        self.files["guest/dmesg"] = answer.text.encode()

    def log(self) -> str:
        """The kernel's log since the scenario began, as dmesg prints it."""
        return self.host.run_or_fail("dmesg")

    def wait_for_log(self, words: str, *, timeout_s: float = 60.0) -> None:
        """Wait until the kernel has said these words."""
        try:
            self.wait_until(lambda: re.search(words, self.log()) is not None, words, timeout_s)
        except OutcomeUnknownError:
            self.say(f"the last command printed: {self.sh('tail -c 300 /tmp/background.out')}")
            raise
        time.sleep(1.0)

    def wait_for_state(self, name: str, words: str, *, timeout_s: float = 90.0) -> None:
        """Wait until libvirt gives this state or reason for a domain."""
        ask = f"virsh domstate {name} --reason"
        self.wait_until(lambda: words in self.sh(ask), words, timeout_s)

    def wait_until(self, is_so: Callable[[], bool], what: str, timeout_s: float) -> None:
        """Wait for something. Raises OutcomeUnknownError when it does not come in time."""
        deadline = time.monotonic() + timeout_s
        while not is_so():
            if time.monotonic() > deadline:
                raise OutcomeUnknownError(f"it never came to {what!r}")
            time.sleep(1.0)

    def free_mib(self) -> int:
        """Free memory of the host in MiB."""
        return int(self.sh("grep ^MemFree: /proc/meminfo").split()[1]) // 1024

    def outer_monitor(self, words: str) -> None:
        """A command for the monitor of the machine that the host itself is."""
        qmp(self.host.folder / "qmp.sock", "human-monitor-command", {"command-line": words})

    def poke(self, function: str, code: str) -> None:
        """Overwrite the beginning of a function of the host's kernel."""
        address = self.sh(f"grep -w {function} /proc/kallsyms").split()[0]
        path = self.host.folder / "debugger.sock"
        self.outer_monitor(f"gdbserver unix:{path},server=on,wait=off")
        poke(path, int(address, 16), bytes.fromhex(code))

    def freeze_machine(self, seconds: float) -> None:
        """Stop the machine that the host is, while its clock runs on."""
        os.kill(self.host.pid, signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            os.kill(self.host.pid, signal.SIGCONT)

    def expect_restart(self, act: Callable[[], Any], *, end: BootEnd, log_after_s: float = 0.0) -> None:
        """Do what makes the host restart; keep the log of the boot that ended, and wait for the next one."""
        told = self.log()
        self._keep_qemu_logs()
        _quietly(act)
        if log_after_s:
            time.sleep(log_after_s)
            told = self.log()
        self.host.wait_until_up(since_boot_id=self.boot.boot_id, timeout_s=240)
        if end == "panic":
            told += self._last_words(told)
        self.ended.append(self.boot.told(told, end))
        self.boot = boot_of(self.host)

    def _keep_qemu_logs(self) -> None:
        """QEMU's logs are on a disk on a real host; here they would go with the boot."""
        folder = "/var/log/libvirt/qemu"
        for name in self.sh(f"ls {folder} 2>/dev/null").split():
            self.files[f"var/log/libvirt/qemu/{name}"] = self.sh(f"cat {folder}/{name}").encode()

    def restart_libvirtd(self) -> None:
        """Start libvirtd anew, so that it reads its settings."""
        self.sh("kill $(pgrep -x libvirtd); sleep 2; libvirtd -d; sleep 2; virsh uri")

    def on_clear(self, text: str) -> None:
        """A shell text that puts right what the scenario changed."""
        self._at_clear.append(text)

    def clear(self) -> None:
        """End guests and background commands, so that the host is fit for the next scenario."""
        for text in self._at_clear:
            self.sh(text)
        self.sh(
            "kill -9 $(cat /tmp/background.pids) 2>/dev/null; rm -f /tmp/background.pids; pkill -9 faults"
        )
        self.end_guests()
        self.sh(
            "echo 0 > /proc/sys/vm/nr_hugepages; echo 0 > /proc/sys/vm/panic_on_oom;"
            " rm -f /data/*.img /data/*.disk /data/*.qcow2"
        )
        self.sh("echo 3 > /proc/sys/vm/drop_caches; echo 1 > /proc/sys/vm/compact_unevictable_allowed")

    def end_guests(self) -> None:
        """End every guest but the calm one."""
        self.sh(
            f"for d in $(virsh -q list --all --name | grep -v {CALM}); do"
            " virsh -q destroy $d; virsh -q undefine $d; done"
        )

    def _last_words(self, told: str) -> str:
        """What the console has of the boot that ended beyond ``told``."""
        console = self.host.console().replace("\r", "")
        boots = console.split("] Linux version ")
        return lines_after(boots[-2].rpartition("\n")[0], time_of_last_line(told or self.boot.prologue))


def boot_of(host: NestedHost) -> BootLog:
    """The present boot of a host: its id, when it began, what its kernel said so far."""
    uptime = float(host.run_or_fail("cat /proc/uptime").split()[0])
    return BootLog(
        boot_id=host.boot_id(),
        started_at=round(time.time() - uptime, 3),
        prologue=host.run_or_fail("dmesg"),
        segment="",
        end="running",
    )


def _quietly(act: Callable[[], Any]) -> None:
    """Do something after which the host may not answer any more."""
    try:
        act()
    except (ActionError, OutcomeUnknownError, OSError):
        return


try_quietly = _quietly
