"""The processes of a sosreport: each of its listings of ps lacks something, so they are read together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kvmedic.derive.reading import read_with
from kvmedic.model.evidence import Evidence
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.reading_list import DAEMONS, MOST_SERVICES, SMALLEST_SERVICE_BYTES
from kvmedic.parse.ps import PsRow, parse_ps, parse_ps_groups

_PS = "sos_commands/process/ps_"
_PLAIN = "ps"
NO_LISTING = Missing(source="ps", reason=Reason.NOT_COLLECTED, detail="no listing of all processes in it")
_QEMU_OPTIONS = frozenset({"-name", "-m", "-machine", "-M"})


def derive_ps(evidence: Evidence) -> Mapping[int, PsRow] | Missing:
    """Every process that a listing shows, with its state and RSS from the first listing that has them.

    One listing counts threads and shows no RSS, another marks states as "-": none is enough alone.
    """
    listings = [read_with(evidence, path, parse_ps) for path in (*evidence.paths(_PS), _PLAIN)]
    rows: dict[int, PsRow] = {}
    for listing in listings:
        for row in () if isinstance(listing, Missing) else listing:
            rows[row.pid] = _joined(rows.get(row.pid, row), row)
    return rows or NO_LISTING


def _joined(known: PsRow, row: PsRow) -> PsRow:
    """A process of two listings; a PID that was used again between them stays the first."""
    if known is row or known.command != row.command:
        return known
    return PsRow(
        pid=known.pid,
        state=known.state or row.state,
        rss_bytes=known.rss_bytes if known.rss_bytes is not None else row.rss_bytes,
        command=known.command,
    )


def derive_ps_groups(evidence: Evidence, pid: int) -> Mapping[str, str] | Missing:
    """Group by controller, from a listing with the column CGROUP; a gap where no listing has the process."""
    for path in evidence.paths(_PS):
        groups = read_with(evidence, path, parse_ps_groups)
        if not isinstance(groups, Missing) and pid in groups:
            return groups[pid]
    return Missing(source=f"proc/{pid}/cgroup", reason=Reason.NOT_COLLECTED, detail="no source gives it")


def is_kernel_thread(row: PsRow) -> bool:
    """Whether ps shows it in brackets, having found no command line, as it does with kernel threads."""
    return row.command.startswith("[") and row.command.rstrip().endswith("]")


def is_qemu(row: PsRow) -> bool:
    """Whether the command is that of a QEMU with a machine."""
    name = program_of(row)
    is_named = name.startswith("qemu-system") or name in {"kvm", "qemu-kvm"}
    return is_named and not _QEMU_OPTIONS.isdisjoint(row.command.split())


def daemon_of(row: PsRow) -> str | None:
    """The management daemon that the command starts; a script's name stands behind its interpreter."""
    words = [word.rpartition("/")[2].rstrip(":") for word in row.command.split()[:3]]
    is_script = bool(words) and words[0].startswith(("python", "perl"))
    candidates = words[1:] if is_script else words[:1]
    return next((word for word in candidates if word in DAEMONS), None)


def services_of(rows: Iterable[PsRow]) -> list[PsRow]:
    """The largest processes that are neither QEMU nor a management daemon, the largest first."""
    large = [
        row
        for row in rows
        if (row.rss_bytes or 0) >= SMALLEST_SERVICE_BYTES and not is_qemu(row) and daemon_of(row) is None
    ]
    return sorted(large, key=lambda row: -(row.rss_bytes or 0))[:MOST_SERVICES]


def program_of(row: PsRow) -> str:
    """The name of the program, without its directory."""
    words = row.command.split(None, 1)
    return words[0].rpartition("/")[2].rstrip(":") if words else ""
