"""Starts and ends of a domain that several logs tell in words of their own: each is one happening.

QEMU's own log says most of an end; the audit log and a manager's tasks say it again, within seconds.
"""

from __future__ import annotations

from collections.abc import Sequence

from kvmedic.model.case import Happening
from kvmedic.model.log_event import QemuEvent
from kvmedic.parse.logs.qemu_log import domain_of_source

SAME_RUN_S = 20.0
"""A manager notes a start before QEMU runs, and an end after it is gone."""
NEIGHBOURS = 8
_BAD = frozenset({"crashed", "failed", "unknown"})


def each_run_once(in_time: Sequence[Happening]) -> list[Happening]:
    """The happenings without the starts and ends of a domain that another log tells better."""
    kept: dict[tuple[str, str], list[Happening]] = {}
    dropped: set[int] = set()
    for happening in in_time:
        key = _run_of(happening)
        if key is None:
            continue
        near = [other for other in kept.get(key, [])[-NEIGHBOURS:] if _is_told_again(other, happening)]
        if not near:
            kept.setdefault(key, []).append(happening)
        elif _rank(happening) < _rank(near[-1]):
            dropped.add(id(near[-1]))
            kept[key] = [other for other in kept[key] if other is not near[-1]] + [happening]
        else:
            dropped.add(id(happening))
    return [happening for happening in in_time if id(happening) not in dropped]


def _run_of(happening: Happening) -> tuple[str, str] | None:
    event = happening.event
    if not isinstance(event, QemuEvent) or happening.domain is None:
        return None
    return (happening.domain, event.kind) if event.kind in ("started", "stopped") else None


def _is_told_again(one: Happening, other: Happening) -> bool:
    """By another log, within seconds, as far as both clocks are known."""
    if one.event.lines[0].source == other.event.lines[0].source or one.at_s is None or other.at_s is None:
        return False
    doubt = max(one.uncertainty_s or 0.0, other.uncertainty_s or 0.0)
    return abs(one.at_s - other.at_s) <= SAME_RUN_S + min(doubt, SAME_RUN_S)


def _rank(happening: Happening) -> tuple[bool, bool]:
    """QEMU's own log before others; an end that is called bad before one without a reason of its own."""
    event = happening.event
    is_own = domain_of_source(event.lines[0].source) is not None
    return (not is_own, not (isinstance(event, QemuEvent) and event.reason in _BAD))
