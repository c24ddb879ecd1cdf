"""Which domain an event speaks of: by the log's name, the cgroup, the PID, a known name, or the moment.

libvirt names a domain's cgroup ``machine-qemu\\x2d3\\x2dNAME.scope`` (systemd escapes) or
``/machine/NAME.libvirt-qemu`` (older: ``/libvirt/qemu/NAME``), Proxmox ``qemu.slice/101.scope``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from kvmedic.model.gap import Missing
from kvmedic.model.log_event import (
    BackupEvent,
    BalloonEvent,
    LibvirtEvent,
    LimitHit,
    LogEvent,
    OomReport,
    QemuEvent,
    UserspaceOomEvent,
)
from kvmedic.model.snapshot import Snapshot

_SCOPE = re.compile(r"machine-qemu(?:\\x2d|-)\d{1,10}(?:\\x2d|-)(.{1,255}?)\.scope")
_OLD_GROUP = re.compile(r"/(?:qemu-\d{1,10}-)?([^/]{1,255})\.libvirt-qemu(?:/|$)|/libvirt/qemu/([^/]{1,255})")
_PROXMOX = re.compile(r"qemu\.slice/(?:.*/)?(\d{1,9})\.scope")
_ESCAPE = re.compile(r"\\x([0-9a-fA-F]{2})")


def domain_of_cgroup(path: str | None) -> str | None:
    """The domain whose QEMU lives in this cgroup, where the path tells."""
    if path is None:
        return None
    match = _SCOPE.search(path) or _OLD_GROUP.search(path) or _PROXMOX.search(path)
    name = None if match is None else next((group for group in match.groups() if group), None)
    return None if name is None else _ESCAPE.sub(lambda code: chr(int(code[1], 16)), name)


class Names:
    """What is known of PIDs and names, from the snapshot and from reports that name both."""

    def __init__(
        self, snapshot: Snapshot, events: Iterable[LogEvent], names_by_id: Mapping[str, str]
    ) -> None:
        self._by_id = names_by_id
        self._by_pid: dict[int, str] = dict(_running(snapshot))
        for event in events:
            self._by_pid.update(_pairs(event))

    def domain_of(self, event: LogEvent) -> str | None:
        """The event's domain, None where nothing names it; an id of Proxmox' stands for its guest's name."""
        named = self._named(event)
        return None if named is None else self._by_id.get(named, named)

    def _named(self, event: LogEvent) -> str | None:
        named = getattr(event, "domain", None)
        if isinstance(named, str):
            return named
        for path in _cgroups(event):
            domain = domain_of_cgroup(path)
            if domain is not None:
                return domain
        if isinstance(event, BalloonEvent | BackupEvent) and event.vmid is not None:
            return str(event.vmid)
        return next((self._by_pid[pid] for pid in _pids(event) if pid in self._by_pid), None)


def _running(snapshot: Snapshot) -> Iterable[tuple[int, str]]:
    for domain in snapshot.running:
        if not isinstance(domain.pid, Missing):
            yield domain.pid, domain.name


def _pairs(event: LogEvent) -> Mapping[int, str]:
    if isinstance(event, OomReport) and event.chosen is not None and event.chosen.pid is not None:
        domain = domain_of_cgroup(event.chosen_memcg)
        return {} if domain is None else {event.chosen.pid: domain}
    if isinstance(event, QemuEvent | LibvirtEvent) and event.domain is not None:
        pid = getattr(event, "pid", None)
        return {} if pid is None else {pid: event.domain}
    return {}


def _cgroups(event: LogEvent) -> tuple[str | None, ...]:
    match event:
        case OomReport():
            memcg = event.memcg
            return (event.chosen_memcg, *((memcg.task_memcg, memcg.oom_memcg) if memcg else ()), event.cpuset)
        case UserspaceOomEvent() | LimitHit():
            return (event.cgroup,)
        case _:
            return ()


def _pids(event: LogEvent) -> tuple[int, ...]:
    if isinstance(event, OomReport):
        return tuple(victim.pid for victim in event.victims)
    task = getattr(event, "task", None) or getattr(event, "killed", None)
    pid = getattr(task, "pid", None) or getattr(event, "pid", None)
    return () if pid is None else (pid,)
