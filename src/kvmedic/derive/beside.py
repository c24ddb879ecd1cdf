"""What began beside a failure, without the noise: the services of a boot, and what is told twice."""

from __future__ import annotations

from collections.abc import Sequence

from kvmedic.model.case import Happening
from kvmedic.model.log_event import Activity, BootStarted

BOOTING_S = 300.0
"""So long after a boot services start because of it."""
TWICE_S = 120.0
"""systemd says "Starting" and, when it is done, "Started"."""


def without_noise(in_time: Sequence[Happening]) -> list[Happening]:
    """The happenings in time order, without services of a boot and without a beginning told again."""
    booted_s = float("-inf")
    begun: dict[tuple[str, str], float] = {}
    kept: list[Happening] = []
    for happening in in_time:
        event = happening.event
        if isinstance(event, BootStarted):
            booted_s = happening.tick_s
        if isinstance(event, Activity) and event.stage == "began" and event.kind != "task":
            last_s = begun.get((event.kind, event.name), float("-inf"))
            begun[event.kind, event.name] = happening.tick_s
            is_of_boot = event.kind == "service" and happening.tick_s - booted_s <= BOOTING_S
            if is_of_boot or happening.tick_s - last_s <= TWICE_S:
                continue
        kept.append(happening)
    return kept
