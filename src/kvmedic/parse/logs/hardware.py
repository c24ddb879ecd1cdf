"""Hardware errors: EDAC, machine checks, firmware (GHES), hwpoison, rasdaemon, mcelog, PCIe AER.

Sources: drivers/edac/edac_mc.c, arch/x86/kernel/cpu/mce, drivers/edac/mce_amd.c, drivers/firmware/efi/cper.c,
mm/memory-failure.c, drivers/pci/pcie/aer.c. Lines of start-up and of thermal throttling are no errors.
"""

from __future__ import annotations

import re
from typing import Final, Literal

from kvmedic.model.kernel_event import HardwareError
from kvmedic.model.memory_report import Task
from kvmedic.parse.logs.envelope import LogLine
from kvmedic.parse.logs.numbers import hexadecimal, whole
from kvmedic.parse.logs.report import Collector, Context

Severity = Literal["corrected", "uncorrected", "fatal", "unknown"]
Source = Literal["edac", "mce", "ghes", "hwpoison", "rasdaemon", "aer", "mcelog"]
Component = Literal["memory", "cpu", "pcie", "other"]

_EDAC = re.compile(r"EDAC ([^:]{1,24}): (?:(\d{1,9}) )?(CE|UE)\b[ ,:-]*(.{0,200})")
_EDAC_PLACE = re.compile(r" on (\S.{0,100}?)(?: \(|$)|label \"([^\"]{0,64})\"")
_PAGE = re.compile(r"page[: ]0x([0-9a-f]{1,16})")
_POISON = re.compile(r"(?:Memory failure: |MCE )0x([0-9a-f]{1,16}): (.*)")
_POISON_KILL = re.compile(
    r"(?:Killing|[Ss]ending SIGBUS to|Cannot .{0,20}) ?(.{1,64}?):(\d{1,10}) (?:due to|due|[;,])"
)
_FAULT_KILL = re.compile(
    r"MCE: Killing (.{1,64}?):(\d{1,10}) due to hardware memory corruption fault at ([0-9a-f]+)"
)
_IN_GUEST = re.compile(r"Memory Error at QEMU addr (?:0x)?([0-9a-f]{1,16})|Hardware memory error!")
_USER_ACCESS = re.compile(r"Uncorrected hardware memory error in user-access at ([0-9a-f]+)")
_RAS = re.compile(r"mc_event:.{0,60}?(\d{1,9}) (Corrected|Uncorrected|Fatal|Deferred|Info)\S* error.{0,200}")
_RAS_PLACE = re.compile(r" on (.{1,80}?) \(")
_RAS_MCE = re.compile(r"mce_record:.{0,300}")
_AER = re.compile(r"(\S{1,64}): AER: (?:Multiple )?(Correct\w+|Uncorrect\w+)(?: \(([\w-]+)\))? (?:error|err)")
_MCELOG = re.compile(r"(?:Corrected|Uncorrected|corrected|uncorrected).{0,40}error")
_GHES_GROUP = re.compile(r"\{(\d{1,9})\}\[Hardware Error\]: ?(.*)")
_MCE_LINE = re.compile(r"(?:mce: )?\[Hardware Error\]: ?(.*)")
_MCE_HEAD = re.compile(
    r"CPU (\d{1,5}): Machine [Cc]heck(?: Exception)?: [0-9a-fx]+ Bank (\d{1,3}): ([0-9a-f]{1,16})"
)
_MCE_STATUS = re.compile(r"CPU:(\d{1,5}) .{0,40}?MC(\d{1,3})_STATUS\[[^\]]*\]: 0x([0-9a-f]{1,16})")
_ADDRESS = re.compile(r"(?:ADDR|physical_address:|Error Addr(?:ess)?:) *(?:0x)?([0-9a-f]{1,16})")
_GHES_SEVERITY = re.compile(r"event severity: (\w+)")
_MCE_FATAL = re.compile(r"(?:Fatal machine check|fatal machine check)(.*)")
_WORDS: Final[dict[str, Severity]] = {
    "correct": "corrected", "info": "corrected", "uncorrec": "uncorrected", "recover": "uncorrected",
    "deferre": "uncorrected", "fatal": "fatal",
}  # fmt: skip
UC_BIT: Final = 1 << 61
PCC_BIT: Final = 1 << 57


