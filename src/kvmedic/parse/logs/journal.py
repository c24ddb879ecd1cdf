"""Exported journals (``journalctl -o json``, ``-o export``) as canonical lines that ``envelope`` reads.

Each entry becomes one line for each line of its message: mark, number of the entry's line in the source,
wall and monotonic microseconds, boot id, priority, host, program and message. A change of boot becomes
journalctl's own separator. Both forms are documented in systemd's JOURNAL_EXPORT_FORMATS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Final

import msgspec

LONGEST_MESSAGE_BYTES: Final = 64 << 10
LONGEST_BINARY_BYTES: Final = 16 << 20
LONGEST_ENTRY_BYTES: Final = 256 << 10
"""A longer entry is read field by field, which needs no more memory than its longest field."""
_EMPTY_LINES: Final = b"\n" * 4096
LONGEST_BUFFER_BYTES: Final = LONGEST_BINARY_BYTES + (4 << 20)
_MARK: Final = b"\x1e"


class _Entry(msgspec.Struct):
    """The fields that matter; journald writes a value as text, as a list of bytes, or null when too long."""

    message: msgspec.Raw = msgspec.field(name="MESSAGE", default=msgspec.Raw(b'""'))
    wall: str = msgspec.field(name="__REALTIME_TIMESTAMP", default="")
    monotonic: str = msgspec.field(name="__MONOTONIC_TIMESTAMP", default="")
    source_monotonic: str = msgspec.field(name="_SOURCE_MONOTONIC_TIMESTAMP", default="")
    boot_id: str = msgspec.field(name="_BOOT_ID", default="")
    priority: str = msgspec.field(name="PRIORITY", default="")
    host: str = msgspec.field(name="_HOSTNAME", default="")
    identifier: str = msgspec.field(name="SYSLOG_IDENTIFIER", default="")
    command: str = msgspec.field(name="_COMM", default="")
    pid: str = msgspec.field(name="_PID", default="")
    transport: str = msgspec.field(name="_TRANSPORT", default="")


_decode_entry = msgspec.json.Decoder(_Entry).decode
_decode_message = msgspec.json.Decoder(str | list[int | str] | None).decode


def json_lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Blocks of whole JSON lines as blocks of canonical lines; a line that is no entry is passed as text."""
    number = 0
    boot = b""
    for block in blocks:
        out: list[bytes] = []
        for line in block.split(b"\n")[:-1]:
            number += 1
            entry = _entry(line)
            if entry is None:
                out.append(line[:LONGEST_MESSAGE_BYTES])
                continue
            boot = _add(out, number, entry, _text(entry.message), boot)
        yield b"\n".join(out) + b"\n" if out else b"\n"


