"""management-daemon-leak after a failure: a management daemon was killed, or held the memory, by its own
size.

libvirtd of a few versions leaks; what ends it may be a cgroup's limit, with the guests beside it small and
well.
"""

from __future__ import annotations

from kvmedic.diagnose.post_mortem.actors import is_daemon
from kvmedic.diagnose.post_mortem.oom_kinds import any_ooms
from kvmedic.diagnose.post_mortem.oom_proof import oom_lines
from kvmedic.diagnose.post_mortem.said import LIKELY, absent, explained
from kvmedic.diagnose.verdicts import cleared, found
from kvmedic.model.case import Case, Happening
from kvmedic.model.finding import Judgement, Subject
from kvmedic.model.log_event import OomReport
from kvmedic.units import GIB, MIB, human_bytes

ID = "management-daemon-leak"
REMEDIES: tuple[str, ...] = ()
HEALTHY_BYTES = 512 * MIB
"""A healthy libvirtd holds tens of MiB; in a small cgroup half a gibibyte is already far too much."""
LARGE_BYTES = 2 * GIB


def explain(case: Case) -> Judgement:
    """A daemon among the victims, or as one of the largest tasks."""
    ooms = any_ooms(case)
    for happening, report in ooms:
        suspect = leaking_daemon(report)
        if suspect is not None:
            return _present(happening, report, *suspect)
    if not ooms:
        return absent(case, "no management daemon was killed or large")
    return cleared(
        "no management daemon was among the killed or the largest", ooms[0][0].event.lines[0].source
    )


def leaking_daemon(report: OomReport) -> tuple[str, int, int] | None:
    """Name, PID and size of a daemon that is far too large."""
    for victim in report.victims:
        size = (victim.anon_rss_bytes or 0) + (victim.shmem_rss_bytes or 0)
        if is_daemon(victim.comm) and size >= HEALTHY_BYTES:
            return victim.comm or "", victim.pid, size
    page = report.mem_info.page_bytes if report.mem_info else 4096
    for task in report.tasks:
        size = (task.rss_pages or 0) * page
        if is_daemon(task.name) and size >= LARGE_BYTES:
            return task.name, task.pid, size
    return None


def _present(happening: Happening, report: OomReport, name: str, pid: int, size: int) -> Judgement:
    was_killed = any(victim.pid == pid for victim in report.victims)
    what = "was killed when it held" if was_killed else "held"
    return found(
        explained(
            ID,
            Subject(kind="daemon", name=name, id=f"pid {pid}"),
            LIKELY + (0.12 if was_killed else -0.1),
            summary=f"{name} {what} {human_bytes(size)}: a daemon that leaks; the guests are not to blame",
            lines=oom_lines(happening, report),
            remedies=REMEDIES,
        )
    )
