"""``kvmedic undo``."""

from __future__ import annotations

from pathlib import Path

from kvmedic.cli.apply import interruptible
from kvmedic.cli.terminal import progress_on_stderr, write_out
from kvmedic.model.run import Run
from kvmedic.render.plan_text import render_run

UNDONE, REFUSED, UNKNOWN = 0, 17, 11


def undo(run: str, *, policy: Path | None = None) -> int:
    """Put back what a run changed: what was there before, not a default.

    Parameters
    ----------
    run
        The run to take back; see kvmedic runs.
    policy
        The policy file (TOML); a run on another host needs it to reach that host.
    """
    from kvmedic.wiring_act import acting, stopping  # noqa: PLC0415  the engine is loaded only by who acts

    hands = acting(approve=lambda _step: True, policy=policy)
    with interruptible(f"kvmedic undo {run}"), stopping(), progress_on_stderr() as progress:
        undone = hands.undo(run, progress)
    write_out(render_run(undone, is_under_way=False))
    return exit_code_of(undone)


def exit_code_of(undone: Run) -> int:
    """0 undone, 17 refused and nothing changed, 11 look before doing anything."""
    if undone.state == "undone":
        return UNDONE
    return UNKNOWN if undone.state == "unknown" else REFUSED
