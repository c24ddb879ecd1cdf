"""Takes away what a bed made, and nothing else: processes, cgroups, changed settings, folders."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from kvmedic.errors import ActionError, UsageError
from kvmedic.lab.ledger import (
    PREFIX,
    TOKEN_VARIABLE,
    Entry,
    Ledger,
    all_ledgers,
    boot_id,
    start_ticks,
)


def clean(ledger: Ledger, *, patience_s: float = 20.0) -> None:
    """Remove everything of one bed, then its ledger. Raises ActionError when a process will not go."""
    if _is_of_this_boot(ledger):
        _end_processes(ledger, patience_s)
        _remove_cgroups(ledger)
        _restore_settings(ledger)
    _remove_folders(ledger)
    ledger.path.unlink(missing_ok=True)


def clean_orphans() -> list[str]:
    """Clean the beds whose owner died without asking for them to be kept. Returns their ids."""
    orphans = [bed for bed in all_ledgers() if bed.owner_pid() is None and not bed.is_kept()]
    for ledger in orphans:
        clean(ledger)
    return [ledger.bed_id for ledger in orphans]


def clean_named(bed_id: str) -> None:
    """Clean one bed that was left running. Raises UsageError when it is unknown, or in use by its owner."""
    ledger = Ledger(bed_id)
    if not ledger.path.exists():
        raise UsageError(f"no bed {bed_id!r} on this machine")
    owner = ledger.owner_pid()
    if owner is not None and not ledger.is_kept():
        raise UsageError(f"bed {bed_id} is in use by process {owner}", hint="End that process instead.")
    clean(ledger)


def remains_of(ledger: Ledger) -> list[str]:
    """What still exists of a bed, in words; empty after a good clean-up."""
    groups = Path("/sys/fs/cgroup").glob(f"**/*{ledger.token}*")
    return [
        *(f"process {pid}" for pid in processes_of(ledger)),
        *(f"cgroup {group}" for group in groups),
        *(f"mount seen by {pid}" for pid in _seeing_mounts(ledger.token)),
        *(f"file {path}" for path in (ledger.folder, ledger.path) if path.exists()),
    ]


def processes_of(ledger: Ledger) -> list[int]:
    """Pids that belong to the bed and run now: recorded ones, and any that carry the bed's token."""
    recorded = {
        int(entry["pid"])
        for entry in ledger.entries("process")
        if start_ticks(int(entry["pid"])) == entry["start"]
    }
    return sorted((recorded | set(_marked(ledger))) - {os.getpid()})


def _is_of_this_boot(ledger: Ledger) -> bool:
    beds = ledger.entries("bed")
    return bool(beds) and beds[0]["boot"] == boot_id()


def _marked(ledger: Ledger) -> Iterator[int]:
    """Processes with the bed's token in their environment (libvirt hands little but TMPDIR on to QEMU)."""
    marks = {
        f"{TOKEN_VARIABLE}={ledger.token}".encode(),
        f"TMPDIR={ledger.scratch}".encode(),
    }
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and not marks.isdisjoint(_environment(entry)):
            yield int(entry.name)


def _seeing_mounts(token: str) -> Iterator[str]:
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            text = (process / "mountinfo").read_text(errors="replace")
        except OSError:
            continue
        if token in text:
            yield process.name


def _environment(process: Path) -> list[bytes]:
    try:
        return (process / "environ").read_bytes().split(b"\0")
    except OSError:
        return []


def _end_processes(ledger: Ledger, patience_s: float) -> None:
    deadline = time.monotonic() + patience_s
    while pids := processes_of(ledger):
        for pid in pids:
            _kill(pid)
        if time.monotonic() > deadline:
            raise ActionError(
                f"processes of bed {ledger.bed_id} do not end: {pids}", hint="Run `kvmedic lab clean` again."
            )
        time.sleep(0.05)


def _kill(pid: int) -> None:
    """SIGKILL, and collect it when it is our own child. A stopped process dies of it as well."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def _remove_cgroups(ledger: Ledger) -> None:
    for entry in ledger.entries("cgroup"):
        top = Path(str(entry["path"]))
        for group in [*sorted((p for p in top.rglob("*") if p.is_dir()), reverse=True), top]:
            _remove_group(group)


def _remove_group(group: Path) -> None:
    """rmdir, which the kernel refuses while anybody is inside; a dying group may need a moment."""
    for _ in range(40):
        try:
            group.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.05)
        else:
            return


def _restore_settings(ledger: Ledger) -> None:
    """Put a changed setting back, newest first, where it still has the value that we wrote."""
    for entry in reversed(ledger.entries("setting")):
        restore_setting(entry)


def restore_setting(entry: Entry) -> None:
    """Undo one noted change, unless somebody has written another value since."""
    path = Path(str(entry["path"]))
    if path.exists() and path.read_text().split() == str(entry["now"]).split():
        path.write_text(str(entry["before"]))


def _remove_folders(ledger: Ledger) -> None:
    """Only folders right below the temporary folder with the lab's prefix; links are not followed."""
    for entry in ledger.entries("folder"):
        path = Path(str(entry["path"]))
        if path.parent == Path(tempfile.gettempdir()) and path.name.startswith(PREFIX):
            shutil.rmtree(path, ignore_errors=True)
