"""Which parser reads which family of patterns: the only place that names them all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kvmedic.model.log_event import LogEvent
from kvmedic.parse.logs import patterns
from kvmedic.parse.logs.activities import read_nothing
from kvmedic.parse.logs.backup import read_backup
from kvmedic.parse.logs.balloon_lines import read_balloon
from kvmedic.parse.logs.boot import read_shutdown
from kvmedic.parse.logs.envelope import LogLine
from kvmedic.parse.logs.fatal_signal import open_fatal_signal
from kvmedic.parse.logs.hardware import open_hardware
from kvmedic.parse.logs.history import read_history
from kvmedic.parse.logs.hung_task import open_hung_task
from kvmedic.parse.logs.libvirt_log import read_libvirt
from kvmedic.parse.logs.limits import read_limit
from kvmedic.parse.logs.lockup import open_lockup
from kvmedic.parse.logs.oom import open_oom
from kvmedic.parse.logs.page_allocation_failure import open_allocation
from kvmedic.parse.logs.panic import open_panic
from kvmedic.parse.logs.qemu_log import read_qemu
from kvmedic.parse.logs.report import Collector, Context
from kvmedic.parse.logs.slub import open_slub
from kvmedic.parse.logs.storage import read_storage
from kvmedic.parse.logs.sysrq import read_sysrq
from kvmedic.parse.logs.throttling import read_throttling
from kvmedic.parse.logs.unit_oom import read_unit_oom
from kvmedic.parse.logs.userspace_oom import read_userspace_oom
from kvmedic.parse.logs.watchdog_fencing import read_fencing

Opener = Callable[[Context, LogLine], Collector | LogEvent | None]

OPENERS: Final[dict[str, Opener]] = {
    patterns.OOM: open_oom,
    patterns.UNIT_OOM: read_unit_oom,
    patterns.ALLOCATION: open_allocation,
    patterns.HUNG: open_hung_task,
    patterns.LOCKUP: open_lockup,
    patterns.PANIC: open_panic,
    patterns.SLUB: open_slub,
    patterns.HARDWARE: open_hardware,
    patterns.STORAGE: read_storage,
    patterns.QEMU: read_qemu,
    patterns.FATAL_SIGNAL: open_fatal_signal,
    patterns.LIBVIRT: read_libvirt,
    patterns.USERSPACE_OOM: read_userspace_oom,
    patterns.BALLOON: read_balloon,
    patterns.THROTTLING: read_throttling,
    patterns.FENCING: read_fencing,
    patterns.LIMITS: read_limit,
    patterns.BOOT: read_shutdown,
    patterns.SYSRQ: read_sysrq,
    patterns.BACKUP: read_backup,
    patterns.HISTORY: read_history,
    patterns.ACTIVITY: read_nothing,
}


def open_line(context: Context, line: LogLine, families: tuple[str, ...]) -> Collector | LogEvent | None:
    """The first event or report that one of the families makes of this line."""
    for family in families:
        opened = OPENERS[family](context, line)
        if opened is not None:
            return opened
    return None
