"""Marks on a host that bear on remedies and that no diagnosis needs: owners of settings, guardians, …"""

from __future__ import annotations

from kvmedic.model.gap import Missing
from kvmedic.model.record import Record


class SettingOwner(Record, frozen=True, kw_only=True):
    """Who else sets a kernel setting: its key ("vm.min_free_kbytes" or a path), where, to what."""

    key: str
    owner: str
    value: str | None


class HostMarks(Record, frozen=True, kw_only=True):
    """What a host shows of those who own parts of it.

    ``configuration_managers`` are phrases ("puppet (etc/puppetlabs)"). ``realtime_tasks`` are realtime tasks
    on isolated CPUs. ``auto_ballooners`` are daemons that set balloons by themselves. ``questions`` are keys
    of the policy's answers that a mark here raises, each with the mark.
    """

    setting_owners: tuple[SettingOwner, ...]
    tuned_profile: str | None
    configuration_managers: tuple[str, ...]
    realtime_tasks: tuple[str, ...] | Missing
    auto_ballooners: tuple[str, ...]
    questions: dict[str, str]

    def owners_of(self, key: str) -> tuple[str, ...]:
        """Who else sets ``key``."""
        return tuple(dict.fromkeys(owner.owner for owner in self.setting_owners if owner.key == key))
