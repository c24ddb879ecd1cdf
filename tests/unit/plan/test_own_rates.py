"""How long a compaction takes is known from this host's own earlier runs, and from nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from run_samples import step

from kvmedic.app.plan import own_compaction_rate
from kvmedic.model.plan import CompactNode
from kvmedic.model.run import Done, Outcome, Run


def earlier(seconds: Any, *, outcome: Outcome = "done", node: int = 0) -> Run:
    after = {} if seconds is None else {"seconds": seconds}
    return Run(
        id="r",
        plan_id="p",
        by="ann",
        begun_at="t",
        ended_at="t",
        state="finished",
        remedies=("compact-memory",),
        subject="node 0",
        steps=(step(1, CompactNode(node=node)),),
        entries=(Done(step=1, at="t", outcome=outcome, after=after, detail=""),),
        undone=(),
        verification=None,
        soak=None,
    )


def test_the_slowest_of_the_earlier_runs_counts() -> None:
    assert own_compaction_rate([earlier(4.0), earlier(8.0)], {0: 16.0}) == 0.5


@pytest.mark.parametrize(
    "run", [earlier(None), earlier("long"), earlier(4.0, outcome="unknown"), earlier(4.0, node=1)]
)
def test_what_was_not_measured_on_this_node_teaches_nothing(run: Run) -> None:
    assert own_compaction_rate([run], {0: 16.0}) is None


def test_a_host_that_never_compacted_knows_nothing() -> None:
    assert own_compaction_rate([], {0: 16.0}) is None
