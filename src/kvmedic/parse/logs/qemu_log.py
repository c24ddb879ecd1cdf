"""QEMU's own words, from libvirt's per-domain logs, the journal or the kernel.

The forms are those of QEMU 2.x to 10.x and libvirt 1.x to 12.x: framing lines (``starting up libvirt
version``, ``shutting down, reason=``), the signal line, start failures, KVM errors, assertions.
"""

from __future__ import annotations

import re
from typing import Final, Literal

from msgspec import structs

from kvmedic.model.log_event import QemuEvent
from kvmedic.parse.logs.envelope import LogLine
from kvmedic.parse.logs.numbers import whole
from kvmedic.parse.logs.report import KEPT_LINE_CHARACTERS, Context
from kvmedic.parse.logs.task_table import is_qemu_comm

Kind = Literal[
    "started",
    "stopped",
    "signalled",
    "start-failed",
    "assertion",
    "segfault",
    "kvm-internal-error",
    "paused-io-error",
    "vcpu-error",
]
_KINDS: Final[tuple[tuple[Kind, str | None, re.Pattern[str]], ...]] = (
    (
        "signalled",
        None,
        re.compile(
            r"terminating on signal (?P<signal>\d{1,3})(?: from pid "
            r"(?P<by>\d{1,10}))?(?: \((?P<who>[^)]{0,4096})\))?"
        ),
    ),
    ("stopped", None, re.compile(r"shutting down, reason=(?P<reason>[\w-]{1,40})")),
    ("started", None, re.compile(r"starting up libvirt version")),
    (
        "paused-io-error",
        None,
        re.compile(r"block I/O error in device '[^']{0,128}': .{0,80}?(?:\((?P<errno>\d{1,4})\)|$)"),
    ),
    (
        "start-failed",
        "kvm-create-vcpu",
        re.compile(r"kvm_(?:init|get)_vcpu.{0,80}?fail"),
    ),
    ("start-failed", "kvm-create-vm", re.compile(r"KVM_CREATE_VM\S* failed:? ?-?(?P<errno>\d{1,4})?")),
    ("start-failed", "kvm-create-vcpu", re.compile(r"KVM_CREATE_VCPU\S* failed:? ?-?(?P<errno>\d{1,4})?")),
    ("start-failed", "backing-store", re.compile(r"unable to map backing store")),
    ("start-failed", "hugepages", re.compile(r"nsufficient free host memory")),
    (
        "start-failed",
        "hugepages",
        re.compile(r"(?:os|qemu)_(?:mem_)?prealloc(?:_mem)?: preallocating memory failed: Bad address"),
    ),
    ("start-failed", "backing-store", re.compile(r"preallocating memory failed")),
    ("start-failed", "guest-memory", re.compile(r"cannot set up guest memory")),
    ("start-failed", "kvm-init", re.compile(r"failed to initialize (?:KVM|kvm)(?:: (?P<reason>.{0,100}))?")),
    (
        "kvm-internal-error",
        None,
        re.compile(r"KVM internal error\. ?(?P<reason>.{0,100})|KVM: entry failed, (?P<reason2>.{0,80})"),
    ),
    ("vcpu-error", None, re.compile(r"kvm run failed (?P<reason>.{0,80})")),
    (
        "assertion",
        None,
        re.compile(
            r"(?P<reason>[^:]{0,80}:\d+:.{0,200}?[Aa]ssertion.{0,200}?failed.{0,20}"
            r"|Assertion .{1,200}? failed)"
        ),
    ),
    (
        "assertion",
        None,
        re.compile(
            r"\*\* ?ERROR:(?P<reason>.{0,200}(?:assertion failed"
            r"|should not be reached).{0,100})"
        ),
    ),
)
_SEGFAULT = re.compile(
    r"(?:traps: )?(.{1,32}?)\[(\d{1,10})\](?:: segfault at| trap | general protection)(.{0,120})"
)
_PROGRAM = re.compile(r"(?:^|\s)(qemu[\w-]*|kvm)(?:\[\d+\])?: ")
_DOMAIN_FILE = re.compile(r"(?:^|/)qemu/([^/]{1,255}?)\.log(?:[.-]\d+)?(?:\.(?:gz|xz|zst|bz2))?$")
_ERRNO_TEXT: Final = (
    ("Cannot allocate memory", 12),
    ("No space left on device", 28),
    ("Permission denied", 13),
)


def domain_of_source(source: str) -> str | None:
    """The domain whose log this is, by libvirt's rule for names: ``…/libvirt/qemu/NAME.log``."""
    match = _DOMAIN_FILE.search(source)
    return None if match is None else match[1]


def read_qemu(context: Context, line: LogLine) -> QemuEvent | None:
    """What this line tells of a QEMU process; None for other lines."""
    crash = _segfault(context, line)
    if crash is not None:
        return crash
    for kind, failure, pattern in _KINDS:
        match = pattern.search(line.message)
        if match is not None and (kind != "assertion" or _is_of_qemu(context, line)):
            return _event(context, line, kind, failure, match.groupdict())
    return None


def _is_of_qemu(context: Context, line: LogLine) -> bool:
    """Assertions fail in any program; only those of a domain's own log or of a QEMU count."""
    return domain_of_source(context.source) is not None or "qemu" in line.raw[:KEPT_LINE_CHARACTERS].lower()


def _segfault(context: Context, line: LogLine) -> QemuEvent | None:
    match = _SEGFAULT.match(line.message) if line.is_kernel else None
    if match is None or not is_qemu_comm(match[1]):
        return None
    event = _event(context, line, "segfault", None, {"reason": match[3].strip()})
    return structs.replace(event, comm=match[1], pid=int(match[2]), signal=11)


def _event(
    context: Context, line: LogLine, kind: Kind, failure: str | None, found: dict[str, str | None]
) -> QemuEvent:
    program = _PROGRAM.search(line.message)
    return QemuEvent(
        at=context.at(line),
        host=line.host,
        lines=context.proof(line),
        kind=kind,
        domain=domain_of_source(context.source),
        pid=line.pid if line.identifier and is_qemu_comm(line.identifier) else None,
        comm=program[1] if program else None,
        reason=found.get("reason") or found.get("reason2"),
        signal=whole(found.get("signal")) if kind == "signalled" else None,
        sender_pid=whole(found.get("by")),
        sender=found.get("who"),
        failure=failure,
        errno=_errno(line.message, found.get("errno")),
        detail=line.message[:500],
    )


def _errno(message: str, digits: str | None) -> int | None:
    for text, number in _ERRNO_TEXT:
        if text in message:
            return number
    return whole(digits)
