"""Whether a QEMU that was ended by a signal was ended in order: by its manager, or with the host itself.

libvirt ends every guest with SIGTERM, also one that shut itself down, and so do Proxmox' tasks and qmeventd.
QEMU names the sender where it can read its /proc: not in a namespace of its own, and not where the sender has
gone, as kill(1) has. Then the reason counts that libvirt writes behind it: "destroyed" is its own order;
"shutdown" follows any SIGTERM, so there it counts whether the same process sent it more than once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from msgspec import structs

from kvmedic.model.case import Happening
from kvmedic.model.log_event import QemuEvent

MANAGERS = ("libvirtd", "virtqemud", "virt-launcher", "virt-launcher-monitor", "qmeventd")
INIT = ("init", "systemd")
OF_A_DAEMON = "of a daemon"
"""The reason given to a signal whose sender lives on and on: it has ended other QEMUs before or since."""
IN_ORDER = frozenset({"destroyed", "migrated", "saved", "daemon", OF_A_DAEMON})
_SIGTERM = 15
ECHO_S = 60.0
"""libvirt gives QEMU ten seconds for SIGTERM and some more for SIGKILL."""


def is_ordered(event: QemuEvent) -> bool:
    """Ended by its manager or with the host: an ordinary stop, not a failure."""
    if has_known_sender(event):
        sender = (event.sender or "").strip()
        name = sender.rsplit("/", 1)[-1]
        is_init = name in INIT and event.sender_pid == 1
        return is_init or name in MANAGERS or sender.startswith("task UPID:")
    return event.signal == _SIGTERM and event.reason in IN_ORDER


def has_known_sender(event: QemuEvent) -> bool:
    """Whether QEMU could name who sent the signal."""
    return bool((event.sender or "").strip()) and not (event.sender or "").startswith("<unknown")


def with_reasons(happenings: Sequence[Happening]) -> tuple[Happening, ...]:
    """The same happenings; a signal of an unknown sender has the reason that libvirt wrote behind it."""
    told = list(happenings)
    senders = Counter(
        h.event.sender_pid for h in told if isinstance(h.event, QemuEvent) and h.event.sender_pid
    )
    signalled: dict[str, int] = {}
    for index, happening in enumerate(told):
        event, source = happening.event, happening.event.lines[0].source
        if not isinstance(event, QemuEvent):
            continue
        if event.kind == "signalled" and not has_known_sender(event):
            signalled[source] = index
        elif event.kind == "stopped" and source in signalled:
            at = signalled.pop(source)
            told[at] = _with_reason(told[at], happening, event.reason, senders)
    return tuple(told)


def _with_reason(signal: Happening, stop: Happening, reason: str | None, senders: Counter[int]) -> Happening:
    if stop.tick_s - signal.tick_s > ECHO_S or not isinstance(signal.event, QemuEvent):
        return signal
    if reason == "shutdown" and senders[signal.event.sender_pid or 0] > 1:
        reason = OF_A_DAEMON
    return structs.replace(signal, event=structs.replace(signal.event, reason=reason))
