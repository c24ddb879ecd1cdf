"""Cron jobs and services that began near a failure: ordinary life, read only where something failed.

Such lines are the most common of all, so they are kept as bytes, a few of the latest, and read when trouble
is told within two minutes of them. Forms: cron's ``(root) CMD (…)``, systemd's "Starting UNIT - TEXT..."
(249 and later) and "Starting TEXT...". Of a command only its program is kept: arguments can hold secrets.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from typing import Final

from kvmedic.model.log_event import Activity, LineRef, LogEvent, Moment, QemuEvent
from kvmedic.parse.logs.envelope import LogLine
from kvmedic.parse.logs.report import Context

NEAR_S: Final = 120.0
MOST_BEFORE: Final = 32
MOST_BEHIND: Final = 12
LONGEST_LINE_BYTES: Final = 1024
_SHAPE: Final = re.compile(rb"\) CMD \(|systemd(?:\[1\])?: Start(?:ing|ed) ")
_OF_KILLERS: Final = re.compile(rb"oomd|earlyoom|nohang|watchdog|sbd")
"""Services that other parsers have to know of."""
_CRON = re.compile(r"\(([\w.-]{1,64})\) CMD \((.{1,400})")
_UNIT = re.compile(r"Start(?:ing|ed) (?:(\S{1,200}\.(?:service|timer|mount|scope)) - )?(.{1,200}?)\.{0,3}$")
_PERIODIC = re.compile(r"/etc/cron\.(\w{1,20})")
_VARIABLE = re.compile(r"\b\w+=(?:\"[^\"]*(?:\"|$)|'[^']*(?:'|$)|\S*)")
"""Set for a command; its value may be a secret."""
_WORDS = re.compile(r"[^\s;&|<>()\"'`$]+")
_NO_PROGRAM: Final = frozenset(
    {
        *(
            "cd",
            "test",
            "[",
            "]",
            "if",
            "then",
            "else",
            "fi",
            "!",
            "{",
            "}",
            "command",
            "exec",
            "env",
            "nice",
        ),
        *("ionice", "timeout", "sudo", "nohup", "root", "sh", "bash", "true", "/dev/null", "2"),
    }
)
_OF_SESSIONS = re.compile(
    r"Session \S+ of |User (?:Manager|Runtime|Slice)|session-|user@|user-runtime-dir@|user-\d"
    r"|Virtual Machine |machine-qemu|Container "
)
_LIFE: Final = frozenset({"boot", "shutdown", "backup", "balloon", "activity"})


class _Kept:
    """A line that is taken apart when it is first asked for."""

    __slots__ = ("boot", "line", "number", "raw")

    def __init__(self, number: int, raw: bytes, boot: int) -> None:
        self.number, self.raw, self.boot = number, raw, boot
        self.line: LogLine | None = None


class Activities:
    """The latest lines of this kind; ``read`` takes a line apart, ``emit`` gets what is near trouble."""

    def __init__(
        self, context: Context, read: Callable[[int, str], LogLine], emit: Callable[[LogEvent], None]
    ) -> None:
        self._context, self._read, self._emit = context, read, emit
        self._latest: deque[_Kept] = deque(maxlen=MOST_BEFORE)
        self._trouble: Moment | None = None
        self._left = 0

    def takes(self, raw: bytes, number: int, boot: int) -> bool:
        """Keep a line of this kind; False where it is none."""
        if _SHAPE.search(raw) is None or _OF_KILLERS.search(raw) is not None:
            return False
        self._latest.append(_Kept(number, raw[:LONGEST_LINE_BYTES], boot))
        if self._left and self._trouble is not None:
            self._left -= 1
            self.tell_near(self._trouble)
        return True

    def notice(self, event: LogEvent) -> None:
        """Tell what began near an event, where it is trouble."""
        if is_trouble(event):
            self._trouble, self._left = event.at, MOST_BEHIND
            self.tell_near(event.at)

    def tell_near(self, moment: Moment) -> None:
        """Tell the kept lines within two minutes of a moment, each once."""
        for kept in list(self._latest):
            if kept.line is None:
                kept.line = self._read(kept.number, kept.raw.decode("utf-8", "backslashreplace"))
            if _is_near(moment, kept.line):
                self._latest.remove(kept)
                self._tell(kept.line, kept.boot)

    def _tell(self, line: LogLine, boot: int) -> None:
        current, self._context.boot = self._context.boot, boot
        activity = read_activity(self._context, line)
        self._context.boot = current
        if activity is not None:
            self._emit(activity)


def is_trouble(event: LogEvent) -> bool:
    """Whether an event is worth asking what else began then."""
    if isinstance(event, QemuEvent):
        return event.kind != "started" and not (event.kind == "stopped" and event.reason != "crashed")
    return str(event.__struct_config__.tag) not in _LIFE


def read_nothing(_: Context, __: LogLine) -> None:
    """Such a line is no event by itself: ``Activities`` tells it where something failed."""


def read_activity(context: Context, line: LogLine) -> Activity | None:
    """The job or service that a line says began; None for sessions, guests and other lines."""
    cron = _CRON.search(line.message)
    if cron is not None:
        name = _program(cron[2])
        return None if name is None else _activity(context, line, "cron", name, cron[1])
    unit = _UNIT.match(line.message)
    if unit is None or _OF_SESSIONS.match(unit[1] or unit[2]):
        return None
    return _activity(context, line, "service", unit[1] or unit[2], None)


def _activity(context: Context, line: LogLine, kind: str, name: str, user: str | None) -> Activity:
    ref = context.ref(line)
    is_cron = kind == "cron"
    text = ref.text[: ref.text.find(" CMD (")] + f" CMD ({name} …)" if is_cron else ref.text
    return Activity(
        at=context.at(line),
        host=line.host,
        lines=(LineRef(source=ref.source, line_number=ref.line_number, text=text),),
        kind="cron" if is_cron else "service",
        stage="began",
        name=name,
        user=user,
        domain=None,
        detail=name,
    )


def _program(command: str) -> str | None:
    """The program of a command without its arguments; "cron.daily" for a folder of jobs."""
    folder = _PERIODIC.search(command)
    if folder is not None and "run-parts" in command:
        return f"cron.{folder[1]}"
    words: list[str] = _WORDS.findall(_VARIABLE.sub(" ", command))
    for word in words:
        name = word.rstrip("/").rsplit("/", 1)[-1]
        if word not in _NO_PROGRAM and not word.startswith("-") and name.strip("./:=0123456789"):
            return name[:60]
    return None


def _is_near(moment: Moment, line: LogLine) -> bool:
    """Within two minutes by the clock that both have."""
    if moment.wall_s is not None and line.wall_s is not None:
        return abs(moment.wall_s - line.wall_s) <= NEAR_S
    if moment.monotonic_s is not None and line.monotonic_s is not None:
        return abs(moment.monotonic_s - line.monotonic_s) <= NEAR_S
    return False
