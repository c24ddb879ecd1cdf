"""From the bytes of any log to typed events: ``read_events`` is the one entry.

The form of a log is told by its content, never by its name: exported journals (JSON, export format), pstore
dumps, Proxmox' list of tasks, sysstat's reports, and everything that is lines of text (dmesg, /dev/kmsg,
syslog, journalctl, serial consoles, QEMU's and libvirt's logs). Reading streams; memory stays bounded
whatever stands in the log.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from msgspec import structs

from kvmedic.model.log_event import LogKind, LogReading
from kvmedic.parse.logs.encodings import as_text
from kvmedic.parse.logs.journal import export_lines, is_export, is_json, json_lines
from kvmedic.parse.logs.journal_forms import (
    dmesg_lines,
    flat_json,
    is_dmesg_json,
    is_odd_json,
    is_verbose,
    verbose_lines,
)
from kvmedic.parse.logs.line_numbers import LineCounter, count_line_ends
from kvmedic.parse.logs.paste import find_wrap, unwrapped
from kvmedic.parse.logs.pstore import LONGEST_DUMP_BYTES, in_order, is_pstore
from kvmedic.parse.logs.pve_tasks import is_task_list, read_task_list
from kvmedic.parse.logs.reading import LogReader
from kvmedic.parse.logs.scan import LineBlocks
from kvmedic.parse.logs.sysstat import is_sysstat, read_sysstat

__all__ = ["read_events"]

_SNIFFED_BYTES = 64 << 10


def read_events(
    source_name: str,
    chunks: Iterable[bytes],
    *,
    hint: LogKind | None = None,
    count: LineCounter = count_line_ends,
) -> LogReading:
    """All events of one log.

    ``chunks`` are its bytes, uncompressed, in pieces of any size; ``source_name`` is kept in every line
    reference (a path like ``…/libvirt/qemu/NAME.log`` also names the domain). ``hint`` is what the holder
    calls it and is only used as ``kind`` where the content is plain lines. ``count`` counts line ends: in a
    large log that takes half of the time. Never raises for what stands in the log: what is not understood is
    no event.
    """
    total = [0]
    head, rest = _peek(_counted(chunks, total))
    if (text := as_text(head, rest)) is not rest:
        head, rest = _peek(iter(text))
    lines = LineBlocks(rest)
    table = read_task_list if is_task_list(head) else read_sysstat if is_sysstat(head) else None
    if table is not None:
        read = table(source_name, lines)
        return structs.replace(read, bytes_total=total[0], lines_cut=lines.lines_cut)
    reader = LogReader(source_name, count=count)
    kind, blocks = _blocks_of(head, rest, lines)
    if kind == "pstore":
        reader.is_pstore()
    for block in blocks:
        reader.feed(block)
    return reader.finish(kind or hint or "text", total[0], lines.lines_cut)


def _blocks_of(
    head: bytes, rest: Iterable[bytes], lines: LineBlocks
) -> tuple[LogKind | None, Iterable[bytes]]:
    """The form that ``head`` shows (None: lines of text), and its lines as every form has them."""
    if is_odd_json(head):
        return "journal-json", json_lines(flat_json(lines))
    if is_dmesg_json(head):
        return None, dmesg_lines(lines)
    if is_json(head):
        return "journal-json", json_lines(lines)
    if is_export(head):
        return "journal-export", LineBlocks(export_lines(rest))
    if is_pstore(head):
        return "pstore", LineBlocks([in_order(_bounded(rest))])
    if is_verbose(head):
        return None, LineBlocks(verbose_lines(lines))
    if (wrap := find_wrap(head)) is not None:
        return None, unwrapped(lines, wrap)
    return None, lines


def _counted(chunks: Iterable[bytes], total: list[int]) -> Iterator[bytes]:
    """The same chunks, their bytes added up in ``total[0]``."""
    for chunk in chunks:
        total[0] += len(chunk)
        yield chunk


def _peek(chunks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The first bytes of a log, and all of it."""
    seen: list[bytes] = []
    size = 0
    for chunk in chunks:
        seen.append(chunk)
        size += len(chunk)
        if size >= _SNIFFED_BYTES:
            break
    return b"".join(piece[:_SNIFFED_BYTES] for piece in seen)[:_SNIFFED_BYTES], chain(seen, chunks)


def _bounded(chunks: Iterable[bytes]) -> bytes:
    """A small log as one piece; what is beyond the largest dump is left out."""
    pieces: list[bytes] = []
    size = 0
    for chunk in chunks:
        pieces.append(chunk[: LONGEST_DUMP_BYTES - size])
        size += len(pieces[-1])
        if size >= LONGEST_DUMP_BYTES:
            break
    return b"".join(pieces)
