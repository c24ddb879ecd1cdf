"""Moments as people type them: an ISO time, a time of today, "-2h", "yesterday"."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from kvmedic.errors import UsageError

_AGO = re.compile(r"-(\d+)\s*(s|m|min|h|d|w)")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")
_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_WORDS = {"now": None, "today": 0, "yesterday": 1}
LONGEST_AGO_S = 100 * 366 * 86400


def moment_of(text: str, now: datetime, option: str) -> float:
    """Seconds since 1970 (UTC). ``now`` knows the local zone; a time without a zone is local.

    A UsageError for anything else.
    """
    said = text.strip()
    found = _ago(said, now) or _clock(said, now) or _word(said, now) or _iso(said, now)
    if found is None:
        raise UsageError(
            f"{option} {text!r} is no moment",
            hint='Write 2026-11-24T03:00, 03:00 (today, local time), -2h, -3d or "yesterday".',
        )
    return found.timestamp()


def _ago(text: str, now: datetime) -> datetime | None:
    match = _AGO.fullmatch(text)
    if match is None or len(match[1]) > 12:
        return None
    seconds = int(match[1]) * _SECONDS[match[2]]
    return now - timedelta(seconds=seconds) if seconds <= LONGEST_AGO_S else None


def _clock(text: str, now: datetime) -> datetime | None:
    match = _CLOCK.fullmatch(text)
    if match is None:
        return None
    hour, minute, second = int(match[1]), int(match[2]), int(match[3] or 0)
    if hour > 23 or minute > 59 or second > 59:
        return None
    return now.replace(hour=hour, minute=minute, second=second, microsecond=0)


def _word(text: str, now: datetime) -> datetime | None:
    if text not in _WORDS:
        return None
    days = _WORDS[text]
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return now if days is None else midnight - timedelta(days=days)


def _iso(text: str, now: datetime) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=now.tzinfo)
