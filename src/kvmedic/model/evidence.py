"""Evidence: raw bytes by path, in the layout of a sosreport, read once or twice.

A live host, an ssh host, a bundle, a sosreport and a test fixture all become this. Paths are relative
to the root of the host ("proc/buddyinfo", "sys/kernel/mm/ksm/run"); what no file holds lies where a
sosreport puts it ("sos_commands/virsh/…") or below "kvmedic/".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from kvmedic.model.gap import Missing, Reason
from kvmedic.model.record import Record

TargetKind = Literal["host", "ssh", "bundle", "sosreport", "log"]


class Target(Record, frozen=True, kw_only=True):
    """What was examined: its kind and the name the operator knows it by."""

    kind: TargetKind
    name: str


class Evidence(Record, frozen=True, kw_only=True):
    """All that was read from one target.

    ``files`` is the first (often the only) reading; ``again`` holds the second reading of the files whose
    counters become rates, ``interval_s`` seconds of the host's monotonic clock later. A path that was
    tried and not read maps to a ``Missing``; a path that was never tried is not in the mapping.
    ``taken_at`` is seconds since the epoch, UTC.
    """

    target: Target
    taken_at: float | Missing
    interval_s: float | Missing
    files: Mapping[str, bytes | Missing]
    again: Mapping[str, bytes | Missing]

    def read(self, path: str) -> bytes | Missing:
        """The bytes at ``path`` in the first reading, or the gap that stands for them."""
        return self._find(self.files, path, self._not_here)

    def read_again(self, path: str) -> bytes | Missing:
        """The bytes at ``path`` in the second reading, or the gap that stands for them."""
        return self._find(self.again, path, "there is no second reading of it")

    def paths(self, prefix: str) -> Iterator[str]:
        """Every path tried that begins with ``prefix``, in order."""
        return (path for path in sorted(self.files) if path.startswith(prefix))

    def names(self, directory: str) -> tuple[str, ...]:
        """The names directly below ``directory`` ("proc" gives "1", "buddyinfo", …), sorted."""
        start = directory.rstrip("/") + "/"
        return tuple(
            sorted({path[len(start) :].split("/", 1)[0] for path in self.files if path.startswith(start)})
        )

    @property
    def _not_here(self) -> str:
        is_host = self.target.kind in {"host", "ssh"}
        return "not on this host" if is_host else f"not in this {self.target.kind}"

    def _find(self, files: Mapping[str, bytes | Missing], path: str, detail: str) -> bytes | Missing:
        found = files.get(path)
        if found is None:
            return Missing(source=path, reason=Reason.NOT_COLLECTED, detail=detail)
        return found
