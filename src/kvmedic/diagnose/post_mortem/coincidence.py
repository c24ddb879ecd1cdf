"""A failure that comes at the same time of the day, and what else begins then: coincidences, never causes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from kvmedic.diagnose.post_mortem.phrases import activity_words
from kvmedic.diagnose.post_mortem.said import of_kind
from kvmedic.model.case import Happening
from kvmedic.model.log_event import Activity, BackupEvent
from kvmedic.units import human_seconds

DAY_S = 86400.0
SAME_TIME_S = 600.0
"""Times of the day that lie within ten minutes of one another are called the same."""
ENOUGH_TIMES = 3
NEAR_S = 120.0
MOST_NAMES = 3
_ALWAYS_THERE = ("debian-sa1", "sa1", "sysstat", "sar")
"""Sampling every few minutes is near everything."""


def coincidence_words(times: Sequence[float], happenings: Iterable[Happening]) -> str | None:
    """What several failures have in common: the time of the day, and what began near each."""
    if len(times) < ENOUGH_TIMES:
        return None
    span = _time_of_day(times)
    names = _always_near(times, happenings)
    if span is None and not names:
        return None
    parts = [] if span is None else [f"always at the same time of the day ({span})"]
    if names:
        shown = ", ".join(names[:MOST_NAMES])
        parts.append(f"each time within {human_seconds(NEAR_S)} of {shown}: a coincidence, no proof")
    return ", ".join(parts)


def _time_of_day(times: Sequence[float]) -> str | None:
    """ "03:00 to 03:04" where all lie so close, over midnight too, and not all on one day."""
    if max(times) - min(times) < DAY_S / 2:
        return None
    clocks = sorted(time % DAY_S for time in times)
    gaps = [later - earlier for earlier, later in pairwise([*clocks, clocks[0] + DAY_S])]
    widest = max(range(len(gaps)), key=lambda index: gaps[index])
    if DAY_S - gaps[widest] > SAME_TIME_S:
        return None
    first, last = _clock(clocks[(widest + 1) % len(clocks)]), _clock(clocks[widest])
    return first if first == last else f"{first} to {last}"


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 3600:02d}:{int(seconds) // 60 % 60:02d}"


def _always_near(times: Sequence[float], happenings: Iterable[Happening]) -> list[str]:
    """What began within two minutes of every one of the failures."""
    begun: dict[str, list[float]] = {}
    for happening in happenings:
        name = _name(happening)
        if name is not None:
            begun.setdefault(name, []).append(happening.tick_s)
    return [
        name
        for name, moments in begun.items()
        if all(any(abs(moment - time) <= NEAR_S for moment in moments) for time in times)
    ]


def _name(happening: Happening) -> str | None:
    event = happening.event
    if isinstance(event, BackupEvent):
        return "a backup" if event.kind == "began" else None
    if not isinstance(event, Activity) or event.stage != "began" or event.name.startswith(_ALWAYS_THERE):
        return None
    return activity_words(event).replace(" began", "", 1)


def nearest_activities(happenings: Iterable[Happening], begin_s: float, most: int) -> list[Happening]:
    """The few that began closest to the first event of an incident."""
    begun = [happening for happening, _ in of_kind(happenings, Activity)]
    return sorted(begun, key=lambda happening: abs(happening.tick_s - begin_s))[:most]
