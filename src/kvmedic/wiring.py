"""The composition root: with wiring_act, for what acts, the only modules that name concrete adapters.

Adapters are imported where they are used: ``--help`` needs none, and what looks loads no engine.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from kvmedic.errors import KvmedicError
from kvmedic.model.evidence import Evidence, Target, TargetKind
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.marks import HostMarks
from kvmedic.model.policy import NO_POLICY, Policy
from kvmedic.model.request import CollectRequest
from kvmedic.model.run import Run
from kvmedic.plan.situation import Situation
from kvmedic.ports import EvidenceSource, Progress

if TYPE_CHECKING:
    from kvmedic.adapters.run_store import RunStore
    from kvmedic.app.capture import BundleContents

MOVING = ("migrate-domain", "evacuate-host", "reboot-host")


def open_source(target: str | None) -> EvidenceSource:
    """The source of evidence that ``target`` names; nothing means this host."""
    from kvmedic.adapters.libvirt_reader import read_libvirt, read_statistics  # noqa: PLC0415
    from kvmedic.adapters.targets import open_target  # noqa: PLC0415

    return open_target(
        target, read_libvirt=read_libvirt, read_statistics=read_statistics, read_page_map=_page_map
    )


def _page_map(request: CollectRequest, evidence: Evidence) -> bytes | Missing:
    """The page map of this host; numpy is loaded for it alone, and not to read a bundle."""
    from kvmedic.adapters.page_map_of_host import page_map_evidence  # noqa: PLC0415

    return page_map_evidence(request, evidence)


def open_for(remedy: str | None, target: str | None) -> EvidenceSource:
    """The source for a plan: for moving guests off another host a short reading is enough, and is sooner."""
    if target is None or not target.startswith("ssh://") or remedy not in MOVING:
        return open_source(target)
    from kvmedic.adapters.quick_host import QuickHost  # noqa: PLC0415

    return QuickHost(target)


def collector() -> str:
    """The collector for hosts where nothing may be installed: one POSIX shell script."""
    from kvmedic.adapters.collector import collector_script  # noqa: PLC0415

    return collector_script()


def new_pseudonym_key() -> bytes:
    """A key for the pseudonyms of one bundle, stored nowhere."""
    from kvmedic.adapters.capture_writer import new_pseudonym_key as new_key  # noqa: PLC0415

    return new_key()


def save_bundle(contents: BundleContents, path: Path | None) -> Path:
    """Writes a bundle and returns where. UsageError where something is there already."""
    from kvmedic.adapters.capture_writer import bundle_name, write_bundle  # noqa: PLC0415

    name = bundle_name(contents.host, contents.taken_at)
    chosen = path or Path(f"{name}.tar.gz")
    write_bundle(contents.files, chosen, name=name, taken_at=contents.taken_at)
    return chosen


def run_store(folder: Path | None = None) -> RunStore:
    """The store of this host's runs, or the records of runs that were brought to ``folder``."""
    from kvmedic.adapters.run_store import RunStore  # noqa: PLC0415

    return RunStore(folder)


def runs_under_way(names: Iterable[str]) -> frozenset[str]:
    """Those of the runs that somebody on this host works on now, by the locks that are held."""
    from kvmedic.adapters.locks import owners_now  # noqa: PLC0415

    owners = owners_now()
    return frozenset(name for name in names if any(owner.endswith(f", run {name}") for owner in owners))


def host_marks(kind: TargetKind) -> HostMarks | Missing:
    """The marks of this host; of another target they are not collected."""
    if kind != "host":
        return Missing(source="marks", reason=Reason.NOT_COLLECTED, detail="read on a living host only")
    from kvmedic.adapters.host_marks import read_marks  # noqa: PLC0415

    return read_marks()


def with_fleet(situation: Situation, target: Target, progress: Progress) -> Situation:
    """The situation with the other hosts in it, where the policy or the operator names any."""
    if not situation.policy.hosts and situation.wishes.destination_uri is None:
        return situation
    from kvmedic.adapters.fleet import look_at_fleet  # noqa: PLC0415

    return look_at_fleet(situation, target, situation.policy, progress)


def earlier_runs(kind: TargetKind) -> tuple[Run, ...]:
    """What was done on this host, for what it teaches; none where that cannot be read, or of another host."""
    if kind != "host":
        return ()
    try:
        return run_store().all()
    except (KvmedicError, OSError):
        return ()


def read_policy(path: Path | None) -> Policy:
    """The policy file, or the policy without one."""
    if path is None:
        return NO_POLICY
    from kvmedic.adapters.policy_file import load_policy  # noqa: PLC0415

    return load_policy(path)