def _entry(line: bytes) -> _Entry | None:
    try:
        return _decode_entry(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _text(raw: msgspec.Raw) -> bytes:
    """A message as bytes: text, a list of numbers, the first of several values, nothing."""
    try:
        value = _decode_message(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return bytes(raw)
    if isinstance(value, str):
        return value.encode("utf-8", "replace")
    if not value:
        return b""
    if isinstance(value[0], str):
        return value[0].encode("utf-8", "replace")
    return bytes(item & 0xFF for item in value if isinstance(item, int))


def _add(out: list[bytes], number: int, entry: _Entry, message: bytes, boot: bytes) -> bytes:
    """Append the canonical lines of an entry; the boot it belongs to."""
    boot_id = _word(entry.boot_id)
    if boot_id and boot_id != boot:
        if boot:
            out.append(_line(number, entry, b"-- Boot %s --" % boot_id))
        boot = boot_id
    out.extend(_line(number, entry, part) for part in message[:LONGEST_MESSAGE_BYTES].split(b"\n"))
    return boot


def _line(number: int, entry: _Entry, message: bytes) -> bytes:
    identifier = _word(entry.identifier or entry.command or ("kernel" if entry.transport == "kernel" else ""))
    pid = b"[%s]" % _digits(entry.pid) if entry.pid and identifier != b"kernel" else b""
    return b"%s%d %s %s %s %s %s %s%s: %s" % (
        _MARK, number, _digits(entry.wall), _digits(entry.source_monotonic or entry.monotonic),
        _word(entry.boot_id), _digits(entry.priority)[:1], _word(entry.host), identifier, pid, message,
    )  # fmt: skip


def _digits(text: str) -> bytes:
    return text.encode() if text.isascii() and text.isdecimal() and len(text) <= 18 else b""


@lru_cache(maxsize=4096)
def _word(text: str) -> bytes:
    return "".join(text.split()).encode("utf-8", "replace")[:255]


_FIELDS: Final[dict[bytes, str]] = {
    b"__REALTIME_TIMESTAMP": "wall",
    b"__MONOTONIC_TIMESTAMP": "monotonic",
    b"_SOURCE_MONOTONIC_TIMESTAMP": "source_monotonic",
    b"_BOOT_ID": "boot_id",
    b"PRIORITY": "priority",
    b"_HOSTNAME": "host",
    b"SYSLOG_IDENTIFIER": "identifier",
    b"_COMM": "command",
    b"_PID": "pid",
    b"_TRANSPORT": "transport",
}


def _line_of_bytes(number: int, found: dict[bytes, bytes]) -> bytes:
    """The canonical line of an entry without binary values: the common case, made quickly."""
    get = found.get
    monotonic = get(b"_SOURCE_MONOTONIC_TIMESTAMP") or get(b"__MONOTONIC_TIMESTAMP", b"")
    identifier = get(b"SYSLOG_IDENTIFIER") or get(b"_COMM") or get(b"_TRANSPORT", b"")
    pid = get(b"_PID", b"")
    return b"%s%d %s %s %s %s %s %s%s: %s" % (
        _MARK, number, _only_digits(get(b"__REALTIME_TIMESTAMP", b"")), _only_digits(monotonic),
        _one_word(get(b"_BOOT_ID", b"")), _only_digits(get(b"PRIORITY", b""))[:1],
        _one_word(get(b"_HOSTNAME", b"")), _one_word(identifier),
        b"[%s]" % _only_digits(pid) if pid and identifier != b"kernel" else b"",
        get(b"MESSAGE", b"")[:LONGEST_MESSAGE_BYTES],
    )  # fmt: skip


def _only_digits(text: bytes) -> bytes:
    return text if text.isdigit() and len(text) <= 18 else b""


@lru_cache(maxsize=4096)
def _one_word(text: bytes) -> bytes:
    return b"".join(text.split())[:255]


class _ExportReader:
    """Reads ``KEY=VALUE`` lines, and ``KEY``, length, bytes for binary values, until an empty line."""

    def __init__(self) -> None:
        self._buffer = b""
        self._number = 0
        self._entry = _Entry()
        self._message = b""
        self._entry_line = 1
        self._boot = b""

    def feed(self, block: bytes) -> list[bytes]:
        """Canonical lines of the entries that are complete with this block."""
        self._buffer += block
        out: list[bytes] = []
        position = 0
        while (next_position := self._read_entry(position, out)) is not None:
            position = next_position
        self._buffer = self._buffer[position:] if len(self._buffer) - position < LONGEST_BUFFER_BYTES else b""
        return out

    def finish(self) -> list[bytes]:
        """The last entry, which no empty line ended."""
        out = self.feed(b"\n\n")
        self._end_entry(out)
        return out

    def _read_entry(self, position: int, out: list[bytes]) -> int | None:
        """Read one entry; where the next begins, None where it is not complete yet."""
        if self._buffer.startswith(b"\n\n", position):
            return self._skip_empty_lines(position, out)
        end = self._buffer.find(b"\n\n", position)
        if end < 0:
            return None
        if end - position > LONGEST_ENTRY_BYTES:
            return self._read_entry_with_binary(position, out)
        lines = self._buffer[position:end].split(b"\n")
        try:
            found: dict[bytes, bytes] = dict([line.split(b"=", 1) for line in lines])
        except ValueError:
            return self._read_entry_with_binary(position, out)
        boot = found.get(b"_BOOT_ID", b"")[:64]
        self._entry_line = self._number + 1
        self._number += len(lines) + 1
        if boot and boot != self._boot:
            for key, value in found.items():
                self._set(key, value)
            self._end_entry(out)
        elif b"__REALTIME_TIMESTAMP" in found:
            out.append(_line_of_bytes(self._entry_line, found))
        return end + 2

    def _skip_empty_lines(self, position: int, out: list[bytes]) -> int:
        """The last but one of many empty lines: they end the entry that is open, and say no more."""
        end = position
        while self._buffer.startswith(_EMPTY_LINES, end):
            end += len(_EMPTY_LINES)
        while self._buffer.startswith(b"\n\n", end):
            end += 1
        self._end_entry(out)
        self._number += end - position
        return end

    def _read_entry_with_binary(self, position: int, out: list[bytes]) -> int | None:
        number = self._number
        while True:
            is_end = self._buffer[position : position + 1] == b"\n"
            following = self._step(position, out)
            if following is None:
                self._number = number
                self._entry, self._message = _Entry(), b""
                return None
            if is_end:
                return following
            position = following

    def _step(self, position: int, out: list[bytes]) -> int | None:
        end = self._buffer.find(b"\n", position)
        if end < 0:
            return None
        line = self._buffer[position:end]
        if not line:
            self._end_entry(out)
        elif b"=" in line:
            key, _, value = line.partition(b"=")
            self._set(key, value)
        else:
            return self._step_binary(line, end)
        self._number += 1
        return end + 1

    def _step_binary(self, key: bytes, end: int) -> int | None:
        head = self._buffer[end + 1 : end + 9]
        if len(head) < 8:
            return None
        length = int.from_bytes(head, "little")
        after = end + 9 + length
        if length > LONGEST_BINARY_BYTES:
            self._number += 1
            return end + 1
        if after >= len(self._buffer):
            return None
        value = self._buffer[end + 9 : after]
        self._set(key, value)
        self._number += 2 + value.count(b"\n")
        return after + 1

    def _set(self, key: bytes, value: bytes) -> None:
        if key == b"MESSAGE":
            self._message = value[:LONGEST_MESSAGE_BYTES]
            self._entry_line = self._number + 1
        elif key in _FIELDS:
            setattr(self._entry, _FIELDS[key], value[:255].decode("utf-8", "replace"))

    def _end_entry(self, out: list[bytes]) -> None:
        if self._entry.wall:
            self._boot = _add(out, self._entry_line, self._entry, self._message, self._boot)
        self._entry, self._message = _Entry(), b""


def export_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Chunks of the export format as blocks of canonical lines."""
    reader = _ExportReader()
    for chunk in chunks:
        for begin in range(0, len(chunk), 1 << 20):
            out = reader.feed(chunk[begin : begin + (1 << 20)])
            if out:
                yield b"\n".join(out) + b"\n"
    out = reader.finish()
    if out:
        yield b"\n".join(out) + b"\n"


Converter = Callable[[Iterable[bytes]], Iterator[bytes]]


def is_json(head: bytes) -> bool:
    """True where a log begins with a journal entry as JSON."""
    first = head.lstrip()[:4096]
    return first.startswith(b"{") and (b'"MESSAGE"' in head[:65536] or b'"__REALTIME' in head[:65536])


def is_export(head: bytes) -> bool:
    """True where a log begins like the export format."""
    return head.startswith((b"__CURSOR=", b"__REALTIME_TIMESTAMP="))
