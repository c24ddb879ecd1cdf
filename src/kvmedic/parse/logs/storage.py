"""Storage that failed, stalled or is full: block layer, ext4, XFS, NFS, multipath, SCSI, NVMe, ZFS.

Sources: block/blk-core.c, fs/ext4/super.c, fs/xfs/xfs_fsops.c, net/sunrpc/clnt.c, drivers/md, drivers/nvme.
QEMU's own "block I/O error in device" is read in ``qemu_log``.
"""

from __future__ import annotations

import re
from typing import Final, Literal

from kvmedic.model.kernel_event import StorageError
from kvmedic.parse.logs.envelope import LogLine
from kvmedic.parse.logs.report import Context

Kind = Literal[
    "block-io",
    "filesystem-error",
    "filesystem-shutdown",
    "remounted-read-only",
    "delayed-write-lost",
    "nfs-not-responding",
    "nfs-answers",
    "no-space",
    "path-failed",
    "all-paths-failed",
    "device-offline",
    "command-timeout",
    "pool-suspended",
]
LONGEST_MESSAGE: Final = 1024
"""The kernel and its daemons say it in less; some patterns are slow on endless lines."""
_OPERATION = re.compile(
    r"op 0x[0-9a-f]+:\((\w+)\)|(?:async page |lost (?:async page |sync page )?)(read|write)"
)
_KINDS: Final[tuple[tuple[Kind, re.Pattern[str]], ...]] = (
    ("block-io", re.compile(r"(?:I/O|critical \w+|protection) error, dev ([\w!-]{1,32})")),
    ("block-io", re.compile(r"Buffer I/O error (?:on|in) (?:dev(?:ice)? )?([\w!-]{1,32})")),
    ("delayed-write-lost", re.compile(r"EXT4-fs \(([^)]{1,64})\): Delayed block allocation failed")),
    ("remounted-read-only", re.compile(r"EXT4-fs \(([^)]{1,64})\): Remounting filesystem read-only")),
    ("filesystem-error", re.compile(r"EXT4-fs (?:error|warning) \((?:device )?([^)]{1,64})\)")),
    ("filesystem-shutdown", re.compile(r"XFS \(([^)]{1,64})\): .{0,200}(?:[Ss]hutting down|[Ss]hut down)")),
    ("filesystem-error", re.compile(r"XFS \(([^)]{1,64})\): .{0,60}(?:[Cc]orruption|error)")),
    ("nfs-not-responding", re.compile(r"(?:nfs|rpc|lockd|ceph)[\w:]*:? server (\S{1,255}) not responding")),
    ("nfs-answers", re.compile(r"(?:nfs|rpc|lockd)[\w:]*:? server (\S{1,255}) OK$")),
    ("nfs-not-responding", re.compile(r"server (\S{1,255}) not responding, (?:still trying|timed out)")),
    (
        "all-paths-failed",
        re.compile(r"(\S{1,64}): (?:remaining active paths: 0|Fail all paths|queueing disabled)"),
    ),
    ("path-failed", re.compile(r"multipath.{0,60}?(?:Failing path|mark as failed) ?(\S{0,32})")),
    ("path-failed", re.compile(r"(\S{1,64}): mark as failed")),
    ("path-failed", re.compile(r"(connection\d+):\d+: (?:detected conn error|ping timeout)")),
    ("path-failed", re.compile(r"(rport-[\d:-]{1,24}): blocked FC remote port time out")),
    ("path-failed", re.compile(r"libceph: (\S{1,64}) .{0,80}session lost")),
    ("device-offline", re.compile(r"(session\d+): session recovery timed out")),
    ("device-offline", re.compile(r"(?:sd|scsi) (\S{1,32}): [Dd]evice offlined - not ready")),
    ("nfs-not-responding", re.compile(r"(\\\\\S{1,255}) has not responded in \d+ seconds")),
    ("nfs-not-responding", re.compile(r"ceph: (mds\d+) hung")),
    ("command-timeout", re.compile(r"(ata[\d.]{1,8}): failed command")),
    ("filesystem-error", re.compile(r"Aborting journal on device ([\w-]{1,64})")),
    ("filesystem-shutdown", re.compile(r"GFS2: fsid=(\S{1,64}?):? .{0,80}withdr[ae]w")),
    ("no-space", re.compile(r"BTRFS.{0,40}\(device ([^:) ]{1,64}).{0,80}errno=-28 ")),
    ("no-space", re.compile(r"device-mapper: thin: (\S{1,32}): switching pool to out-of-data-space")),
    ("remounted-read-only", re.compile(r"BTRFS.{0,40}\(device ([^:) ]{1,64}).{0,80}forced readonly")),
    ("filesystem-error", re.compile(r"BTRFS.{0,40}\(device ([^:) ]{1,64}).{0,80}errno=-5 ")),
    (
        "device-offline",
        re.compile(r"(?:sd |scsi )?(\S{1,32}?): (?:\[\w+\] )?rejecting I/O to offline device"),
    ),
    ("command-timeout", re.compile(r"(nvme\w{1,16}): I/O .{0,70}timeout")),
    ("command-timeout", re.compile(r"(?:sd|scsi) (\S{1,32}): .{0,40}task abort")),
    (
        "pool-suspended",
        re.compile(r"[Pp]ool '([^']{1,64})' (?:has encountered an uncorrectable|is suspended|I/O fail)"),
    ),
    ("no-space", re.compile(r"()No space left on device")),
)


def read_storage(context: Context, line: LogLine) -> StorageError | None:
    """The storage error this line tells; None for other lines."""
    message = line.message[:LONGEST_MESSAGE]
    if "block I/O error in device" in message or "VFIO_MAP_DMA" in message or "vfio_dma_map" in message:
        return None
    for kind, pattern in _KINDS:
        match = pattern.search(message)
        if match is not None:
            operation = _OPERATION.search(message)
            return StorageError(
                at=context.at(line),
                host=line.host,
                lines=context.proof(line),
                kind=kind,
                device=match[1] or None,
                domain=None,
                identifier=line.identifier,
                operation=(operation[1] or operation[2]) if operation else None,
                detail=message[:300],
            )
    return None
