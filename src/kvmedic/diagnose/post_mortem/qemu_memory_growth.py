"""qemu-memory-growth after a failure: the QEMU that was killed held well more than its guest may have.

Needs the guest's maximum, from a live snapshot or a bundle; a bare log shows only how much QEMU held.
"""

from __future__ import annotations

from kvmedic.diagnose.post_mortem.actors import victim_of, victim_subject
from kvmedic.diagnose.post_mortem.oom_kinds import any_ooms
from kvmedic.diagnose.post_mortem.oom_proof import oom_lines
from kvmedic.diagnose.post_mortem.said import LIKELY, absent, explained
from kvmedic.diagnose.verdicts import cleared, found, lacking
from kvmedic.model.case import Case, Happening
from kvmedic.model.finding import Judgement
from kvmedic.model.gap import Missing
from kvmedic.model.log_event import OomReport
from kvmedic.units import GIB, human_bytes

ID = "qemu-memory-growth"
REMEDIES = ("migrate-domain",)
ALLOWANCE_SHARE, ALLOWANCE_BYTES = 0.15, GIB
"""What QEMU may need beside its guest: the larger of both."""


def explain(case: Case) -> Judgement:
    """The killed QEMU against the maximum of its domain."""
    ooms = any_ooms(case)
    if not ooms:
        return absent(case, "no QEMU was killed for its size")
    judged = [
        verdict for happening, report in ooms if (verdict := _judge(case, happening, report)) is not None
    ]
    present = next((verdict for verdict in judged if verdict.findings), None)
    if present is not None:
        return present
    return (
        judged[0] if judged else lacking("how much memory the killed guest may have is not known from a log")
    )


def _judge(case: Case, happening: Happening, report: OomReport) -> Judgement | None:
    victim, maximum = victim_of(report), _maximum(case, happening.domain)
    if victim is None or maximum is None or victim.anon_rss_bytes is None:
        return None
    held = victim.anon_rss_bytes + (victim.shmem_rss_bytes or 0)
    told = f"QEMU held {human_bytes(held)} for a guest of {human_bytes(maximum)}"
    if held - maximum < max(ALLOWANCE_BYTES, ALLOWANCE_SHARE * maximum):
        return cleared(told, happening.event.lines[0].source)
    return found(
        explained(
            ID,
            victim_subject(happening, report),
            LIKELY + 0.02,
            summary=f"{told}: it grew far beyond it",
            lines=oom_lines(happening, report),
            remedies=REMEDIES,
        )
    )


def _maximum(case: Case, name: str | None) -> int | None:
    if name is None or isinstance(case.snapshot.domains, Missing):
        return None
    sizes = (d.memory_max_bytes for d in case.snapshot.domains if d.name == name)
    return next((size for size in sizes if not isinstance(size, Missing)), None)
