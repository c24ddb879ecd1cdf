"""limit-exhausted after a failure: a limit was reached, not memory, though the words often say memory."""

from __future__ import annotations

from kvmedic.diagnose.post_mortem.actors import domain, is_qemu
from kvmedic.diagnose.post_mortem.said import FAIR, LIKELY, POSSIBLE, absent, explained, of_kind, proof
from kvmedic.diagnose.post_mortem.scenes import DEATH, gravity
from kvmedic.diagnose.verdicts import found
from kvmedic.model.case import Case, Happening
from kvmedic.model.finding import Judgement, Severity, Subject
from kvmedic.model.log_event import LimitHit, QemuEvent
from kvmedic.model.subjects import HOST

ID = "limit-exhausted"
GROUPS_OF_GUESTS = ("machine", "qemu", "libvirt")
"""Parts of the names of cgroups in which guests run: machine.slice, qemu.slice, NAME.libvirt-qemu."""
_NAMES = {
    "open-files": "open files (nofile)",
    "aio": "asynchronous I/O contexts (fs.aio-max-nr)",
    "pids": "processes of a cgroup (pids.max)",
    "map-count": "memory mappings (vm.max_map_count)",
    "memlock": "locked memory (memlock)",
    "vfio-dma": "DMA mappings of VFIO (dma_entry_limit)",
    "conntrack": "connections (nf_conntrack_max)",
    "again": "processes or threads (EAGAIN)",
}


def explain(case: Case) -> Judgement:
    """Limits that the logs name."""
    hits = list(of_kind(case.scene, LimitHit))
    if not hits:
        return absent(case, "no limit was reached")
    happening, hit = max(hits, key=lambda pair: (_is_ours(*pair), pair[1].kind != "again"))
    return found(
        explained(
            ID,
            _subject(happening, hit),
            _confidence(case, happening, hit),
            summary=f"a limit was reached that is not memory: {_NAMES[hit.kind]}",
            lines=[proof(h, f"the limit: {_NAMES[e.kind]}") for h, e in hits[:3]],
            severity=Severity.CRITICAL if _is_ours(happening, hit) else Severity.WARNING,
        )
    )


def _is_ours(happening: Happening, hit: LimitHit) -> bool:
    return (
        happening.domain is not None
        or hit.domain is not None
        or is_qemu(hit.identifier)
        or (hit.identifier or "").startswith(("libvirt", "virt"))
        or "qemu" in hit.detail
        or any(word in (hit.cgroup or "") for word in GROUPS_OF_GUESTS)
    )


def _subject(happening: Happening, hit: LimitHit) -> Subject:
    name = happening.domain or hit.domain
    return HOST if name is None else domain(name)


def _confidence(case: Case, happening: Happening, hit: LimitHit) -> float:
    """Surest where a start failed beside it; weak where something graver happened."""
    starts = any(event.kind == "start-failed" for _, event in of_kind(case.scene, QemuEvent))
    graver = any(gravity(h.event) == DEATH and not isinstance(h.event, QemuEvent) for h in case.scene)
    if graver:
        return POSSIBLE
    if starts or _is_ours(happening, hit):
        return LIKELY + 0.08 if hit.kind != "again" else FAIR
    return POSSIBLE + 0.1
