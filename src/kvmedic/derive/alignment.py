"""Logs whose clocks do not name their zone or day, laid beside those that do.

A kernel log that counts seconds since boot, or writes local time, is shifted so that the ends of QEMU
processes in it meet those in QEMU's and libvirt's logs, which write UTC. A zone is a multiple of a quarter
of an hour. A log that counts from boot needs no such meeting where another one of the same boot writes both
clocks. Where nothing meets, it is taken to reach up to the latest moment known: it was saved then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from msgspec import structs

from kvmedic.model.case import Happening
from kvmedic.model.log_event import HardwareError, LibvirtEvent, OomReport, QemuEvent, UserspaceOomEvent
from kvmedic.parse.logs.task_table import is_qemu_comm

QUARTER_S = 900.0
LARGEST_ZONE_S = 14 * 3600.0
NEAR_S = 20.0
"""libvirt notices the end of a QEMU within seconds; a zone is coarser than this by far."""
ZONE_DOUBT_S = 60.0
"""An event whose wall clock is less sure than this has no zone."""
_BAD_ENDS = frozenset({"crashed", "failed", "unknown"})
MOST_ANCHORS = 200


def aligned(told: Sequence[Sequence[Happening]]) -> list[Happening]:
    """The happenings of several logs on one clock; each inner sequence is one log, in its order."""
    sure = [happening for log in told for happening in log if _is_sure(happening)]
    ends = [h.tick_s for h in sure if _tells_an_end(h)][-MOST_ANCHORS:]
    placed = [_in_zone(log, ends) for log in told]
    both = [h for log in placed for h in log if h.at_s is not None and h.event.at.monotonic_s is not None]
    return [happening for log in placed for happening in _from_boot(log, ends, both, _latest(sure, log))]


def _latest(sure: Sequence[Happening], log: Sequence[Happening]) -> float | None:
    """The last moment known of the boot that ends this log; of one that died, before the next began."""
    boot = max((happening.boot for happening in log), default=0)
    known = [happening.tick_s for happening in sure if happening.boot <= boot]
    later = [happening.tick_s for happening in sure if happening.boot > boot]
    return max(known, default=min(later, default=None))


def _in_zone(log: Sequence[Happening], ends: list[float]) -> Sequence[Happening]:
    """A log in local time, moved by its zone where that can be told."""
    local = [happening for happening in log if happening.at_s is not None and not _is_sure(happening)]
    zone = _best_shift([h.tick_s for h in local if _ends_qemu(h)], ends, step_s=QUARTER_S)
    return log if zone is None else [_shifted(happening, zone) for happening in log]


def _from_boot(
    log: Sequence[Happening], ends: list[float], both: list[Happening], latest: float | None
) -> Iterable[Happening]:
    """A log that counts seconds since boot, moved to when that was."""
    if not log or any(happening.at_s is not None for happening in log):
        return log
    last_boot = max(happening.boot for happening in log)
    rows = [happening for happening in log if happening.boot == last_boot]
    beside = [happening for happening in both if happening.boot == last_boot]
    met = _met_in_boot(rows, beside) or _met_by_ends(rows, ends)
    if met is None and latest is None:
        return log
    shift, doubt = met or ((latest or 0.0) - max(row.tick_s for row in rows), None)
    return [_since_boot(h, shift, doubt if h.boot == last_boot else None) for h in log]


def _met_by_ends(rows: Sequence[Happening], ends: list[float]) -> tuple[float, float] | None:
    shift = _best_shift([row.tick_s for row in rows if _ends_qemu(row)], ends, step_s=None)
    return None if shift is None else (shift, ZONE_DOUBT_S)


def _met_in_boot(rows: Sequence[Happening], both: Sequence[Happening]) -> tuple[float, float] | None:
    """What must be added to ticks since boot, by another log of this boot with both clocks; and its doubt.

    What that log says later since boot than this one reaches is of another boot: it counts boots otherwise.
    """
    counted = [row for row in rows if row.event.at.monotonic_s is not None]
    if not both or not counted:
        return None
    last, met = counted[-1], both[-1]
    if max(map(_since_boot_s, both)) > max(map(_since_boot_s, counted)):
        return None
    shift = (met.tick_s - _since_boot_s(met)) - (last.tick_s - _since_boot_s(last))
    return shift, max(met.uncertainty_s or 0.0, ZONE_DOUBT_S)


def _since_boot_s(happening: Happening) -> float:
    return happening.event.at.monotonic_s or 0.0


def _is_sure(happening: Happening) -> bool:
    return happening.at_s is not None and (happening.uncertainty_s or 0.0) <= ZONE_DOUBT_S


def _best_shift(ours: Sequence[float], theirs: Sequence[float], *, step_s: float | None) -> float | None:
    """What must be added to ``ours`` so that most of them meet one of ``theirs``; the latest pair breaks
    ties.
    """
    votes: Counter[float] = Counter()
    for mine in ours[-MOST_ANCHORS:]:
        for other in theirs:
            shift = other - mine if step_s is None else round((other - mine) / step_s) * step_s
            if step_s is not None and (abs(shift) > LARGEST_ZONE_S or abs(mine + shift - other) > NEAR_S):
                continue
            votes[round(shift / NEAR_S) * NEAR_S if step_s is None else shift] += 1
    if not votes:
        return None
    most = max(votes.values())
    if step_s is None:
        last = theirs[-1] - ours[-1]
        return last if votes[round(last / NEAR_S) * NEAR_S] == most else _exact(ours, theirs, votes)
    return min((shift for shift, count in votes.items() if count == most), key=abs)


def _exact(ours: Sequence[float], theirs: Sequence[float], votes: Counter[float]) -> float:
    coarse = votes.most_common(1)[0][0]
    return min((other - mine for mine in ours for other in theirs), key=lambda shift: abs(shift - coarse))


def _shifted(happening: Happening, zone_s: float) -> Happening:
    if happening.at_s is None or _is_sure(happening):
        return happening
    return structs.replace(
        happening, at_s=happening.at_s + zone_s, tick_s=happening.tick_s + zone_s, uncertainty_s=ZONE_DOUBT_S
    )


def _since_boot(happening: Happening, shift_s: float, doubt_s: float | None) -> Happening:
    """Moved; without a doubt that is known, its time is good for the order alone."""
    tick_s = happening.tick_s + shift_s
    at_s = None if doubt_s is None else tick_s
    return structs.replace(happening, tick_s=tick_s, at_s=at_s, uncertainty_s=doubt_s)


def _ends_qemu(happening: Happening) -> bool:
    """The kernel's, or a daemon's, word of a QEMU that was ended."""
    match happening.event:
        case OomReport() as report:
            return any(is_qemu_comm(victim.comm or "") for victim in report.victims)
        case HardwareError() as error:
            return error.killed is not None
        case QemuEvent() as event:
            return event.kind == "segfault"
        case UserspaceOomEvent() as event:
            return event.kind == "killed"
        case _:
            return False


def _tells_an_end(happening: Happening) -> bool:
    """libvirt's word of a QEMU that has gone."""
    match happening.event:
        case QemuEvent() as event:
            return event.kind == "stopped" and event.reason in _BAD_ENDS
        case LibvirtEvent() as event:
            return event.kind in ("monitor-lost", "qemu-exited")
        case _:
            return False


