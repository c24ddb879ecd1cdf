"""Which events are failures, and which of them belong together as one incident.

What follows a failure within ten minutes of the same boot is told with it: the kill, the monitor that is
lost, the panic. What is normal life (a watchdog armed, a corrected error, a balloon moved) begins no
incident.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from msgspec import structs

from kvmedic.diagnose.post_mortem.actors import is_daemon, is_qemu
from kvmedic.diagnose.post_mortem.orders import has_known_sender, is_ordered
from kvmedic.model.case import Case, Chronicle, Happening, LogRead, Measured, UnloggedEnd, Window
from kvmedic.model.log_event import (
    BackupEvent,
    BalloonEvent,
    BootStarted,
    FenceEvent,
    HardwareError,
    HungTask,
    KernelFault,
    LibvirtEvent,
    LimitHit,
    Lockup,
    LogEvent,
    OomReport,
    PageAllocationFailure,
    QemuEvent,
    SlubFailure,
    StorageError,
    SysRq,
    Throttled,
    UserspaceOomEvent,
)
from kvmedic.model.snapshot import Snapshot

TOGETHER_S = 600.0
"""What lies closer than this to the event before it is told as one incident."""
DEATH, STALL, SIGN, LIFE = 3, 2, 1, 0
"""Somebody died or stands still; something was refused or slow; a sign without harm; ordinary life."""
MOST_SCENES = 200
DAY_S = 86400.0
MEASURED_S = 7200.0
"""A clock without a zone may be off by so much: closer than this a log may cover a moment."""
EVERYTHING = Window(domain=None, since_s=None, until_s=None, boot=None, zone_offset_s=0.0)
_GRAVE_STORAGE = frozenset(
    {
        *("nfs-not-responding", "all-paths-failed", "pool-suspended", "filesystem-shutdown", "no-space"),
        *("remounted-read-only", "device-offline", "delayed-write-lost"),
    }
)
_GRAVE_QEMU = frozenset(
    {"start-failed", "assertion", "segfault", "kvm-internal-error", "paused-io-error", "vcpu-error"}
)
_BAD_ENDS = frozenset({"crashed", "failed", "unknown"})
_EMPTY_DRIVE = re.compile(r"(?:fd|sr)\d+")
"""Drives for removable media report errors whenever they are empty."""


def gravity(event: LogEvent | UnloggedEnd) -> int:
    """How grave an event is: DEATH, STALL, SIGN or LIFE."""
    weigh = _WEIGHTS.get(type(event))
    return LIFE if weigh is None else weigh(event)


def _of_oom(event: OomReport) -> int:
    if not (event.victims or event.is_nothing_killable):
        return STALL
    is_ours = any(is_qemu(v.comm) or is_daemon(v.comm) for v in event.victims) or event.qemu_tasks_total
    if event.is_memcg and not is_ours:
        return STALL
    return DEATH


def _of_qemu(event: QemuEvent) -> int:
    if event.kind in _GRAVE_QEMU:
        return DEATH
    if event.kind == "signalled":
        return LIFE if is_ordered(event) else DEATH if has_known_sender(event) or event.reason else STALL
    if event.kind == "stopped":
        return DEATH if event.reason in _BAD_ENDS else LIFE
    return LIFE


def _of_hardware(event: HardwareError) -> int:
    if event.killed is not None or event.severity == "fatal":
        return DEATH
    if event.severity == "uncorrected" and event.component in ("memory", "cpu"):
        return DEATH
    return SIGN if event.severity == "uncorrected" else LIFE


def _of_refusal(event: PageAllocationFailure | SlubFailure) -> int:
    if isinstance(event, PageAllocationFailure) and event.kind == "stall":
        return STALL
    gfp = event.gfp
    return SIGN if gfp is not None and gfp.can_direct_reclaim is False else STALL


def _of_storage(event: StorageError) -> int:
    if event.kind == "nfs-answers":
        return LIFE
    if event.kind == "block-io" and _EMPTY_DRIVE.fullmatch(event.device or ""):
        return LIFE
    return DEATH if event.kind in _GRAVE_STORAGE else STALL


def _of_libvirt(event: LibvirtEvent) -> int:
    """A lost monitor is the echo of every QEMU that ends, also in order."""
    return SIGN if event.kind in ("monitor-lost", "qemu-exited") else STALL


def _of_fence(event: FenceEvent) -> int:
    return DEATH if event.kind in ("expired", "fenced", "self-fence") else LIFE


def _of_key(event: SysRq) -> int:
    return SIGN if "OOM" in event.action or "crash" in event.action.lower() else LIFE


_WEIGHTS: Final[Mapping[type, Callable[[Any], int]]] = {
    UnloggedEnd: lambda event: DEATH if event.shows_orderly_ends else STALL,
    HungTask: lambda _: DEATH,
    Lockup: lambda _: DEATH,
    OomReport: _of_oom,
    KernelFault: lambda event: LIFE if event.kind == "warning" else DEATH,
    QemuEvent: _of_qemu,
    UserspaceOomEvent: lambda event: DEATH if event.kind == "killed" else LIFE,
    FenceEvent: _of_fence,
    HardwareError: _of_hardware,
    StorageError: _of_storage,
    PageAllocationFailure: _of_refusal,
    SlubFailure: _of_refusal,
    LibvirtEvent: _of_libvirt,
    Throttled: lambda _: STALL,
    LimitHit: lambda _: STALL,
    BackupEvent: lambda event: STALL if event.kind in ("failed", "freeze-failed") else LIFE,
    BalloonEvent: lambda event: STALL if event.kind == "out-of-puff" else LIFE,
    SysRq: _of_key,
}


def grave(scene: Sequence[Happening]) -> int:
    """The gravest of a scene's events."""
    return max((gravity(happening.event) for happening in scene), default=LIFE)


