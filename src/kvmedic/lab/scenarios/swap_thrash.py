"""The guests in use together do not fit: what is swapped out is wanted again at once."""

from __future__ import annotations

from kvmedic.lab.scenario import Scenario
from kvmedic.lab.stage import Stage


def bring_about(stage: Stage) -> None:
    """Two programs touch more than the memory again and again; an idle guest is swapped out at once."""
    free = stage.free_mib()
    stage.still("db-02", free * 30 // 100)
    churn = (free + stage.pick(60, 90)) // 2
    stage.background(f"{stage.faults()} churn {churn}", f"{stage.faults()} churn {churn}")
    stage.sleep(25)
    before = _read_from_swap(stage)
    stage.sleep(5)
    stage.must(_read_from_swap(stage) > before + 500, "pages come back from swap again and again")


def _read_from_swap(stage: Stage) -> int:
    """Pages since the boot."""
    return int(stage.sh("grep ^pswpin /proc/vmstat").split()[1])


SCENARIO = Scenario(
    id="swap-thrash",
    title="more memory in use than there is, and swap",
    bench="swap",
    seconds=60,
    bring_about=bring_about,
    ends_host=False,
    needs_full_record=True,
    proof_in="state",
    is_incident=True,
)
