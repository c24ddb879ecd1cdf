"""hugepages-exhausted after a failure: a guest could not start because no hugetlb pages were left for it.

"Insufficient free host memory pages" says so itself. "unable to map backing store" says it only with ENOMEM
and a pool that is known to be short: other causes (rights, another guest's leftovers) write the same words.
"""

from __future__ import annotations

from kvmedic.diagnose.post_mortem.actors import qemu_subject
from kvmedic.diagnose.post_mortem.said import FAIR, SURE, absent, explained, of_kind, proof
from kvmedic.diagnose.verdicts import because, found
from kvmedic.model.case import Case, Happening
from kvmedic.model.finding import Because, Judgement
from kvmedic.model.gap import Missing
from kvmedic.model.log_event import QemuEvent
from kvmedic.units import human_bytes

ID = "hugepages-exhausted"
REMEDIES = ("compact-memory", "migrate-domain", "reboot-host")
_ENOMEM = 12


def explain(case: Case) -> Judgement:
    """Starts that failed for pages of a pool."""
    for happening, event in of_kind(case.scene, QemuEvent):
        if event.kind == "start-failed" and event.failure in ("hugepages", "backing-store"):
            return found(_present(case, happening, event).findings[0])
    return absent(case, "no guest failed to start for want of hugepages", "qemu")


def _present(case: Case, happening: Happening, event: QemuEvent) -> Judgement:
    pools = _pools(case)
    sure = event.failure == "hugepages" or (event.errno == _ENOMEM and bool(pools))
    meaning = "QEMU found too few free hugepages for its guest"
    if event.failure == "backing-store":
        meaning = "the guest's memory file could not be mapped"
    return found(
        explained(
            ID,
            qemu_subject(happening, event),
            SURE if sure else FAIR + 0.1 if event.errno == _ENOMEM else FAIR - 0.2,
            summary="the guest could not start: no hugepages were left for it",
            lines=(proof(happening, meaning), *pools),
            remedies=REMEDIES,
        )
    )


def _pools(case: Case) -> tuple[Because, ...]:
    """The pools as they are today, where they are known and have nothing left."""
    pools = case.snapshot.memory.hugepages
    if isinstance(pools, Missing):
        return ()
    return tuple(
        because(
            f"{human_bytes(pool.page_size_bytes)} pages: {pool.free_pages} of {pool.total_pages} free today",
            "sys/kernel/mm/hugepages",
        )
        for pool in pools
        if pool.total_pages and pool.node is None
    )