def in_window(happenings: Iterable[Happening], window: Window) -> list[Happening]:
    """The happenings that the operator asked about; what has no clock stays in, since it cannot be told."""
    return [
        happening
        for happening in happenings
        if (window.boot is None or happening.boot == window.boot)
        and _is_in_time(happening, window)
        and (window.domain is None or happening.domain in (None, window.domain))
    ]


def _is_in_time(happening: Happening, window: Window) -> bool:
    if happening.at_s is None:
        return True
    local = (
        0.0
        if happening.event.at.is_zone_known or (happening.uncertainty_s or 0) <= 60
        else window.zone_offset_s
    )
    at_s = happening.at_s - local
    after = window.since_s is None or at_s >= window.since_s
    return after and (window.until_s is None or at_s <= window.until_s)


def find_scenes(happenings: Sequence[Happening]) -> list[tuple[Happening, ...]]:
    """The incidents in time order, each with its events; of very many the latest are kept."""
    scenes: list[list[Happening]] = []
    for happening in happenings:
        if gravity(happening.event) == LIFE:
            continue
        last = scenes[-1][-1] if scenes else None
        is_near = last is not None and happening.tick_s - last.tick_s <= TOGETHER_S
        if is_near and last is not None and last.boot == happening.boot and not _is_closed(last):
            scenes[-1].append(happening)
        else:
            scenes.append([happening])
    return [tuple(scene) for scene in scenes[-MOST_SCENES:]]


def _is_closed(last: Happening) -> bool:
    """A kill in a cgroup or by hand is over when it is told; without any clock, what follows stands alone."""
    if last.at_s is not None or last.event.at.monotonic_s is not None:
        return False
    event = last.event
    return isinstance(event, OomReport) and bool(event.victims) and (bool(event.is_memcg) or event.is_manual)


def choose(scenes: Sequence[tuple[Happening, ...]]) -> tuple[Happening, ...]:
    """The incident to explain: of the last day in which something failed, the latest of the gravest kind.

    What happened days before the last failure is history; a refusal after a death is not what is asked about.
    """
    notable = [scene for scene in scenes if grave(scene) >= STALL] or list(scenes)
    if not notable:
        return ()
    recent = [scene for scene in notable if notable[-1][0].tick_s - scene[-1].tick_s <= DAY_S]
    worst = max(grave(scene) for scene in recent)
    return next(scene for scene in reversed(recent) if grave(scene) == worst)


def is_covered(logs: Iterable[LogRead], window: Window) -> bool:
    """Whether any log speaks of the time and boot that the operator asked about."""
    return any(_covers(log, window) for log in logs if log.lines_total)


def _covers(log: LogRead, window: Window) -> bool:
    if window.boot is not None and not log.first_boot <= window.boot <= 0:
        return False
    begin, end = log.first_s, log.last_s
    ends_before = window.since_s is not None and end is not None and end + DAY_S < window.since_s
    begins_after = window.until_s is not None and begin is not None and begin - DAY_S > window.until_s
    return not (ends_before or begins_after)


def _is_of_guest(scene: tuple[Happening, ...], chronicle: Chronicle) -> bool:
    """What failed stands in a guest's log; without a failure, all that was read is a guest's."""
    if not scene:
        return bool(chronicle.logs) and all(log.source in chronicle.guest_logs for log in chronicle.logs)
    worst = max(scene, key=lambda happening: gravity(happening.event))
    return worst.event.lines[0].source in chronicle.guest_logs


def _samples_before(scene: tuple[Happening, ...], chronicle: Chronicle) -> tuple[Measured, ...]:
    """What was measured in the hours of the same boot before the scene, where its time is known."""
    at_s = scene[0].at_s if scene and chronicle.samples else None
    if at_s is None:
        return ()
    boots = (h.tick_s for h in chronicle.happenings if isinstance(h.event, BootStarted) and h.tick_s <= at_s)
    begin_s = max(at_s - MEASURED_S, max(boots, default=at_s - MEASURED_S))
    return tuple(m for m in chronicle.samples if begin_s <= m.at_s <= at_s)


def case_of(scene: tuple[Happening, ...], chronicle: Chronicle, snapshot: Snapshot, window: Window) -> Case:
    """The case of one incident: the scene, and all else that happened before and after it."""
    inside = {id(happening) for happening in scene}
    others = [happening for happening in chronicle.happenings if id(happening) not in inside]
    begin, end = (scene[0].tick_s, scene[-1].tick_s) if scene else (float("inf"), float("inf"))
    return Case(
        scene=scene,
        before=tuple(h for h in others if h.tick_s <= end),
        after=tuple(h for h in others if h.tick_s > max(begin, end)),
        samples=_samples_before(scene, chronicle),
        logs=chronicle.logs,
        is_guest_log=_is_of_guest(scene, chronicle),
        domain=window.domain,
        is_asked=window != structs.replace(EVERYTHING, zone_offset_s=window.zone_offset_s),
        snapshot=snapshot,
    )
