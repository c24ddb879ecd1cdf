"""A bundle and the evidence in it: the same thing in two forms. A round trip loses nothing but the target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from kvmedic.errors import ParseError
from kvmedic.model.evidence import Evidence, Target
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.reading_list import is_captured
from kvmedic.model.record import Record
from kvmedic.parse.date_output import parse_date_output
from kvmedic.parse.known_safe import keep_safe

MANIFEST = "kvmedic/manifest.json"
SCHEMA = "kvmedic/bundle/1"
AGAIN = "kvmedic/again/"
_HOSTNAME = "proc/sys/kernel/hostname"
_DATES = ("sos_commands/date/date_--utc", "sos_commands/date/date", "sos_commands/general/date", "date")
_INTERVAL = "interval_s"
_TAKEN_AT = "taken_at"
_MOST_GAPS = 100_000
_LONGEST_DETAIL = 1000
Files = Mapping[str, bytes | Missing]
Where = Literal["first", "again", "manifest"]


class ManifestGap(Record, frozen=True, kw_only=True):
    """A gap of the evidence: ``path`` is where the file would be, ``reading`` in which of the readings."""

    source: str
    reason: Reason
    detail: str
    path: str | None = None
    reading: Where = "first"


class Manifest(Record, frozen=True, kw_only=True):
    """What a bundle says of itself. ``interval_s`` None: one reading only."""

    schema: str
    taken_at: float | None
    interval_s: float | None
    tool_version: str
    deep: bool
    gaps: tuple[ManifestGap, ...]
    hostname: str | None


def bundle_of_evidence(evidence: Evidence, *, tool_version: str, is_deep: bool) -> Mapping[str, bytes]:
    """The files of a bundle by path, the manifest first: only what it may hold, and of that what is safe.

    What is left out for being no known evidence leaves no trace: it was never asked for.
    """
    first, first_gaps = _parted(evidence.files, "first")
    again, again_gaps = _parted(evidence.again, "again")
    hostname = first.get(_HOSTNAME)
    manifest = Manifest(
        schema=SCHEMA,
        taken_at=None if isinstance(evidence.taken_at, Missing) else evidence.taken_at,
        interval_s=None if isinstance(evidence.interval_s, Missing) else evidence.interval_s,
        tool_version=tool_version,
        deep=is_deep,
        gaps=(*_whole_gaps(evidence), *first_gaps, *again_gaps),
        hostname=hostname.decode(errors="replace").strip() if hostname else None,
    )
    encoded = msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"
    return {MANIFEST: encoded, **first, **{AGAIN + path: data for path, data in again.items()}}


def evidence_of_bundle(files: Files, name: str, newest: float | None) -> Evidence:
    """The evidence in a bundle, a sosreport, or a folder that looks like a host's root.

    ``newest`` is when the newest file of procfs in it was written, which stands for the time of a sosreport
    that does not say it itself.
    """
    raw = files.get(MANIFEST)
    manifest = _decoded(raw) if isinstance(raw, bytes) else None
    again: dict[str, bytes | Missing] = {
        path.removeprefix(AGAIN): data for path, data in files.items() if path.startswith(AGAIN)
    }
    first = {path: data for path, data in files.items() if not path.startswith(AGAIN) and path != MANIFEST}
    if isinstance(manifest, Missing):
        first[MANIFEST] = manifest
    if not isinstance(manifest, Manifest):
        kind: Literal["bundle", "sosreport"] = "bundle" if raw is not None else "sosreport"
        return Evidence(
            target=Target(kind=kind, name=name),
            taken_at=_time_of_sosreport(first, newest),
            interval_s=_no_interval("it holds one reading only, so no rates"),
            files=first,
            again=again,
        )
    return _evidence_of_manifest(manifest, first, again, name)


def _evidence_of_manifest(
    manifest: Manifest, first: dict[str, bytes | Missing], again: dict[str, bytes | Missing], name: str
) -> Evidence:
    whole: dict[str, Missing] = {}
    for gap in manifest.gaps[:_MOST_GAPS]:
        missing = Missing(source=gap.source, reason=gap.reason, detail=gap.detail[:_LONGEST_DETAIL])
        places: Mapping[Where, dict[str, bytes | Missing] | dict[str, Missing]] = {
            "first": first,
            "again": again,
            "manifest": whole,
        }
        places[gap.reading].setdefault(gap.path or gap.source, missing)
    no_time = Missing(source=_TAKEN_AT, reason=Reason.NOT_COLLECTED, detail="the bundle does not say when")
    no_interval = _no_interval("the bundle holds one reading only, so no rates")
    taken_at, interval_s = manifest.taken_at, manifest.interval_s
    return Evidence(
        target=Target(kind="bundle", name=name),
        taken_at=whole.get(_TAKEN_AT, no_time) if taken_at is None else taken_at,
        interval_s=whole.get(_INTERVAL, no_interval) if interval_s is None else interval_s,
        files=first,
        again=again,
    )


def _parted(files: Files, reading: Where) -> tuple[dict[str, bytes], list[ManifestGap]]:
    """What may be kept of a reading, in order, and its gaps."""
    kept: dict[str, bytes] = {}
    gaps: list[ManifestGap] = []
    for path in sorted(filter(is_captured, files)):
        data = files[path]
        safe = data if isinstance(data, Missing) else keep_safe(path, data)
        if isinstance(safe, Missing):
            gaps.append(_manifest_gap(safe, path, reading))
        else:
            kept[path] = safe
    return kept, gaps


def _whole_gaps(evidence: Evidence) -> list[ManifestGap]:
    named = ((_TAKEN_AT, evidence.taken_at), (_INTERVAL, evidence.interval_s))
    return [_manifest_gap(found, path, "manifest") for path, found in named if isinstance(found, Missing)]


def _manifest_gap(gap: Missing, path: str, reading: Where) -> ManifestGap:
    shown = None if path == gap.source else path
    return ManifestGap(source=gap.source, reason=gap.reason, detail=gap.detail, path=shown, reading=reading)


def _decoded(raw: bytes) -> Manifest | Missing:
    try:
        manifest = msgspec.json.decode(raw, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        detail = f"not the manifest of a bundle: {error}"
        return Missing(source=MANIFEST, reason=Reason.NOT_UNDERSTOOD, detail=detail[:_LONGEST_DETAIL])
    if manifest.schema != SCHEMA:
        detail = f"of schema {manifest.schema[:80]!r}, and this version reads {SCHEMA}"
        return Missing(source=MANIFEST, reason=Reason.NOT_UNDERSTOOD, detail=detail)
    return manifest


def _time_of_sosreport(files: Files, newest: float | None) -> float | Missing:
    for path in _DATES:
        raw = files.get(path)
        if isinstance(raw, bytes):
            try:
                return parse_date_output(raw.decode(errors="replace"), path)
            except ParseError:
                continue
    if newest is not None:
        return newest
    return Missing(source=_TAKEN_AT, reason=Reason.NOT_FOUND, detail="nothing in it says when it was made")


def _no_interval(detail: str) -> Missing:
    return Missing(source="interval", reason=Reason.NOT_COLLECTED, detail=detail)
