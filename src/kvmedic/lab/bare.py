"""A stage without libvirt: QEMU started as libvirt starts it, in cgroups of libvirt's names. Much quicker."""

from __future__ import annotations

import itertools
import json
import shlex
from collections.abc import Callable, Generator
from typing import Any

from kvmedic.lab.nested_host import NestedHost
from kvmedic.lab.stage import Stage
from kvmedic.lab.take import BootLog

LIBVIRT_RUN, LIBVIRT_LOG = "/run/libvirt/qemu", "/var/log/libvirt/qemu"
START = """
mkdir -p {run} {log} /sys/fs/cgroup/machine/{group}
echo '+memory +pids +cpu' > /sys/fs/cgroup/machine/cgroup.subtree_control 2>/dev/null
{limit}
date -u +'%F %T.000+0000: starting up' >> {log}/{name}.log
(
  echo 0 > /sys/fs/cgroup/machine/{group}/cgroup.procs && exec setsid {command}
) >> {log}/{name}.log 2>&1 < /dev/null &
echo $! > {run}/{name}.pid
for i in $(seq 60); do [ -S {run}/{name}.sock ] && break; [ -d /proc/$! ] || break; sleep 0.3; done
"""
ASK = """
import socket
line = socket.socket(socket.AF_UNIX)
line.connect({socket!r})
line.sendall({said!r}.encode())
for _ in range(3):
    print(line.recv(4096))
"""


class BareStage(Stage):
    """As ``Stage``, for failures in which libvirt plays no part."""

    def __init__(self, host: NestedHost, variant: int, boot: BootLog, say: Callable[[str], None]) -> None:
        super().__init__(host, variant, boot, say)
        self._numbers = itertools.count(1)

    def still(self, name: str, memory_mib: int, **options: Any) -> str:
        """A QEMU that takes its memory at once and runs nothing; its complaint, or ''."""
        limit_mib = options.get("limit_mib", 0)
        group = f"qemu-{next(self._numbers)}-{name}.libvirt-qemu"
        text = START.format(
            run=LIBVIRT_RUN,
            log=LIBVIRT_LOG,
            name=name,
            group=group,
            limit=f"echo {limit_mib}M > /sys/fs/cgroup/machine/{group}/memory.max" if limit_mib else "",
            command=shlex.join(_command(name, memory_mib, **options)),
        )
        self.sh(text, timeout_s=90)
        return self.sh(f"grep qemu-system {LIBVIRT_LOG}/{name}.log | tail -n 2")

    def grow(self, name: str, mib: int) -> str:
        """As in ``Stage``, through QEMU's own socket."""
        words = f"object_add memory-backend-ram,id=more{next(self._numbers)},size={mib}M,prealloc=on"
        return self.sh(f"timeout 90 {self._asked(name, words)}")

    def fill(self, name: str) -> str:
        """As in ``Stage``, through QEMU's own socket."""
        return self.sh(f"timeout 90 {self._asked(name, 'qom-set /objects/pc.ram prealloc true')}")

    def monitor(self, name: str, words: str) -> None:
        """As in ``Stage``, through QEMU's own socket."""
        self.background(self._asked(name, words))

    def _asked(self, name: str, words: str) -> str:
        """The command that puts words to QEMU's monitor."""
        asked = {"execute": "human-monitor-command", "arguments": {"command-line": words}}
        said = '{"execute": "qmp_capabilities"}\n' + json.dumps(asked) + "\n"
        text = ASK.format(socket=f"{LIBVIRT_RUN}/{name}.sock", said=said)
        script = self.host.put(f"ask-{next(self._numbers)}.py", text.encode())
        return f"python3 -S -E {script}"

    def end_guests(self) -> None:
        """End every QEMU and remove its group."""
        self.sh(
            f"kill -9 $(cat {LIBVIRT_RUN}/*.pid) 2>/dev/null; rm -f {LIBVIRT_RUN}/*; sleep 1;"
            " rmdir /sys/fs/cgroup/machine/qemu-* 2>/dev/null; true"
        )


def _command(name: str, memory_mib: int, **options: Any) -> list[str]:
    return ["qemu-system-x86_64", *_words(name, memory_mib, **options)]


def _words(name: str, memory_mib: int, **options: Any) -> Generator[str, None, None]:
    """What libvirt 9.0 gives, less what only libvirt needs."""
    yield from (
        "-name",
        f"guest={name},debug-threads=on",
        "-S",
        "-machine",
        "pc-q35-7.2,memory-backend=pc.ram",
    )
    yield from (
        "-accel",
        "kvm",
        "-cpu",
        "qemu64",
        "-m",
        str(memory_mib),
        "-smp",
        str(options.get("vcpus", 1)),
    )
    kind = "memory-backend-file,mem-path=/dev/hugepages" if options.get("huge") else "memory-backend-ram"
    backing = f"{kind},id=pc.ram,size={memory_mib}M"
    if options.get("prealloc", True):
        backing += ",prealloc=on"
    if options.get("node") is not None:
        backing += f",policy=bind,host-nodes={options['node']}"
    yield from ("-object", backing, "-display", "none", "-no-user-config", "-nodefaults")
    yield from ("-qmp", f"unix:{LIBVIRT_RUN}/{name}.sock,server=on,wait=off")
    yield from ("-device", "virtio-balloon-pci,id=balloon0", "-msg", "timestamp=on")
    if options.get("disk"):
        yield from _disk(options["disk"])


def _disk(path: str) -> Generator[str, None, None]:
    """A disk as libvirt gives it with cache='none': past the page cache of the host."""
    direct = '"cache": {"direct": true, "no-flush": false}'
    yield from ("-blockdev", f'{{"driver": "file", "filename": "{path}", "node-name": "file0", {direct}}}')
    yield from ("-blockdev", f'{{"driver": "qcow2", "file": "file0", "node-name": "disk0", {direct}}}')
    yield from ("-device", "virtio-blk-pci,drive=disk0,id=virtio-disk0,werror=enospc,rerror=report")
