"""What bears on moving a domain: what holds it where it is, and what a destination answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from kvmedic.model.gap import Missing
from kvmedic.model.record import Record

CpuAnswer = Literal["identical", "superset", "incompatible", "error", "default"]


class DiskUse(Record, frozen=True, kw_only=True):
    """A disk of a running domain. ``source`` is its path, volume or image; None where it is empty.

    ``filesystem`` is the type of file system below a file ("nfs", "ext2/ext3"); None where it is no file.
    """

    target: str
    kind: str
    source: str | None
    cache: str | None
    is_read_only: bool
    is_shareable: bool
    filesystem: str | Missing | None


class Mobility(Record, frozen=True, kw_only=True):
    """Everything of a running domain that bears on its move, as its host's libvirt tells it.

    ``holds`` are devices and features that QEMU or libvirt cannot move, each a phrase. ``files`` must exist
    at the destination, too (kernel, initrd, loader, firmware variables).
    """

    uuid: str
    name: str
    host_uuid: str
    domain_type: str
    arch: str
    machine: str
    cpu_xml: str
    maximum_bytes: int
    disks: tuple[DiskUse, ...]
    holds: tuple[str, ...]
    files: tuple[str, ...]
    networks: tuple[str, ...]
    snapshots: int
    checkpoints: int
    block_jobs: tuple[str, ...]
    has_job: bool
    is_persistent: bool
    autostarts: bool
    is_locked: bool
    hard_limit_bytes: int | None
    is_shared_memory: bool
    hugepage_size_bytes: int | None
    host_nodes: str | None


class CpuReply(Record, frozen=True, kw_only=True):
    """A destination's own answer to a domain's CPU, and its words where it could not tell."""

    answer: CpuAnswer
    detail: str


class DomainThere(Record, frozen=True, kw_only=True):
    """What a destination knows of a domain that is to come."""

    cpu: CpuReply
    state: str | None
    """Its state where it is defined there already; None where it is not."""
    is_name_taken: bool


class DestinationFacts(Record, frozen=True, kw_only=True):
    """A destination as its libvirt tells it; sizes in bytes.

    ``available_bytes`` counts free memory, buffers and cache: an estimate, as MemAvailable is one.
    ``free_huge_pages``: by NUMA node, by page size in bytes, how many are free.
    """

    host_uuid: str
    cpus: int
    running: int
    total_bytes: int
    available_bytes: int
    node_free_bytes: Mapping[int, int]
    free_huge_pages: Mapping[int, Mapping[int, int]]
    domains: Mapping[str, DomainThere]


class HostMigrationMarks(Record, frozen=True, kw_only=True):
    """What a shell on a host shows of it: the cordon mark, certificates for migrations, missing files."""

    cordon: str | None
    """What the mark says; None where there is none."""
    has_migration_certificates: bool
    missing_files: tuple[str, ...]
    questions: Mapping[str, str]
    """Keys of the policy's answers that its marks raise, each with the mark."""


class FleetSight(Record, frozen=True, kw_only=True):
    """What is known of the host that domains are to leave, beyond its snapshot.

    ``uri`` is its libvirt as seen from here. ``mobility`` is by domain UUID. ``controller_uuid`` is the
    hardware UUID of the machine that kvmedic runs on: it may be a guest of that host.
    """

    uri: str
    ssh: str | None
    mobility: Mapping[str, Mobility] | Missing
    marks: HostMigrationMarks | Missing
    controller_uuid: str | None
