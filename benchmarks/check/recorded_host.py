"""A host with many domains as a folder, made from one recorded domain and one recorded kernel."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

DATA = Path(__file__).parents[2] / "tests" / "data"
DOMAIN, KERNEL = DATA / "domains" / "cgroup-v1", DATA / "kernels" / "6.18-one-node"
NAME, UUID, PID = "lab-guest", "01944cbb-d48c-4d21-887b-61f6772ab2df", "15028"
AGAIN = "kvmedic/again"
MANIFEST = {
    "schema": "kvmedic/bundle/1",
    "taken_at": 1795558420.9,
    "interval_s": 2.0,
    "tool_version": "benchmark",
    "deep": False,
    "hostname": "kvm-host-b3",
    "gaps": [],
}
LISTS = ("virsh_-r_list_--all", "virsh_-r_domstats")


def write_host(folder: Path, domains: int) -> None:
    """Writes the host with ``domains`` domains into ``folder``."""
    _copy_kernel(folder)
    recorded = {
        str(path.relative_to(DOMAIN)): path.read_bytes() for path in DOMAIN.rglob("*") if path.is_file()
    }
    own = {path: data for path, data in recorded.items() if _is_of_domain(path)}
    shared = {path: data for path, data in recorded.items() if path not in own and "/virsh/" not in path}
    for path, data in shared.items():
        _write(folder, path, data)
    for number in range(1, domains + 1):
        for path, data in own.items():
            _write(folder, _renamed(path, number), _renamed(data.decode(), number).encode())
    _write_lists(folder, domains, recorded)
    pids = "".join(f"{20000 + number} qemu\n" for number in range(1, domains + 1))
    _write(folder, "kvmedic/process/kinds", f"{pids}901 daemon libvirtd\n".encode())
    _write(folder, "kvmedic/manifest.json", json.dumps(MANIFEST).encode())


def _copy_kernel(folder: Path) -> None:
    for path in KERNEL.rglob("*"):
        if path.is_file():
            inside = str(path.relative_to(KERNEL))
            _write(folder, inside, path.read_bytes())
            if inside in ("proc/vmstat", "proc/uptime") or inside.startswith("proc/pressure/"):
                _write(folder, f"{AGAIN}/{inside}", path.read_bytes())


def _write_lists(folder: Path, domains: int, recorded: dict[str, bytes]) -> None:
    listed, stats = (recorded[f"sos_commands/virsh/{name}"].decode() for name in LISTS)
    head, row = listed.split("\n")[:2], f" 1    {NAME}   running\n"
    rows = "".join(_renamed(row, number) for number in range(1, domains + 1))
    _write(folder, f"sos_commands/virsh/{LISTS[0]}", ("\n".join(head) + "\n" + rows).encode())
    every = "\n".join(_renamed(stats, number) for number in range(1, domains + 1))
    _write(folder, f"sos_commands/virsh/{LISTS[1]}", every.encode())


def _is_of_domain(path: str) -> bool:
    return PID in path or (NAME in path)


def _renamed(text: str, number: int) -> str:
    own = str(uuid.UUID(int=uuid.UUID(UUID).int + number))
    return text.replace(NAME, f"guest-{number:03}").replace(UUID, own).replace(PID, str(20000 + number))


def _write(folder: Path, path: str, data: bytes) -> None:
    place = folder / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data)