def named_by_moment(happenings: Sequence[Happening]) -> list[Happening]:
    """Kills without a domain get the name of the one domain whose QEMU ended then, if there is just one."""
    ends = [(h.tick_s, h.domain) for h in happenings if _tells_an_end(h) and h.domain is not None]
    return [
        structs.replace(happening, domain=name)
        if happening.domain is None and _ends_qemu(happening) and (name := _only_end_near(happening, ends))
        else happening
        for happening in happenings
    ]


def _only_end_near(happening: Happening, ends: Sequence[tuple[float, str | None]]) -> str | None:
    names = {name for tick_s, name in ends if abs(tick_s - happening.tick_s) <= NEAR_S}
    return names.pop() if len(names) == 1 else None


def with_boots(happenings: Sequence[Happening], booted: frozenset[str]) -> list[Happening]:
    """Events of logs that know no boots get that of the event before them, else of the one behind.

    ``booted`` are the logs that tell boots; ``happenings`` are in time order.
    """
    known = (h.boot for h in happenings if h.event.lines[0].source in booted)
    boot = next(known, 0)
    told: list[Happening] = []
    for happening in happenings:
        if happening.event.lines[0].source in booted:
            boot = happening.boot
        told.append(happening if happening.boot == boot else structs.replace(happening, boot=boot))
    return told
