"""A guest is bound strictly to one NUMA node; that node is full, the other is free."""

from __future__ import annotations

from kvmedic.lab.scenario import Scenario
from kvmedic.lab.stage import Stage


def bring_about(stage: Stage) -> None:
    """Fill one node with bound guests."""
    half = stage.free_mib() // 2
    node = stage.pick(1, 0)
    stage.still("web-01", half * stage.pick(40, 30) // 100, node=node)
    stage.sh(f"taskset -c {node} true")
    stage.still("db-02", half * 95 // 100, node=node)
    stage.wait_for_log("Out of memory|Killed process")


SCENARIO = Scenario(
    id="numa",
    title="a guest bound to one full NUMA node",
    bench="two-nodes",
    seconds=40,
    bring_about=bring_about,
    ends_host=False,
    needs_full_record=False,
    proof_in="kernel",
    is_incident=True,
)
