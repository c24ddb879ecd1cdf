"""Raises a domain's memory limit through libvirt, live and in its definition."""

from __future__ import annotations

from kvmedic.adapters.domain_step import action_of
from kvmedic.adapters.libvirt_session import LibvirtSession
from kvmedic.errors import ActionRefusedError, PreconditionFailedError
from kvmedic.model.plan import RaiseCgroupLimit, Step
from kvmedic.model.run import Intent, Sight
from kvmedic.ports import Progress
from kvmedic.units import KIB

_WHERE = ("live", "config")


class CgroupLimitActor:
    """The actor of raise-cgroup-limit: hard_limit of virDomainSetMemoryParameters."""

    def __init__(self, session: LibvirtSession) -> None:
        self._session = session

    def look(self, step: Step, intent: Intent | None) -> Sight:
        """Both limits now; reached where each is at least as high as wished (None: no limit)."""
        action = action_of(step, RaiseCgroupLimit)
        now = self._limits(action)
        if intent is None and now["live"] is None:
            raise PreconditionFailedError(
                f"libvirt sets no limit on {action.domain_name}", hint="Somebody else's limit is not ours."
            )
        wished = action.hard_limit_bytes // KIB
        return Sight(
            is_reached=all(kib is None or kib >= wished for kib in now.values()),
            facts={f"{where}_limit_kib": kib for where, kib in now.items()},
            restores={f"{where}_kib": kib for where, kib in now.items()},
        )

    def act(self, step: Step, intent: Intent, progress: Progress) -> None:
        """Raises each limit that is lower; never lowers one."""
        action = action_of(step, RaiseCgroupLimit)
        wished = action.hard_limit_bytes // KIB
        lower = {key: wished for key, kib in self._limits(action).items() if kib is not None and kib < wished}
        if lower:
            self._session.write("set_limit", uuid=action.domain_uuid, **lower)

    def undo(self, step: Step, intent: Intent, progress: Progress) -> None:
        """Puts the limits back that were there. ActionRefusedError where somebody set others since."""
        action = action_of(step, RaiseCgroupLimit)
        wished = action.hard_limit_bytes // KIB
        before = {key: intent.restores.get(f"{key}_kib") for key in _WHERE}
        now = self._limits(action)
        changed = {key: kib for key, kib in before.items() if now[key] != kib}
        if any(now[key] != wished for key in changed):
            raise ActionRefusedError(
                f"the limit of {action.domain_name} was set by somebody since; nothing was touched",
                hint="See virsh memtune.",
            )
        if changed:
            self._session.write("set_limit", uuid=action.domain_uuid, **changed)

    def _limits(self, action: RaiseCgroupLimit) -> dict[str, int | None]:
        found = self._session.read("limits", action.domain_uuid)
        return {where: found[where].get("hard_limit") for where in _WHERE}
