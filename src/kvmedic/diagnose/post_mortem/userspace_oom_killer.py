"""userspace-oom-killer: a daemon killed before the kernel did: systemd-oomd, earlyoom, oomd, nohang."""

from __future__ import annotations

from kvmedic.diagnose.post_mortem.actors import domain, is_qemu, process_words
from kvmedic.diagnose.post_mortem.said import CERTAIN, absent, explained, of_kind, proof
from kvmedic.diagnose.verdicts import found
from kvmedic.model.case import Case, Happening
from kvmedic.model.finding import Judgement, Severity, Subject
from kvmedic.model.log_event import UserspaceOomEvent

ID = "userspace-oom-killer"


def explain(case: Case) -> Judgement:
    """Kills that such a daemon logged."""
    kills = [pair for pair in of_kind(case.scene, UserspaceOomEvent) if pair[1].kind == "killed"]
    if not kills:
        return absent(case, "no daemon such as systemd-oomd killed anything", "daemons")
    happening, event = next((pair for pair in kills if _is_guest(*pair)), kills[-1])
    return found(
        explained(
            ID,
            _subject(happening, event),
            CERTAIN,
            summary=f"{event.daemon}, not the kernel, killed {_victim(happening, event)}{_pressure(event)}",
            lines=[proof(pair[0], f"{pair[1].daemon} says so itself") for pair in kills[:3]],
            severity=Severity.CRITICAL,
        )
    )


def _is_guest(happening: Happening, event: UserspaceOomEvent) -> bool:
    return happening.domain is not None or (event.task is not None and is_qemu(event.task.comm))


def _subject(happening: Happening, event: UserspaceOomEvent) -> Subject:
    if happening.domain is not None:
        return domain(happening.domain)
    if event.task is not None and event.task.comm is not None:
        pid = None if event.task.pid is None else f"pid {event.task.pid}"
        return Subject(kind="process", name=event.task.comm, id=pid)
    return Subject(kind="cgroup", name=event.cgroup or "a cgroup", id=None)


def _victim(happening: Happening, event: UserspaceOomEvent) -> str:
    if event.task is not None:
        return process_words(event.task.comm, event.task.pid, happening.domain)
    return happening.domain or event.cgroup or "a cgroup"


def _pressure(event: UserspaceOomEvent) -> str:
    if event.pressure_percent is None:
        return ""
    limit = "" if event.limit_percent is None else f", its limit is {event.limit_percent:g} %"
    what = "swap used" if event.is_for_swap else "memory pressure"
    return f" for {what} ({event.pressure_percent:g} %{limit})"