def open_hardware(context: Context, line: LogLine) -> HardwareCollector | HardwareError | None:
    """An error told in one line, or a collector for one told in several; None for other lines."""
    message = line.message
    if line.identifier == "rasdaemon" or "mc_event" in message or "mce_record" in message:
        return _rasdaemon(context, line)
    if line.identifier == "mcelog" or message.startswith("mcelog: "):
        return _mcelog(context, line)
    if not line.is_kernel:
        return None
    if "[Hardware Error]" in message:
        return _collector(context, line)
    for read in (_edac, _poison, _fault, _of_qemu, _aer, _fatal):
        event = read(context, line)
        if event is not None:
            return event
    return None


def severity_of(word: str) -> Severity:
    """``Corrected``, ``recoverable``, ``Deferred``, ``fatal`` and their kin as one of four words."""
    return next((value for stem, value in _WORDS.items() if word.lower().startswith(stem)), "unknown")


def _error(
    context: Context,
    line: LogLine,
    source: Source,
    severity: Severity,
    component: Component,
    *,
    count: int = 1,
    location: str | None = None,
    address: int | None = None,
    killed: Task | None = None,
    outcome: str | None = None,
) -> HardwareError:
    return HardwareError(
        at=context.at(line),
        host=line.host,
        lines=context.proof(line),
        source=source,
        severity=severity,
        component=component,
        count=count,
        location=location,
        address=address,
        mce_status=None,
        cpu=None,
        killed=killed,
        outcome=outcome,
    )


def _edac(context: Context, line: LogLine) -> HardwareError | None:
    match = _EDAC.search(line.message)
    if match is None:
        return None
    place, page = _EDAC_PLACE.search(match[4]), _PAGE.search(match[4])
    number = hexadecimal(page[1]) if page else None
    return _error(
        context,
        line,
        "edac",
        "corrected" if match[3] == "CE" else "uncorrected",
        "memory" if match[1].startswith("MC") or "MC" in match[1] else "other",
        count=whole(match[2]) or 1,
        location=(place[1] or place[2] or None) if place else None,
        address=number << 12 if number is not None else None,
    )


def _poison(context: Context, line: LogLine) -> HardwareError | None:
    match = _POISON.search(line.message)
    if match is None:
        return None
    kill = _POISON_KILL.search(match[2])
    frame = hexadecimal(match[1])
    return _error(
        context,
        line,
        "hwpoison",
        "uncorrected",
        "memory",
        address=frame << 12 if frame is not None else None,
        killed=Task(comm=kill[1], pid=whole(kill[2]), cpu=None) if kill else None,
        outcome=match[2][:200],
    )


def _fault(context: Context, line: LogLine) -> HardwareError | None:
    kill = _FAULT_KILL.search(line.message)
    if kill is not None:
        task = Task(comm=kill[1], pid=whole(kill[2]), cpu=None)
        return _error(context, line, "hwpoison", "uncorrected", "memory", killed=task)
    match = _USER_ACCESS.search(line.message)
    if match is None:
        return None
    return _error(context, line, "mce", "uncorrected", "memory", address=hexadecimal(match[1]))


def _of_qemu(context: Context, line: LogLine) -> HardwareError | None:
    """QEMU was told that a page of its guest is lost; it tells the guest, or ends ("Hardware memory error!").

    Source: QEMU's target/*/kvm.c, ``kvm_arch_on_sigbus_vcpu`` and ``hardware_memory_error``.
    """
    match = _IN_GUEST.search(line.message)
    if match is None:
        return None
    killed = None if match[1] else Task(comm="qemu", pid=line.pid, cpu=None)
    return _error(
        context, line, "hwpoison", "uncorrected", "memory", killed=killed, outcome=line.message[:200]
    )


