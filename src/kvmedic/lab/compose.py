"""From takes to incidents: a failure, an older innocent one before it where wanted, and time in between.

A disposable host lives for minutes, a real one for months. So a pause is put between the start of the host,
the decoys and the failure: lines that come later get later time stamps, and the boot is said to have begun
earlier, so that every time of day stays what it was. All lines are the kernel's own. Pure.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence

import msgspec

from kvmedic.lab.incident import Boot, Incident, Label, ProofIn, is_held_out
from kvmedic.lab.take import CALM, STAMP, BootLog, Take, time_of, time_of_last_line
from kvmedic.lab.truth import TRUTH

Rename = Callable[[str], str]
DAY_S = 86400.0
FORMS: Mapping[ProofIn, tuple[str, ...]] = {
    "kernel": ("dmesg", "syslog", "journal-short", "journal-json", "journal-export", "sosreport"),
    "qemu": ("qemu-log", "sosreport"),
    "guest": ("guest-log",),
    "state": ("sosreport",),
}
WITHOUT_LIBVIRT = "QEMU started without libvirt, in cgroups that have libvirt's names"
AFTER_PANIC = ("serial", "pstore")
_VERSION = re.compile(rb"Linux version (\S+)")
_NOT_NUMBERS = re.compile(r"[^\d.]")
_FOLDER = re.compile(r"/(?!qemu/)\w+/kvmedic-lab-[0-9a-f]{8}")
"""The folder of a bed; not the log of a guest, which has the bed's name in its own."""
_HOST = re.compile(r"kvmedic-lab-[0-9a-f]{8}(?:-host)?")


def compose(take: Take, decoys: Sequence[Take], proof_in: ProofIn, *, host: str) -> Incident:
    """One incident. Decoys are failures of other runs on the same kernel, put days before this one."""
    name = f"{take.scenario}-{_NOT_NUMBERS.split(take.kernel)[0]}-{take.variant}"
    first, *others = take.boots
    text, gap_s = _with_history(first, decoys, name)
    boots = [
        _boot(first, text, first.started_at - gap_s),
        *(_boot(boot, boot.text, boot.started_at) for boot in others),
    ]
    files = dict(take.files) if others else _older(take.files, gap_s)
    incident = Incident(
        name=name,
        label=_label(take, decoys, proof_in, host=host, name=name, gap_s=gap_s),
        boots=tuple(boots),
        files=files,
    )
    return _renamed(incident, take.host, host)


def shifted(text: str, by_s: float) -> str:
    """A log with all its time stamps moved."""
    return "\n".join(_moved(line, by_s) for line in text.split("\n"))


def _label(
    take: Take, decoys: Sequence[Take], proof_in: ProofIn, *, host: str, name: str, gap_s: float
) -> Label:
    truth = TRUTH[take.scenario]
    formats = FORMS[proof_in]
    if take.boots[0].end == "panic":
        formats = (*formats, *AFTER_PANIC)
    if take.boots[0].end == "reset":
        # The ring buffer after a reset is that of the new boot and knows nothing.
        formats = tuple(form for form in formats if form != "dmesg")
    days = f"{gap_s / DAY_S:.1f} days of idle time were put between the start of the host and the failure"
    return Label(
        scenario=take.scenario,
        variant=take.variant,
        cause=truth.cause or "",
        also=truth.also,
        kernel=_kernel(take),
        host=host,
        proof_in=proof_in,
        formats=formats,
        decoys=(*(f"{decoy.scenario}, days before" for decoy in decoys), *_lively_decoys(take)),
        spliced=days + ("; the decoys are lines of other runs on this kernel" if decoys else ""),
        made_by=_command(take),
        made_on=_ground(take, proof_in),
        held_out=is_held_out(name),
    )


def _kernel(take: Take) -> str:
    """The kernel whose log proves it: the guest's, where that is kept."""
    said = _VERSION.search(take.files.get("guest/dmesg", b""))
    return take.kernel if said is None else said[1].decode()


def _command(take: Take) -> str:
    """A kernel without a distribution's suffix is that of the machine itself: it cannot be chosen."""
    kernel = f" --kernel {_kernel(take)}" if "-" in _kernel(take) else ""
    return f"kvmedic lab run {take.scenario} --variant {take.variant}{kernel} --save DIR"


def _ground(take: Take, proof_in: ProofIn) -> str:
    if take.made_on == "here":
        if proof_in == "guest":
            return "a guest of this kernel, under a private libvirt on another machine's kernel"
        return "a machine of this kernel, with a private libvirt"
    started = "guests started by libvirt" if take.made_on == "libvirt" else WITHOUT_LIBVIRT
    return f"a disposable host of this kernel, {started}"


def _lively_decoys(take: Take) -> tuple[str, ...]:
    listed = take.files.get("sos_commands/virsh/virsh_-r_list_--all", b"")
    return ("an inflated balloon of another guest",) if CALM.encode() in listed else ()


def _with_history(boot: BootLog, decoys: Sequence[Take], name: str) -> tuple[str, float]:
    """The log with its past, and how long the failure was put off."""
    seed = hashlib.sha256(name.encode()).digest()
    text, at_s = boot.prologue, time_of_last_line(boot.prologue)
    for index, decoy in enumerate(decoys):
        segment = decoy.boots[0].segment
        at_s += (0.3 + seed[index] / 40) * DAY_S
        text += shifted(segment, at_s - _first_time(segment))
        at_s = time_of_last_line(text)
    gap_s = at_s - time_of_last_line(boot.prologue) + (1 + seed[8] / 8) * DAY_S
    gap_s = float(round(gap_s))
    return text + shifted(boot.segment, gap_s), gap_s


def _first_time(text: str) -> float:
    return next(time for line in text.splitlines() if (time := time_of(line)) is not None)


def _moved(line: str, by_s: float) -> str:
    time_s = time_of(line)
    return line if time_s is None else f"[{time_s + by_s:12.6f}]{STAMP.sub('', line, count=1)}"


def _boot(log: BootLog, text: str, started_at: float) -> Boot:
    return Boot(boot_id=log.boot_id, started_at=round(started_at, 3), end=log.end, text=text)


def _older(files: Mapping[str, bytes], by_s: float) -> dict[str, bytes]:
    """The host is up for longer by this: /proc/uptime and the btime of /proc/stat."""
    changed = dict(files)
    for path, data in files.items():
        if path.endswith("proc/uptime"):
            up, _, idle = data.decode().partition(" ")
            changed[path] = f"{float(up) + by_s:.2f} {idle}".encode()
        elif path.endswith("proc/stat") and path.count("/") < 4:
            changed[path] = re.sub(
                rb"^btime (\d+)", lambda match: b"btime %d" % (int(match[1]) - int(by_s)), data, flags=re.M
            )
    return changed


def _renamed(incident: Incident, old: str, new: str) -> Incident:
    """A host name as hosts have it. The lab's own is that of a run."""

    def rename(text: str) -> str:
        return _HOST.sub(new, _FOLDER.sub("/srv/vm", text).replace(old, new))

    boots = tuple(msgspec.structs.replace(boot, text=rename(boot.text)) for boot in incident.boots)
    files = {rename(path): _rename_bytes(data, rename) for path, data in incident.files.items()}
    return msgspec.structs.replace(incident, boots=boots, files=files)


def _rename_bytes(data: bytes, rename: Rename) -> bytes:
    return rename(data.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
