"""The verb why: logs, one chronicle, the incident asked about, report; each stage by its own room."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import structs

from kvmedic.derive.chronicle import assemble_chronicle
from kvmedic.derive.clocks import ClockFacts
from kvmedic.derive.guest_logs import find_guest_logs
from kvmedic.derive.line_ends import line_counter
from kvmedic.derive.proxmox import names_of_proxmox
from kvmedic.derive.snapshot import assemble_snapshot
from kvmedic.diagnose.post_mortem.examine import explain_failure
from kvmedic.diagnose.report import assemble_report
from kvmedic.model.case import Window
from kvmedic.model.gap import Missing
from kvmedic.model.log_event import LogReading
from kvmedic.model.report import Report
from kvmedic.model.request import CollectRequest
from kvmedic.model.snapshot import Snapshot
from kvmedic.parse.host_marks import HostMarks
from kvmedic.parse.logs import read_events
from kvmedic.ports import EvidenceSource, LogStream, Progress

FACTS_OF_TODAY = CollectRequest(is_deep=False, interval_s=1.0, page_map="none")
"""What is known of the target now names domains, and is the answer where the failure still goes on."""


def explain_target(
    source: EvidenceSource, window: Window, progress: Progress, *, now_s: float, zone_offset_s: float | None
) -> Report:
    """Reads every log of the target and explains its last failure, or the one in ``window``.

    ``now_s`` is when the logs are read; ``zone_offset_s`` the local time of the target minus UTC, where it is
    known. An EvidenceError when the target as a whole cannot be read.
    """
    evidence = source.collect(FACTS_OF_TODAY, progress)
    snapshot, names_by_id = assemble_snapshot(evidence), names_of_proxmox(evidence)
    readings: list[LogReading] = []
    marks: list[HostMarks] = []
    for stream in source.logs():
        marks.append(HostMarks())
        chunks, count = _watched(stream, marks[-1], progress), line_counter(stream.size_bytes)
        readings.append(read_events(stream.name, chunks, count=count))
    facts = ClockFacts(now_s=now_s, zone_offset_s=zone_offset_s, booted_at_s=_booted_at(snapshot))
    guests = find_guest_logs(readings, marks, snapshot)
    chronicle = assemble_chronicle(readings, snapshot, facts, guest_logs=guests, names_by_id=names_by_id)
    if window.domain in names_by_id:
        window = structs.replace(window, domain=names_by_id[window.domain])
    snapshot = structs.replace(snapshot, events=tuple(e for reading in readings for e in reading.events))
    judged, story = explain_failure(chronicle, snapshot, window)
    return assemble_report(snapshot, judged, story)


def _watched(stream: LogStream, marks: HostMarks, progress: Progress) -> Iterator[bytes]:
    """The chunks of a log, watched and told as they pass."""
    seen = 0
    for chunk in stream.chunks():
        seen += len(chunk)
        marks.watch(chunk)
        share = None if not stream.size_bytes else min(seen / stream.size_bytes, 1.0)
        progress(f"reading {stream.name}", share)
        yield chunk


def _booted_at(snapshot: Snapshot) -> float | None:
    uptime, taken = snapshot.host.uptime_s, snapshot.taken_at
    return None if isinstance(uptime, Missing) or isinstance(taken, Missing) else taken - uptime
