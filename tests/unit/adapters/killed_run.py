"""A run in a process of its own that is killed, really, right before or after its n-th line is written.

``python killed_run.py FOLDER CUT`` carries out a plan of two steps whose actor counts in files what it did.
CUT "3+" kills it after the third line is on the disk, "3-" before; "" lets it end. It prints the run's state.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "execute"))
from run_samples import NOW, domain_now, plan, step, world

from kvmedic.adapters.run_store import RunStore
from kvmedic.adapters.workflows import DbosWorkflows
from kvmedic.app.apply import Hands, apply_plan
from kvmedic.errors import OutcomeUnknownError
from kvmedic.model.plan import Plan, Step
from kvmedic.model.run import Intent, Measure, RunLine, Sight
from kvmedic.ports import Progress

RUN = "run-1"


class CountingActor:
    """Sets a file once; it must never be told to when the file is there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def look(self, step: Step, intent: Intent | None) -> Sight:
        is_there = (self._folder / f"done-{step.number}").exists()
        return Sight(is_reached=is_there, facts={}, restores={})

    def act(self, step: Step, intent: Intent, progress: Progress) -> None:
        with (self._folder / f"acts-{step.number}").open("a") as file:
            file.write("x")
        (self._folder / f"done-{step.number}").touch()
        if (self._folder / "kill-in-act").exists():
            (self._folder / "kill-in-act").unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        if (self._folder / "fill-after-act").exists():
            (self._folder / "fill-after-act").unlink()
            self._fill()
        if (self._folder / "silence").exists():
            raise OutcomeUnknownError("contact was lost")

    def _fill(self) -> None:
        """Writes until the disk is full."""
        handle = os.open(self._folder / "ballast", os.O_WRONLY | os.O_CREAT, 0o600)
        with suppress(OSError):
            while os.write(handle, b"0" * 4096):
                continue
        os.close(handle)

    def undo(self, step: Step, intent: Intent, progress: Progress) -> None:
        (self._folder / f"done-{step.number}").unlink()


class CutStore(RunStore):
    """Kills the process at its n-th line."""

    def __init__(self, folder: Path, cut: str) -> None:
        super().__init__(folder)
        self._left, self._side = (int(cut[:-1]), cut[-1]) if cut else (-1, "")

    def append(self, run: str, entry: RunLine) -> None:
        self._left -= 1
        if self._left == 0 and self._side == "-":
            os.kill(os.getpid(), signal.SIGKILL)
        super().append(run, entry)
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def measure(_plan: Plan) -> Measure:
    nothing = dict.fromkeys(Measure.__struct_fields__)
    return Measure(
        **{**nothing, "taken_at": "t", "pending_changes": (), "settings": {}, "findings": (), "serious": ()}
    )


def hands(folder: Path, cut: str) -> Hands:
    return Hands(
        journal=CutStore(folder / "runs", cut),
        workflows=DbosWorkflows(folder / "runs" / "workflows", os.environ.get("KVMEDIC_WORKFLOW_DATABASE")),
        actors={"release-stranded": CountingActor(folder)},
        survey=lambda: world(domains=(domain_now(),)),
        measure=measure,
        glance=measure,
        approve=lambda _step: True,
        by="tester",
        now=lambda: NOW,
        wait=lambda _seconds: None,
        is_stopped=(folder / "stop").exists,
    )


def main() -> None:
    folder, cut = Path(sys.argv[1]), sys.argv[2]
    made = plan(step(1), step(2))
    sys.stdout.write(apply_plan(made, RUN, hands(folder, cut), lambda *_: None).state)


if __name__ == "__main__":
    main()
