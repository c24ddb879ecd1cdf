"""The OOM report's task table, by the names of its own header (mm/oom_kill.c: ``dump_tasks``)."""

from __future__ import annotations

import heapq
import re
from typing import Final

from kvmedic.model.memory_report import TaskRow
from kvmedic.parse.logs.numbers import whole

KEPT_TASKS: Final = 64
_HEADER = re.compile(r"\[ *pid *\] +(uid .*name)\s*$")
_ROW = re.compile(r"\[ *(\d{1,10})\] +(\d.*)")
_COLUMNS_OF_ALL_KERNELS: Final = ("uid", "tgid", "total_vm", "rss")
_QEMU_NAMES: Final = ("qemu", "kvm", "CPU ", "cloud-hyperviso", "firecracker", "crosvm")

_OF_QEMU_BUT_NO_GUEST: Final = (
    *("qemu-ga", "qemu-nbd", "qemu-img", "qemu-io", "qemu-pr-helper", "qemu-storage"),
    *("kvm-nx", "kvm-pit", "kvm-irqfd", "kvm_nx", "kvm_async"),
)
"""The guest agent runs inside a guest; the others are tools and threads of the kernel."""


def is_qemu_comm(comm: str) -> bool:
    """True for the command name of a hypervisor process or of one of its vCPU threads."""
    return comm.startswith(_QEMU_NAMES) and not comm.startswith(_OF_QEMU_BUT_NO_GUEST)


class TaskTableParts:
    """Collects rows; keeps the largest by resident pages, counts the rest."""

    def __init__(self) -> None:
        self._columns: tuple[str, ...] | None = None
        self._largest: list[tuple[int, int, TaskRow]] = []
        self.total = 0
        self.qemu_total = 0

    def claims(self, message: str) -> bool:
        """Take a header or a row."""
        if not message.startswith("["):
            return message.startswith("Tasks state (memory values")
        header = _HEADER.match(message)
        if header is not None:
            self._columns = tuple(header[1].split())
            return True
        row = _ROW.match(message)
        if row is None:
            return False
        self._take_row(int(row[1]), row[2])
        return True

    def _take_row(self, pid: int, text: str) -> None:
        columns = self._columns or _COLUMNS_OF_ALL_KERNELS
        words = text.split(maxsplit=len(columns) - 1)
        cells = dict(zip(columns, words, strict=False))
        name = cells.get("name") if self._columns else text.rsplit(maxsplit=1)[-1]
        if name is None or "rss" not in cells:
            return
        task = _task(pid, name.strip(), cells)
        self.total += 1
        self.qemu_total += is_qemu_comm(task.name)
        entry = (task.rss_pages or 0, -self.total, task)
        if len(self._largest) < KEPT_TASKS:
            heapq.heappush(self._largest, entry)
        elif entry > self._largest[0]:
            heapq.heapreplace(self._largest, entry)

    def largest(self) -> tuple[TaskRow, ...]:
        """The kept rows, most resident pages first."""
        return tuple(task for _, _, task in sorted(self._largest, reverse=True))


def _task(pid: int, name: str, cells: dict[str, str]) -> TaskRow:
    page_tables = whole(cells.get("pgtables_bytes"))
    if page_tables is None and "nr_ptes" in cells:
        tables = (whole(cells["nr_ptes"]) or 0) + (whole(cells.get("nr_pmds")) or 0)
        page_tables = tables * 4096
    return TaskRow(
        pid=pid,
        tgid=whole(cells.get("tgid")),
        uid=whole(cells.get("uid")),
        name=name,
        total_vm_pages=whole(cells.get("total_vm")),
        rss_pages=whole(cells.get("rss")),
        rss_anon_pages=whole(cells.get("rss_anon")),
        rss_shmem_pages=whole(cells.get("rss_shmem")),
        swap_pages=whole(cells.get("swapents")),
        pgtables_bytes=page_tables,
        oom_score_adj=whole(cells.get("oom_score_adj")),
    )
