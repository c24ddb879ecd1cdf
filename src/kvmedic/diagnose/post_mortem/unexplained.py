"""unexplained: something failed, and nothing that was read explains it.

The honest answer where QEMU is gone, or a host was asked about, and no other cause has evidence above
"possible".
"""

from __future__ import annotations

from kvmedic.diagnose.post_mortem.actors import domain, qemu_subject
from kvmedic.diagnose.post_mortem.ends import bad_ends, is_accounted_for
from kvmedic.diagnose.post_mortem.phrases import phrase_of
from kvmedic.diagnose.post_mortem.said import POSSIBLE, explained, of_kind, proof
from kvmedic.diagnose.post_mortem.scenes import gravity
from kvmedic.diagnose.report import iso_utc
from kvmedic.diagnose.verdicts import cleared, found, lacking
from kvmedic.model.case import Case, Happening
from kvmedic.model.finding import Judgement
from kvmedic.model.log_event import LibvirtEvent, QemuEvent
from kvmedic.model.subjects import HOST

ID = "unexplained"
ORDERLY = (
    *("shutdown", "destroyed", "migrated", "saved", "daemon"),
    *("qmstop", "qmshutdown", "qmsuspend", "hastop"),
)
ECHO_S = 30.0
NOT_A_LOG = "no line of it is written as a log that kvmedic knows"
NOTHING_READ = "no log covers it, so nothing can be told"


def explain(case: Case) -> Judgement:
    """An end of QEMU that nothing accounts for; a question about a time of which no log speaks."""
    if not any(log.lines_total for log in case.logs):
        return lacking(NOTHING_READ)
    if not any(log.natures or log.first_s is not None for log in case.logs):
        return lacking(NOT_A_LOG)
    if case.is_asked and not case.scene:
        about = "" if case.domain is None else f" of {case.domain}"
        return lacking(f"no failure{about} stands in the logs of the time asked about{_last_end(case)}")
    if is_accounted_for(case):
        return cleared("what happened is accounted for", case.logs[0].source)
    for happening, event in bad_ends(case):
        summary = "QEMU ended, and nothing that was read says why"
        line = proof(happening, f"libvirt calls it {event.reason}, without a reason")
        subject = qemu_subject(happening, event)
        return found(explained(ID, subject, _confidence(case), summary=summary, lines=[line]))
    for happening, lost in of_kind(case.scene, LibvirtEvent):
        if lost.kind in ("monitor-lost", "qemu-exited") and not _ended_in_order(case, happening):
            name = happening.domain or lost.domain
            summary = "libvirt lost a QEMU, and nothing that was read says why"
            line = proof(happening, "libvirt lost its connection to QEMU")
            subject = HOST if name is None else domain(name)
            return found(explained(ID, subject, _confidence(case), summary=summary, lines=[line]))
    return cleared("nothing is left unexplained", case.logs[0].source)


def _last_end(case: Case) -> str:
    """When and how the domain that was asked about was last stopped in order, where that is known."""
    stops = [
        (happening, event)
        for happening, event in of_kind(case.before, QemuEvent)
        if event.kind == "stopped" and event.reason in ORDERLY and happening.domain == case.domain
    ]
    if case.domain is None or not stops or stops[-1][0].at_s is None:
        return ""
    happening, event = stops[-1]
    clock = iso_utc(happening.at_s or 0.0)[:-1].replace("T", " ")
    who = f", asked for by {event.sender}" if event.sender else ""
    return f"; it was last stopped in order at {clock} UTC ({event.reason}{who})"


def _ended_in_order(case: Case, lost: Happening) -> bool:
    """Some QEMU was stopped in order at that moment: its monitor is lost then, too."""
    stops = of_kind((*case.before, *case.scene, *case.after), QemuEvent)
    return any(
        event.kind == "stopped" and event.reason in ORDERLY and abs(stop.tick_s - lost.tick_s) <= ECHO_S
        for stop, event in stops
    )


def without_a_cause(case: Case) -> Judgement:
    """Something grave stands in the log, and no rule could say why."""
    worst = max(case.scene, key=lambda happening: gravity(happening.event))
    summary = f"something failed, and nothing that was read says why: {phrase_of(worst)}"
    lines = [proof(worst, "what failed")]
    return found(explained(ID, HOST, POSSIBLE, summary=summary, lines=lines))


def _confidence(case: Case) -> float:
    """Above the guesses where the kernel's log is missing: then nothing speaks for any of them."""
    if any(event.kind == "signalled" for _, event in of_kind(case.scene, QemuEvent)):
        return POSSIBLE - 0.2
    return POSSIBLE if case.has_log_of("kernel") else POSSIBLE + 0.1
