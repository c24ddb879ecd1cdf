"""The part that most kernel reports share: who ran where, on what hardware, and the functions on the stack.

Sources: lib/dump_stack.c, arch/x86/kernel/dumpstack.c (3.2 to 6.18), arch/arm64/kernel/process.c.
"""

from __future__ import annotations

import re
from typing import Final

from kvmedic.model.memory_report import Task
from kvmedic.parse.logs.numbers import whole

LONGEST_TRACE: Final = 48
_WHO = re.compile(
    r"(?:CPU: *(\d{1,5}) )?(?:UID: \d+ )?P[iI][dD]: *(\d{1,10}),? [cC]omm: (.{1,64}?)(?: Kdump: loaded)?"
    r"(?:,? (Not tainted|Tainted: [^\d]{0,48}?|[A-Z](?: [A-Z])* +)) *(\d+\.\d+[^ ]{0,80})"
)
_WHO_SHORT = re.compile(
    r"(?:CPU: *(\d{1,5}) )?(?:UID: \d+ )?P[iI][dD]: *(\d{1,10}),? [cC]omm: "
    r"(.{1,64}?)(?:,? (Not tainted|Tainted)|$)"
)
_HARDWARE = re.compile(r"Hardware name: ?(.{1,200})")
_FRAME = re.compile(
    r"\s*(?:</?[A-Z]{2,8}>\s+)?(?:\[<[0-9a-fx]+>\] )?(?:\[<[0-9a-f]+>\] )?(\? )?"
    r"([A-Za-z_][\w.]{1,96})\+0x[0-9a-f]+/0x[0-9a-f]+(?: \[\w+\])?"
)
_INSTRUCTION = re.compile(
    r"(?:RIP|EIP|IP|pc|PC is at)[: ][^A-Za-z_]{0,80}?(?:\[<[0-9a-f]*>\] ){0,2}([A-Za-z_][\w.]{1,96})\+0x"
)
_USER_MODE = re.compile(r"[RE]IP: (?:0033|0023|0073|001b|e033):")
"""The code segments of user space on x86 (arch/x86/include/asm/segment.h), with and without Xen."""
_IGNORED = re.compile(
    r"\s*(?:R[A-Z0-9]{2}: |E[A-Z]{2}: |CS: |FS: |CR2: |DR\d: |Code: |Stack:"
    r"|Modules linked in|PKRU: |Call [Tt]race|"
    r"</?[A-Z]{2,8}>|---\[|PGD |Workqueue: |Sending NMI|NMI backtrace"
    r"|Last unloaded|x\d+ ?: |[sl][pr] : |pstate: |"
    r"unwind stack|task:|Process |[0-9a-f]{16} [0-9a-f]{16}|\[<[0-9a-f]+>\]|Tainted: )"
)


class TraceParts:
    """Collects a trace line by line; ``claims`` is true for every line that belongs to one."""

    def __init__(self) -> None:
        self.cpu: int | None = None
        self.pid: int | None = None
        self.comm: str | None = None
        self.is_tainted: bool | None = None
        self.kernel_release: str | None = None
        self.hardware_name: str | None = None
        self.instruction: str | None = None
        self.is_in_user_mode = False
        self.functions: list[str] = []
        self.has_trace = False
        self.is_in_interrupt = False

    @property
    def task(self) -> Task:
        """Who ran, as the trace says."""
        return Task(comm=self.comm, pid=self.pid, cpu=self.cpu)

    def claims(self, message: str) -> bool:
        """Take the line if it is part of a trace."""
        if "omm: " in message and self._take_who(message):
            return True
        if "+0x" in message:
            return self._take_function(message)
        if message.startswith("Hardware name"):
            match = _HARDWARE.match(message)
            self.hardware_name = match[1].strip() if match else self.hardware_name
            return True
        if (
            "IP: " in message
            and self.instruction is None
            and not self.has_trace
            and _USER_MODE.search(message)
        ):
            # Behind a trace the registers of the system call's caller follow, which say nothing of the CPU.
            self.is_in_user_mode = True
        if "<IRQ>" in message or "<NMI>" in message:
            self.is_in_interrupt = True
        if "Call " in message and ("race:" in message):
            self.has_trace = True
        return _IGNORED.match(message) is not None

    def _take_who(self, message: str) -> bool:
        match = _WHO.search(message) or _WHO_SHORT.search(message)
        if match is None:
            return False
        if self.comm is not None:
            return True
        self.cpu, self.pid, self.comm = whole(match[1]), whole(match[2]), match[3]
        self.is_tainted = match[4] != "Not tainted" if match[4] else None
        self.kernel_release = match[5] if match.re is _WHO else None
        return True

    def _take_function(self, message: str) -> bool:
        instruction = _INSTRUCTION.search(message)
        if instruction is not None:
            self.instruction = self.instruction or instruction[1]
            return True
        frame = _FRAME.match(message)
        if frame is None:
            return False
        self.has_trace = True
        if "<IRQ>" in message:
            self.is_in_interrupt = True
        if not frame[1] and len(self.functions) < LONGEST_TRACE:
            self.functions.append(frame[2])
        return True
