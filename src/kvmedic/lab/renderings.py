"""The same incident in every form in which an operator may have it. Pure: from the true log to text.

Forms as their writers make them: dmesg(1); RFC 3164; journalctl(1) -o short, json and export; pstore
(Documentation/admin-guide/pstore-blk.rst); a serial console; a sosreport's folders.
"""

from __future__ import annotations

import io
import json
import lzma
import tarfile
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime

import msgspec

from kvmedic.lab.incident import Boot, Incident
from kvmedic.lab.take import time_of

UNFLUSHED_S = 5.0
"""What the kernel said this shortly before a panic does not reach the disk."""

DUMPED_AFTER_S = 20.0
"""So long after the panic the kernel that saves the dump names its folder."""


def dmesg(incident: Incident) -> bytes:
    """The ring buffer; after a panic the one that the crash dump holds."""
    failed = [boot for boot in incident.boots if boot.end == "panic"]
    return (failed or incident.boots)[-1].text.encode()


def syslog(incident: Incident) -> bytes:
    """kern.log with all boots, local time without year or zone."""
    lines = (
        f"{_day(at_s)} {incident.label.host} kernel: {line}"
        for boot in incident.boots
        for at_s, line in _timed(boot)
    )
    return _text(lines)


def journal_short(incident: Incident) -> bytes:
    """journalctl -k -o short, with the lines that part one boot from the next."""
    return _text(_journal_lines(incident))


def journal_json(incident: Incident) -> bytes:
    """journalctl -k -o json: one object a line."""
    return _text(json.dumps(fields) for fields in _journal_fields(incident))


def journal_export(incident: Incident) -> bytes:
    """journalctl -k -o export: one field a line, an empty line behind each entry."""
    return _text(
        "".join(f"{key}={value}\n" for key, value in fields.items()) for fields in _journal_fields(incident)
    )


def serial(incident: Incident) -> bytes:
    """A capture of the serial console, across boots, with its carriage returns."""
    return "".join(boot.text for boot in incident.boots).replace("\n", "\r\n").encode()


def pstore(incident: Incident) -> bytes:
    """What the firmware kept of the boot that ended in a panic: the last 16 KiB."""
    return b"Panic#1 Part1\n" + dmesg(incident)[-16384:]


def guest_log(incident: Incident) -> bytes:
    """The guest's own kernel log."""
    return incident.files["guest/dmesg"]


def qemu_log(incident: Incident) -> bytes:
    """QEMU's logs of all domains, one behind the other."""
    logs = [data for path, data in sorted(incident.files.items()) if path.startswith("var/log/libvirt/qemu/")]
    return b"".join(logs)


def sosreport(incident: Incident) -> bytes:
    """A sosreport: logs and state of the host as of after the failure."""
    root = f"sosreport-{incident.label.host}"
    entries = {f"{root}/{path}": data for path, data in _sosreport_files(incident).items()}
    return lzma.compress(_tar(entries, incident.boots[-1]), preset=1)


FORMATS: Mapping[str, tuple[str, Callable[[Incident], bytes]]] = {
    "dmesg": ("dmesg.txt", dmesg),
    "syslog": ("kern.log", syslog),
    "journal-short": ("journal.txt", journal_short),
    "journal-json": ("journal.json", journal_json),
    "journal-export": ("journal.export", journal_export),
    "serial": ("console.log", serial),
    "pstore": ("dmesg-efi-170000000001001", pstore),
    "guest-log": ("guest-kern.log", guest_log),
    "qemu-log": ("qemu.log", qemu_log),
    "sosreport": ("sosreport.tar.xz", sosreport),
}
"""Name of the form, name of its file, how it is made."""


def _sosreport_files(incident: Incident) -> Mapping[str, bytes]:
    files = {
        path: data for path, data in incident.files.items() if not path.startswith(("before/", "guest/"))
    }
    kept = [_flushed(boot) for boot in incident.boots]
    files["var/log/kern.log"] = syslog(_with_boots(incident, kept))
    files["sos_commands/kernel/dmesg"] = incident.boots[-1].text.encode()
    for boot in incident.boots:
        if boot.end == "panic":
            day = datetime.fromtimestamp(_last_s(boot) + DUMPED_AFTER_S, UTC).strftime("%Y-%m-%d-%H:%M:%S")
            files[f"var/crash/127.0.0.1-{day}/vmcore-dmesg.txt"] = boot.text.encode()
    return files


def _flushed(boot: Boot) -> Boot:
    """The part of a boot's log that reached the disk."""
    if boot.end != "panic":
        return boot
    end_s = _last_s(boot) - UNFLUSHED_S
    lines = [line for at_s, line in _timed(boot) if at_s < end_s]
    return msgspec.structs.replace(boot, text="".join(f"{line}\n" for line in lines))


def _last_s(boot: Boot) -> float:
    """When its last line was said; when it began, where it said none."""
    return max((at_s for at_s, _ in _timed(boot)), default=boot.started_at)


def _with_boots(incident: Incident, boots: list[Boot]) -> Incident:
    return msgspec.structs.replace(incident, boots=tuple(boots))


def _timed(boot: Boot) -> Iterator[tuple[float, str]]:
    """Each line with its time since 1970; one without a stamp has that of the line above."""
    last_s = 0.0
    for line in boot.text.splitlines():
        since_boot_s = time_of(line)
        last_s = last_s if since_boot_s is None else since_boot_s
        yield boot.started_at + last_s, line


def _day(at_s: float) -> str:
    moment = datetime.fromtimestamp(at_s, UTC)
    return f"{moment:%b} {moment.day:2} {moment:%H:%M:%S}"


def _message(line: str) -> str:
    return line.partition("] ")[2] if time_of(line) is not None else line


def _journal_lines(incident: Incident) -> Iterator[str]:
    for index, boot in enumerate(incident.boots):
        if index:
            yield f"-- Boot {boot.boot_id.replace('-', '')} --"
        for at_s, line in _timed(boot):
            yield f"{_day(at_s)} {incident.label.host} kernel: {_message(line)}"


def _journal_fields(incident: Incident) -> Iterator[dict[str, str]]:
    for boot in incident.boots:
        boot_id = boot.boot_id.replace("-", "")
        for number, (at_s, line) in enumerate(_timed(boot)):
            monotonic_us = round((at_s - boot.started_at) * 1e6)
            yield {
                "__CURSOR": f"s=1;i={number:x};b={boot_id};m={monotonic_us:x}",
                "__REALTIME_TIMESTAMP": str(round(at_s * 1e6)),
                "__MONOTONIC_TIMESTAMP": str(monotonic_us),
                "_BOOT_ID": boot_id,
                "_SOURCE_MONOTONIC_TIMESTAMP": str(monotonic_us),
                "_TRANSPORT": "kernel",
                "_HOSTNAME": incident.label.host,
                "SYSLOG_IDENTIFIER": "kernel",
                "MESSAGE": _message(line),
            }


def _text(lines: Iterator[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def _tar(entries: Mapping[str, bytes], boot: Boot) -> bytes:
    """Written when the last line of the log was."""
    buffer = io.BytesIO()
    times = [at_s for at_s, _ in _timed(boot)]
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path, data in entries.items():
            member = tarfile.TarInfo(path)
            member.size, member.mtime = len(data), int(times[-1] if times else boot.started_at)
            tar.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def end_of(incident: Incident) -> float:
    """When the last line of the last boot was said, in seconds since 1970."""
    return _last_s(incident.boots[-1])
