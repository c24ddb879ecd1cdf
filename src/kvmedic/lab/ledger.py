"""What a bed has made, written down before it is made: the only source of truth for taking it away again.

A bed is one set of disposable things (processes, folders, cgroups, changed settings) with an id of its own.
Its ledger is a file of JSON lines in the registry folder, so that ``clean`` knows everything after a kill -9.
A process is known by pid and start time, and by the bed's token in its environment: the token covers the
moment between the start of a process and the line that names it, and the children that libvirt starts for us.
"""

from __future__ import annotations

import json
import os
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path

from kvmedic.errors import UsageError

REGISTRY = Path("/run/kvmedic-lab")
TOKEN_VARIABLE = "KVMEDIC_LAB_BED"  # noqa: S105  (the name of a variable, not a secret)
PREFIX = "kvmedic-lab-"

Entry = dict[str, str | int]


def boot_id() -> str:
    """The id of this boot of the kernel; pids and start times mean nothing under another."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def start_ticks(pid: int) -> int | None:
    """Start time in clock ticks since boot (field 22 of /proc/PID/stat); None when it is gone or a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else int(fields[19])


class Ledger:
    """The append-only file of one bed. Each line reaches the kernel before the call returns."""

    def __init__(self, bed_id: str) -> None:
        self.bed_id = bed_id
        self.path = REGISTRY / f"{bed_id}.jsonl"

    @classmethod
    def open_new(cls) -> Ledger:
        """A new bed, owned by this process."""
        try:
            REGISTRY.mkdir(mode=0o700, parents=True, exist_ok=True)
        except PermissionError as error:
            raise UsageError(
                f"cannot write {REGISTRY}", hint="The lab starts hosts and guests; run it as root."
            ) from error
        ledger = cls(secrets.token_hex(4))
        pid = os.getpid()
        ledger.note("bed", boot=boot_id(), owner=pid, owner_start=start_ticks(pid) or 0)
        return ledger

    @property
    def token(self) -> str:
        """A word that occurs nowhere else on this machine."""
        return PREFIX + self.bed_id

    @property
    def folder(self) -> Path:
        """Where every file of this bed lives. Short, because unix socket paths end at 107 bytes."""
        return Path(tempfile.gettempdir()) / self.token

    @property
    def scratch(self) -> Path:
        """The temporary folder of the bed's processes, and a mark by which clean-up knows them."""
        return self.folder / "tmp"

    def note(self, kind: str, **what: str | int) -> None:
        """Append one entry."""
        line = json.dumps({"kind": kind, **what}) + "\n"
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)

    def entries(self, kind: str | None = None) -> list[Entry]:
        """All entries, or those of one kind, oldest first; a torn last line is left out."""
        return [entry for entry in _lines(self.path) if kind in (None, entry["kind"])]

    def owner_pid(self) -> int | None:
        """The process that made this bed, None when it is gone."""
        beds = self.entries("bed")
        if not beds or beds[0]["boot"] != boot_id():
            return None
        pid = int(beds[0]["owner"])
        return pid if start_ticks(pid) == beds[0]["owner_start"] else None

    def is_kept(self) -> bool:
        """Whether it was left running on purpose, for somebody who will clean it by its id."""
        return bool(self.entries("kept"))


def _lines(path: Path) -> Iterator[Entry]:
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            yield json.loads(line)
        except json.JSONDecodeError:
            continue


def all_ledgers() -> list[Ledger]:
    """Every bed on this machine that was not cleaned yet."""
    return [Ledger(path.stem) for path in sorted(REGISTRY.glob("*.jsonl"))]
