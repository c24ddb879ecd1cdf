"""One short phrase for each event, as the timeline tells it."""

from __future__ import annotations

from kvmedic.diagnose.post_mortem.actors import task_words, victim_words
from kvmedic.diagnose.post_mortem.oom_kinds import is_hearsay
from kvmedic.model.case import Happening, UnloggedEnd
from kvmedic.model.log_event import (
    Activity,
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
    OomReport,
    PageAllocationFailure,
    QemuEvent,
    Shutdown,
    SlubFailure,
    StorageError,
    SysRq,
    Throttled,
    UserspaceOomEvent,
)
from kvmedic.units import human_bytes

LONGEST = 160


def phrase_of(happening: Happening) -> str:
    """What happened, without the proof."""
    name = "" if happening.domain is None else f"{happening.domain}: "
    return (name + _of_memory(happening))[:LONGEST]


def _of_memory(happening: Happening) -> str:
    match happening.event:
        case OomReport() as report:
            if is_hearsay(report):
                return f"the OOM killer ended a process of {(report.chosen_memcg or '').strip('/')}"
            return f"the OOM killer ran and killed {victim_words(happening, report)}"
        case PageAllocationFailure() as failure:
            size = "for contiguous memory" if failure.order is None else f"of order {failure.order}"
            return f"a request {size} was refused ({task_words(failure.requester)})"
        case SlubFailure() as failure:
            return f"a slab cache could not grow ({failure.cache})"
        case BalloonEvent() as event:
            return _of_balloon(event)
        case UserspaceOomEvent() as event:
            return f"{event.daemon}: {event.kind}"
        case Throttled() as event:
            return f"{task_words(event.task)} slowed down ({event.kind})"
        case _:
            return _of_kernel(happening)


def _of_kernel(happening: Happening) -> str:
    match happening.event:
        case HungTask() as event:
            return f"{task_words(event.task)} hung for {event.blocked_s} s"
        case Lockup() as event:
            return f"{event.kind} lockup ({task_words(event.task)})"
        case KernelFault() as fault:
            return f"{fault.kind}: {fault.reason}"
        case HardwareError() as error:
            return f"{error.severity} hardware error ({error.component})"
        case StorageError() as error:
            return f"{error.kind}" + (f" ({error.device})" if error.device else "")
        case _:
            return _of_life(happening)


def _of_life(happening: Happening) -> str:
    match happening.event:
        case QemuEvent() as event:
            return f"QEMU {event.kind}" + _in_brackets(event.reason or event.failure, event.sender)
        case LibvirtEvent() as event:
            return f"libvirt: {event.kind}"
        case Activity() as event:
            return activity_words(event)
        case FenceEvent() as event:
            return f"watchdog or fencing: {event.kind}"
        case LimitHit() as event:
            return f"a limit was reached: {event.kind}"
        case BackupEvent() as event:
            return f"backup: {event.kind}"
        case BootStarted() as event:
            return f"the system booted ({event.kernel_release})"
        case Shutdown() as event:
            return f"orderly end: {event.kind}"
        case SysRq() as event:
            return f"magic key: {event.action}"
        case UnloggedEnd():
            return "the log of this boot ends without shutdown or panic"
        case event:
            return str(event.__struct_config__.tag)


def activity_words(event: Activity) -> str:
    """What began, ended or failed beside a failure: "cron job fstrim began (root)"."""
    kinds = {"service": "service", "cron": "cron job", "task": "task"}
    return f"{kinds[event.kind]} {event.name} {event.stage}" + _in_brackets(None, event.user)


def _in_brackets(reason: str | None, who: str | None) -> str:
    parts = [reason, f"by {who}" if who and not who.startswith("<unknown") else None]
    inside = " ".join(part for part in parts if part)
    return f" ({inside})" if inside else ""


def _of_balloon(event: BalloonEvent) -> str:
    if event.from_bytes is None or event.to_bytes is None:
        return f"balloon: {event.kind}"
    if event.daemon == "libvirt":
        return f"memory set through libvirt: {human_bytes(event.from_bytes)} to {human_bytes(event.to_bytes)}"
    verb = "deflated" if event.to_bytes > event.from_bytes else "inflated"
    return f"balloon {verb}: {human_bytes(event.from_bytes)} to {human_bytes(event.to_bytes)}"
