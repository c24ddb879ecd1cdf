"""The Snapshot: all facts of one target at one time. Rules read it and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from kvmedic.model.domain import DomainFacts
from kvmedic.model.evidence import Target
from kvmedic.model.gap import Missing
from kvmedic.model.log_event import LogEvent
from kvmedic.model.memory import Pagetypeinfo, SlabUse
from kvmedic.model.page_map import PageMap
from kvmedic.model.record import Record
from kvmedic.model.zone_facts import MemoryFacts


class DaemonFacts(Record, frozen=True, kw_only=True):
    """A management daemon (libvirtd, virtqemud, …): does it answer, how big is it."""

    name: str
    pid: int
    state: str
    rss_bytes: int
    open_files: int | Missing
    open_files_limit: int | Missing | None


class ServiceMemory(Record, frozen=True, kw_only=True):
    """A process that is not a QEMU and uses much memory (an OSD, a backup agent, an exporter)."""

    name: str
    pid: int
    rss_bytes: int
    swap_bytes: int | Missing


class HostFacts(Record, frozen=True, kw_only=True):
    """Who this host is and what it runs."""

    name: str
    kernel_release: str | Missing
    boot_id: str | Missing
    uptime_s: float | Missing
    cpus_online: str | Missing
    command_line: str | Missing
    hardware_name: str | Missing
    is_virtual_machine: bool | Missing
    cgroup_version: Literal[1, 2] | Missing
    sysctls: Mapping[str, str]
    kernel_configuration: Mapping[str, str] | Missing
    libvirt_version: str | Missing
    load_1min: float | Missing
    memory_errors: Mapping[str, int] | Missing
    """EDAC counts since boot: "mc0/ce_count" → 3."""
    d_state_tasks: tuple[str, ...] | Missing
    """Command names of tasks in uninterruptible sleep."""


class Snapshot(Record, frozen=True, kw_only=True):
    """Everything known of one target; what is not known is a gap in its place and in ``gaps``."""

    target: Target
    taken_at: float | Missing
    interval_s: float | Missing
    host: HostFacts
    memory: MemoryFacts
    domains: tuple[DomainFacts, ...] | Missing
    daemons: tuple[DaemonFacts, ...] | Missing
    services: tuple[ServiceMemory, ...] | Missing
    libvirt: Literal["answers", "hung", "absent"] | Missing
    page_map: PageMap | Missing
    pagetypeinfo: Pagetypeinfo | Missing
    slabs: tuple[SlabUse, ...] | Missing
    events: tuple[LogEvent, ...] | Missing
    """What the logs tell, in time order; a gap when no log was read."""
    gaps: tuple[Missing, ...]

    @property
    def running(self) -> tuple[DomainFacts, ...]:
        """The running domains (none where the domains are a gap: ask for that first)."""
        return () if isinstance(self.domains, Missing) else tuple(d for d in self.domains if d.is_running)
