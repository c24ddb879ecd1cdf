"""Where one boot ends and the next begins within a log, and how each of them ended."""

from __future__ import annotations

from kvmedic.model.log_event import Boot, KernelFault, LogEvent, OomReport, Shutdown
from kvmedic.model.log_line import LineRef, Moment
from kvmedic.parse.logs.boot import SEPARATOR, BootFacts, kernel_release, started
from kvmedic.parse.logs.envelope import LogLine
from kvmedic.parse.logs.report import Context
from kvmedic.parse.logs.retention import EventStore

LONGEST_LIST = 4096
_STOPPING_ENDS = frozenset({"reboot", "power-off", "halt", "stopping", "journal-stopped", "syslog-stopped"})


class _OpenBoot:
    def __init__(self, index: int, boot_id: str | None) -> None:
        self.index = index
        self.boot_id = boot_id
        self.facts = BootFacts()
        self.begin: LogLine | None = None
        self.first: Moment | None = None
        self.last: Moment | None = None
        self.last_line: LineRef | None = None
        self.has_shutdown = False
        self.has_panic = False

    def close(self, *, is_last: bool) -> Boot:
        return Boot(
            index=self.index,
            boot_id=self.boot_id,
            kernel_release=self.facts.kernel_release,
            hardware_name=self.facts.hardware_name,
            command_line=self.facts.command_line,
            first=self.first,
            last=self.last,
            last_line=self.last_line,
            has_shutdown=self.has_shutdown,
            has_panic=self.has_panic,
            is_last=is_last,
        )


class BootTrack:
    """Follows a log's boots; ``context.boot`` is always the number of the one being read."""

    def __init__(self, context: Context, store: EventStore) -> None:
        self._context = context
        self._store = store
        self._boot = _OpenBoot(context.boot, None)
        self._closed: list[Boot] = []

    def begins_with(self, line: LogLine) -> None:
        """The first line of the log."""
        self._boot.first = self._context.at(line)
        self._boot.boot_id = line.boot_id

    def is_boundary(self, line: LogLine) -> bool:
        """True where this line is the first of another boot than the one being read."""
        if SEPARATOR.match(line.message):
            return True
        if kernel_release(line) is None:
            return False
        return self._boot.facts.kernel_release is not None or self._boot.begin is None

    def turn(self, line: LogLine, before: LogLine | None) -> None:
        """Begin the next boot with ``line``; ``before`` is the last line of the one that ended."""
        if before is not None:
            self.ends_with(before)
            self._close(is_last=False)
            self._boot = _OpenBoot(self._boot.index + 1, None)
        self._context.boot = self._boot.index
        separator = SEPARATOR.match(line.message)
        self._boot.boot_id = (separator[1] if separator else None) or line.boot_id
        self._boot.begin = line
        self._boot.first = self._context.at(line)

    def take(self, line: LogLine) -> bool:
        """Take a line that tells of the machine or the kernel."""
        if self._boot.boot_id is None:
            self._boot.boot_id = line.boot_id
        return self._boot.facts.take(line)

    def notice(self, event: LogEvent) -> None:
        """Events that say how a boot ended."""
        if isinstance(event, Shutdown) and event.kind in _STOPPING_ENDS:
            self._boot.has_shutdown = True
        elif isinstance(event, KernelFault) and event.kind == "panic":
            self._boot.has_panic = True
        elif isinstance(event, OomReport):
            self._boot.facts.hardware_name = self._boot.facts.hardware_name or event.hardware_name
            self._boot.facts.kernel_release = self._boot.facts.kernel_release or event.kernel_release

    def ends_with(self, line: LogLine) -> None:
        """The last line of the boot being read."""
        self._boot.last = self._context.at(line)
        self._boot.last_line = self._context.ref(line)

    def _close(self, *, is_last: bool) -> None:
        boot = self._boot
        if boot.begin is not None:
            self._store.add(started(self._context, boot.begin, boot.boot_id, boot.facts))
        if len(self._closed) < LONGEST_LIST:
            self._closed.append(boot.close(is_last=is_last))

    def finish(self) -> tuple[Boot, ...]:
        """All boots, the last one included."""
        self._close(is_last=True)
        return tuple(self._closed)
