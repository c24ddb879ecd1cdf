"""Other forms that journalctl and dmesg write: JSON that is not one object a line, ``-o verbose``.

Each becomes a form that is read already; the lines keep their numbers, because an empty line stands for each
that was joined to another. Forms: systemd's JOURNAL_EXPORT_FORMATS (json-pretty, json-seq, json-sse),
journalctl(1), dmesg(1).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

MOST_LINES: Final = 512
"""Of one entry; journald has no entry with more fields."""
_VERBOSE = re.compile(rb"^\w{3} (\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d{1,6})?) (\S{1,8}) \[s=[0-9a-f]{8,}")
_FIELD = re.compile(rb"^ {4}([A-Z0-9_]{1,64})=(.*)$")
_DMESG = re.compile(rb'^\s*"(time|msg)": *(.*?),?\s*$')
_ODD_JSON: Final = (b"\x1e", b"data: ", b"[", b"{\n", b"{\r\n")


def is_odd_json(head: bytes) -> bool:
    """True where journal entries are JSON, and not one object on each line."""
    return head.lstrip(b" \r\n\t").startswith(_ODD_JSON) and (b'"MESSAGE"' in head or b'"__REALTIME' in head)


def is_verbose(head: bytes) -> bool:
    """True for what ``journalctl -o verbose`` writes."""
    return _VERBOSE.match(head) is not None


def is_dmesg_json(head: bytes) -> bool:
    """True for what ``dmesg --json`` writes."""
    return head.lstrip().startswith(b"{") and b'"dmesg":' in head[:256]


def flat_json(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """One object a line, from objects of several lines, of an array, behind a mark."""
    held: list[bytes] = []
    for block in blocks:
        out: list[bytes] = []
        for line in block.split(b"\n")[:-1]:
            _flatten(line.strip(b" \t\r\x1e").removeprefix(b"data: "), held, out)
        yield b"\n".join(out) + b"\n"


def _flatten(text: bytes, held: list[bytes], out: list[bytes]) -> None:
    if text.startswith(b'[{"') or text == b"[":
        text = text[1:]
    is_begin = text == b"{"
    if not held and not is_begin:
        out.append(text.rstrip(b",]"))
        return
    held.append(text)
    if text.startswith(b"}") or len(held) >= MOST_LINES:
        out.append(b"".join(held).rstrip(b",]"))
        out.extend([b""] * (len(held) - 1))
        held.clear()


def verbose_lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Entries of ``-o verbose`` as lines with an ISO time, host and program."""
    held: list[bytes] = []
    for block in blocks:
        out: list[bytes] = []
        for line in block.split(b"\n")[:-1]:
            if held and (_VERBOSE.match(line) or len(held) >= MOST_LINES):
                out.extend(_entry(held))
                held = []
            held.append(line)
        yield b"\n".join(out) + b"\n" if out else b""
    yield b"\n".join(_entry(held)) + b"\n"


def _entry(lines: list[bytes]) -> list[bytes]:
    head = _VERBOSE.match(lines[0]) if lines else None
    if head is None:
        return lines
    fields = (_FIELD.match(line) for line in lines[1:])
    found: dict[bytes, bytes] = {match[1]: match[2] for match in fields if match is not None}
    zone = b"Z" if head[3] in (b"UTC", b"GMT") else b""
    name = found.get(b"SYSLOG_IDENTIFIER") or found.get(b"_COMM") or b"kernel"
    pid = found.get(b"_PID", b"")
    tag = b"%s[%s]" % (name, pid) if pid and name != b"kernel" else name
    text = b"%sT%s%s %s %s: %s" % (
        head[1], head[2], zone, found.get(b"_HOSTNAME", b"localhost"), tag, found.get(b"MESSAGE", b""),
    )  # fmt: skip
    return [text, *[b""] * (len(lines) - 1)]


def dmesg_lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """``dmesg --json`` as ``[seconds] message``."""
    at = b"0.000000"
    for block in blocks:
        out: list[bytes] = []
        for line in block.split(b"\n")[:-1]:
            match = _DMESG.match(line)
            if match is not None and match[1] == b"time":
                at = match[2]
            out.append(
                b"[%s] %s" % (at, _string(match[2])) if match is not None and match[1] == b"msg" else b""
            )
        yield b"\n".join(out) + b"\n"


def _string(raw: bytes) -> bytes:
    try:
        return msgspec.json.decode(raw, type=str).encode("utf-8", "replace").replace(b"\n", b" ")
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return raw
