"""Who moves balloons, and the guest driver that cannot fill one (drivers/virtio/virtio_balloon.c).

MOM (oVirt) logs ``Ballooning guest:NAME from X to Y`` in KiB; Proxmox' pvestatd sets a target by its own
monitor call and mostly logs only failures; QEMU warns once of a backing page size that wastes the balloon.
"""

from __future__ import annotations

import re
from typing import Literal

from kvmedic.model.log_event import BalloonEvent
from kvmedic.parse.logs.envelope import LogLine
from kvmedic.parse.logs.numbers import kib, whole
from kvmedic.parse.logs.report import Context

_PUFF = re.compile(r"Out of puff! Can't get (\d{1,9}) pages")
_MOM = re.compile(r"[Bb]allooning guest:? ?(\S{1,255}?):? from (\d{1,15})(?: ?[kK]i?B)? to (\d{1,15})")
_PVE_FAILED = re.compile(
    r"(?:VM (\d{1,9}) )?.{0,60}qmp command '(?:balloon|query-balloon|qom-set)' failed.{0,200}"
)
_PVE_VM = re.compile(r"\bVM (\d{1,9})\b")
_BACKING = re.compile(r"[Bb]alloon used with backing page size")
_GUEST_INFLATED = re.compile(r"[Bb]alloon Inflated ?Total: ?(\d{1,15}) ?kB")


def read_balloon(context: Context, line: LogLine) -> BalloonEvent | None:
    """What this line tells of a balloon; None where the word stands for something else."""
    message = line.message
    moved = _MOM.search(message)
    if moved is not None:
        name, before, after = moved[1], kib(moved[2]), kib(moved[3])
        return _event(context, line, kind="target-set", domain=name, before=before, after=after)
    if _PUFF.search(message):
        return _event(context, line, kind="out-of-puff")
    if _BACKING.search(message):
        return _event(context, line, kind="backing-page-warning")
    if _PVE_FAILED.search(message):
        return _event(context, line, kind="ballooner-error")
    inflated = _GUEST_INFLATED.search(message)
    return _event(context, line, kind="other", after=kib(inflated[1])) if inflated else None


def _event(
    context: Context,
    line: LogLine,
    *,
    kind: Literal["out-of-puff", "target-set", "ballooner-error", "backing-page-warning", "other"],
    domain: str | None = None,
    before: int | None = None,
    after: int | None = None,
) -> BalloonEvent:
    vm = _PVE_VM.search(line.message)
    return BalloonEvent(
        at=context.at(line),
        host=line.host,
        lines=context.proof(line),
        kind=kind,
        daemon=line.identifier,
        domain=domain,
        vmid=whole(vm[1]) if vm else None,
        from_bytes=before,
        to_bytes=after,
        detail=line.message[:300],
    )
