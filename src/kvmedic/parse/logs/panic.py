"""Panics with their reason and what set them off; BUG, oops, general protection fault, warning.

Sources: kernel/panic.c, lib/bug.c, arch/x86/mm/fault.c, arch/x86/kernel/traps.c, 3.2 to 6.18.
"""

from __future__ import annotations

import re
from typing import Final, Literal

from kvmedic.model.kernel_event import KernelFault
from kvmedic.parse.logs.envelope import LogLine
from kvmedic.parse.logs.report import Collector, Context
from kvmedic.parse.logs.trace import TraceParts

Kind = Literal["panic", "bug", "oops", "gpf", "warning"]
_KINDS: Final[tuple[tuple[Kind, re.Pattern[str]], ...]] = (
    ("panic", re.compile(r"Kernel panic - not syncing(?:: (.*))?")),
    ("gpf", re.compile(r"(?:^|Oops: |segment-related )(general protection fault.*)")),
    ("bug", re.compile(r"(kernel BUG at .*|BUG: (?!soft lockup).*)")),
    ("oops", re.compile(r"(?:Internal error: )?(Oops(?:: | - ).*)")),
    ("oops", re.compile(r"Internal error: (.{1,80}\[#\d+\].*)")),
    (
        "oops",
        re.compile(r"^(?:traps: )?([A-Za-z][\w -]{2,40}: [0-9a-f]{4} \[#\d+\].*|PANIC: double fault.*)"),
    ),
    ("warning", re.compile(r"WARNING: ((?:CPU: )?\d* ?(?:PID: \d+ )?at .*)")),
)
_SET_OFF: Final[tuple[tuple[str, re.Pattern[str]], ...]] = (
    ("oom", re.compile(r"panic_on_oom")),
    ("no-killable-task", re.compile(r"deadlocked on memory|no killable processes")),
    ("hung-task", re.compile(r"hung_task")),
    ("soft-lockup", re.compile(r"softlockup")),
    ("hard-lockup", re.compile(r"[Hh]ard ?(?:LOCKUP|lockup)")),
    ("rcu-stall", re.compile(r"RCU Stall", re.IGNORECASE)),
    ("warning", re.compile(r"panic_on_warn")),
    (
        "machine-check",
        re.compile(r"[Mm]achine check|^UE MC\d|EDAC|Fatal hardware error|mce|Memory failure", re.IGNORECASE),
    ),
    ("nmi", re.compile(r"NMI")),
    ("sysrq", re.compile(r"sysrq|SysRq")),
    ("init-died", re.compile(r"kill init|No working init")),
    ("watchdog", re.compile(r"[Ww]atchdog|softdog|pretimeout")),
    ("mount", re.compile(r"VFS: Unable to mount|EXT4-fs|XFS|Btrfs")),
    ("oops", re.compile(r"Fatal exception|Attempted to kill the idle|Oops")),
)
_MORE = re.compile(
    r"#PF: |invalid opcode: |Oops: |IP: |PGD |---\[ |Kernel Offset|Dumping ftrace|Rebooting in"
)


def open_panic(context: Context, line: LogLine) -> PanicCollector | None:
    """A collector where the line begins such a report."""
    if not line.is_kernel or "---[ end" in line.message:
        return None
    for kind, pattern in _KINDS:
        match = pattern.search(line.message)
        if match is not None:
            return PanicCollector(context, line, kind, match[1] or "")
    return None


def set_off_by(reason: str) -> str:
    """What made the kernel panic, told by its own words."""
    return next((word for word, pattern in _SET_OFF if pattern.search(reason)), "other")


class PanicCollector(Collector):
    """Collects the fault's line and the trace behind it."""

    tag = "kernel-fault"
    patience = 10
    longest = 200

    def __init__(self, context: Context, line: LogLine, kind: Kind, reason: str) -> None:
        super().__init__(context, line)
        self.kind = kind
        self._reason = reason[:512]
        self._trace = TraceParts()
        self._is_pstore = context.is_pstore
        if kind == "warning":
            self._trace.claims(line.message)

    def claims(self, line: LogLine) -> bool:
        """Take a line of the report; a panic after an oops is an event of its own."""
        message = line.message
        if "Kernel panic" in message and "---[ end" not in message:
            return False
        if "oom-killer" in message or "blocked for more" in message or "lockup" in message:
            return False
        return _MORE.match(message) is not None or self._trace.claims(message)

    def finish(self) -> KernelFault:
        """The report, from whatever was taken."""
        trace = self._trace
        return KernelFault(
            at=self.at,
            host=self.head.host,
            lines=tuple(self.refs),
            kind=self.kind,
            reason=self._reason.strip(),
            set_off_by=set_off_by(self._reason) if self.kind == "panic" else None,
            task=trace.task,
            instruction=trace.instruction,
            hardware_name=trace.hardware_name,
            kernel_release=trace.kernel_release,
            is_tainted=trace.is_tainted,
            call_trace=tuple(trace.functions),
            is_from_pstore=self._is_pstore,
        )
