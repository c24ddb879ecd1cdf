"""The story in three minutes, with a real guest: ``python -m kvmedic.lab.demo``.

The balloon inflates, the host gets nothing, check finds it, plan compares, apply repairs, check is content.
Everything happens in a bed of its own (a private libvirt) and is gone afterwards.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from kvmedic.lab.bed import Bed
from kvmedic.lab.domain_xml import GuestWish
from kvmedic.lab.guest import Guest, start_guest
from kvmedic.lab.libvirt_host import LibvirtHost
from kvmedic.units import KIB, human_bytes

MEMORY_MIB, PUNCHED_MIB, TO_MIB = 1024, 700, 700
KVMEDIC = Path(sys.executable).parent / "kvmedic"


def main() -> int:
    """Tells the story; 0 when it ended as promised: the memory came back and the guest kept its own."""
    with Bed() as bed:
        _say("A guest of 1 GiB starts, and fragments its own memory (every second 4 KiB page is freed) …")
        host = LibvirtHost(bed)
        guest = start_guest(host, "demo", GuestWish(memory_mib=MEMORY_MIB, orders=(f"punch {PUNCHED_MIB}",)))
        guest.wait_until_ready()
        before = _reading(guest)
        _say(f"virsh setmem {guest.name} {TO_MIB}M --live: the balloon takes {MEMORY_MIB - TO_MIB} MiB …")
        guest.set_balloon(TO_MIB)
        after = _reading(guest)
        _tell_change(before, after)
        return _repair(host, guest, bed.folder)


def _repair(host: LibvirtHost, guest: Guest, folder: Path) -> int:
    plan = str(folder / "plan.json")
    state = {"KVMEDIC_STATE": str(folder / "state")}
    about = ("--remedy", "release-stranded-memory", "--domain", guest.name)
    codes = [
        _run(host, ["check", "--page-map", "full"], state),
        _run(host, ["plan", "--domain", guest.name], state),
        _run(host, ["plan", *about, "-o", plan], state),
        _run(host, ["apply", plan], state),
        _run(host, ["check", "--page-map", "full", "-v"], state, only="balloon-stranded-memory"),
    ]
    _say("The bed, its libvirt and its guest are taken away again.")
    return 0 if codes[3] == 0 else 1


def _run(host: LibvirtHost, words: Sequence[str], state: dict[str, str], *, only: str = "") -> int:
    """Runs the command in the namespaces of the private libvirt, and shows what it prints."""
    _say(f"$ kvmedic {' '.join(words)}")
    done = subprocess.run(
        [*host.command_prefix, str(KVMEDIC), *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **state},
    )
    sys.stdout.writelines(_shown(done.stdout, only))
    sys.stdout.write(done.stderr)
    sys.stdout.flush()
    return done.returncode


def _shown(text: str, only: str) -> Iterator[str]:
    """The whole output; or its head and the paragraph that begins with ``only``."""
    lines = text.splitlines(keepends=True)
    if not only:
        yield from lines
        return
    yield from lines[:3]
    inside = False
    for line in lines:
        inside = line.lstrip().startswith(only) or (inside and line.startswith("    "))
        if inside:
            yield line


def _reading(guest: Guest) -> dict[str, int]:
    """What people look at: the RSS of QEMU; and what counts: the memory charged to the guest's group."""
    status = Path(f"/proc/{guest.pid}/status").read_text()
    rss = next(int(line.split()[1]) * KIB for line in status.splitlines() if line.startswith("VmRSS"))
    return {"RSS of its QEMU": rss, "memory charged to it": _charged_bytes(guest.pid)}


def _charged_bytes(pid: int) -> int:
    """The usage of the memory group that libvirt made for the domain (v1 or v2), its children included."""
    rows = [row.split(":", 2) for row in Path(f"/proc/{pid}/cgroup").read_text().splitlines()]
    in_v1 = next((path for _, names, path in rows if "memory" in names.split(",")), None)
    if in_v1 is not None:
        group = Path(f"/sys/fs/cgroup/memory{in_v1.removesuffix('/emulator')}")
        return int((group / "memory.usage_in_bytes").read_text())
    in_v2 = next(path for number, _, path in rows if number == "0").removesuffix("/emulator")
    return int((Path(f"/sys/fs/cgroup{in_v2}") / "memory.current").read_text())


def _tell_change(before: dict[str, int], after: dict[str, int]) -> None:
    for name, was in before.items():
        _say(f"  {name:<22} {human_bytes(was):>9} → {human_bytes(after[name]):>9}")
    _say("RSS fell, every dashboard is content, and the host got next to nothing back.")


def _say(text: str) -> None:
    sys.stdout.write(f"\n{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