def _aer(context: Context, line: LogLine) -> HardwareError | None:
    match = _AER.search(line.message)
    if match is None:
        return None
    severity: Severity = "fatal" if match[3] == "Fatal" else severity_of(match[2])
    return _error(context, line, "aer", severity, "pcie", location=match[1])


def _fatal(context: Context, line: LogLine) -> HardwareError | None:
    match = _MCE_FATAL.search(line.message)
    if match is None or "Kernel panic" in line.message:
        return None
    return _error(context, line, "mce", "fatal", "cpu", outcome=match[0][:200])


def _rasdaemon(context: Context, line: LogLine) -> HardwareError | None:
    match = _RAS.search(line.message)
    if match is not None:
        place = _RAS_PLACE.search(match[0])
        severity, count = severity_of(match[2]), whole(match[1]) or 1
        location = place[1] if place else None
        return _error(context, line, "rasdaemon", severity, "memory", count=count, location=location)
    record = _RAS_MCE.search(line.message)
    if record is None:
        return None
    is_bad = "Uncorrected" in record[0] or "uncorrected" in record[0]
    return _error(
        context, line, "rasdaemon", "uncorrected" if is_bad else "corrected", "cpu", outcome=record[0][:200]
    )


def _mcelog(context: Context, line: LogLine) -> HardwareError | None:
    match = _MCELOG.search(line.message)
    if match is None:
        return None
    component: Component = "memory" if "emory" in line.message else "cpu"
    return _error(context, line, "mcelog", severity_of(match[0]), component, outcome=line.message[:200])


def _collector(context: Context, line: LogLine) -> HardwareCollector | None:
    group = _GHES_GROUP.search(line.message)
    if group is not None:
        return HardwareCollector(context, line, group[1])
    if _MCE_HEAD.search(line.message) or _MCE_STATUS.search(line.message):
        return HardwareCollector(context, line, None)
    return None


class HardwareCollector(Collector):
    """One machine check or firmware record, told in several lines."""

    tag = "hardware-error"
    patience = 6
    longest = 80

    def __init__(self, context: Context, line: LogLine, group: str | None) -> None:
        super().__init__(context, line)
        self._group = group
        self._text = [line.message]

    def claims(self, line: LogLine) -> bool:
        """Take a further line of the same record."""
        group = _GHES_GROUP.search(line.message)
        if self._group is not None:
            is_ours = group is not None and group[1] == self._group
        else:
            is_ours = group is None and _MCE_LINE.search(line.message) is not None
            is_ours = is_ours and not (_MCE_HEAD.search(line.message) or _MCE_STATUS.search(line.message))
        if is_ours:
            self._text.append(line.message[:500])
            self.keep(line)
        return is_ours

    def finish(self) -> HardwareError:
        """The error, from whatever was taken."""
        text = "\n".join(self._text)
        head = _MCE_HEAD.search(text) or _MCE_STATUS.search(text)
        status = hexadecimal(head[3]) if head else None
        address = _ADDRESS.search(text)
        return HardwareError(
            at=self.at,
            host=self.head.host,
            lines=tuple(self.refs),
            source="mce" if self._group is None else "ghes",
            severity=self._severity(text, status),
            component=_component(text),
            count=1,
            location=f"bank {head[2]}" if head else None,
            address=hexadecimal(address[1]) if address else None,
            mce_status=status,
            cpu=whole(head[1]) if head else None,
            killed=None,
            outcome=None,
        )

    def _severity(self, text: str, status: int | None) -> Severity:
        if self._group is not None:
            match = _GHES_SEVERITY.search(text)
            return severity_of(match[1]) if match else "unknown"
        if status is None:
            return "unknown"
        if not status & UC_BIT:
            return "corrected"
        return "fatal" if status & PCC_BIT else "uncorrected"


def _component(text: str) -> Component:
    lowered = text.lower()
    if "memory error" in lowered or "dram" in lowered or "memory read" in lowered:
        return "memory"
    return "pcie" if "pcie" in lowered else "cpu"
