"""A bed: the owner of everything that one experiment makes, and the way to make it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import IO

from kvmedic.lab.cleanup import clean, restore_setting
from kvmedic.lab.ledger import TOKEN_VARIABLE, Ledger, start_ticks


class Bed:
    """Context manager: what is made through it is gone at its end, or after ``clean`` if it had none."""

    def __init__(self) -> None:
        self.ledger = Ledger.open_new()
        self.ledger.note("folder", path=str(self.ledger.folder))
        self.folder.mkdir(mode=0o755)
        self.ledger.scratch.mkdir()
        self._children: list[subprocess.Popen[bytes]] = []
        self._is_kept = False

    def __enter__(self) -> Bed:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self._is_kept:
            self.close()

    @property
    def folder(self) -> Path:
        """The bed's folder under the temporary folder."""
        return self.ledger.folder

    @property
    def token(self) -> str:
        """A name for things of this bed that is unique on this machine."""
        return self.ledger.token

    def keep(self) -> None:
        """Let everything run on when this process ends; ``clean_named`` takes it away."""
        self.ledger.note("kept")
        self._is_kept = True

    def environment(self) -> dict[str, str]:
        """This process's environment with the marks by which clean-up knows the bed's processes."""
        return {
            **os.environ,
            TOKEN_VARIABLE: self.token,
            "TMPDIR": str(self.ledger.scratch),
        }

    def start(self, argv: Sequence[str], *, log: Path, extra: Mapping[str, str] | None = None) -> int:
        """Start a process that belongs to the bed; its output goes to ``log``. Returns the pid."""
        with log.open("ab") as output:
            child = self._spawn(argv, output, {**self.environment(), **(extra or {})})
        self._children.append(child)
        self.ledger.note("process", pid=child.pid, start=start_ticks(child.pid) or 0, argv=argv[0])
        return child.pid

    def is_running(self, pid: int) -> bool:
        """Whether a process started by this object still runs."""
        return any(child.pid == pid and child.poll() is None for child in self._children)

    def make_cgroup(self, path: Path) -> Path:
        """Make a cgroup, or adopt for clean-up one that libvirt is about to make there."""
        self.ledger.note("cgroup", path=str(path))
        path.mkdir(exist_ok=True)
        return path

    def change_setting(self, path: Path, value: str) -> None:
        """Write a kernel setting and remember what stood there. Raises OSError when the kernel refuses."""
        before = path.read_text().strip()
        self.ledger.note("setting", path=str(path), before=before, now=value)
        path.write_text(value)

    def restore_setting(self, path: Path) -> None:
        """Put back what stood there before our last change, unless somebody else has changed it since."""
        noted = [entry for entry in self.ledger.entries("setting") if entry["path"] == str(path)]
        restore_setting(noted[-1])

    def close(self) -> None:
        """End and remove everything of the bed. Raises ActionError when something will not go."""
        clean(self.ledger)
        for child in self._children:
            child.wait()

    @staticmethod
    def _spawn(
        argv: Sequence[str], output: IO[bytes], environment: Mapping[str, str]
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )


def end_on_terminate() -> None:
    """Make SIGTERM end this program as Ctrl-C does, so that its beds are taken away."""
    signal.signal(signal.SIGTERM, _leave)


def _leave(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)
