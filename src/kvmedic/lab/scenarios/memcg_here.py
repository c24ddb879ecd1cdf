"""As ``memcg``, on this machine's own kernel and its cgroups: no disposable host is needed."""

from __future__ import annotations

from kvmedic.lab.scenario import Scenario
from kvmedic.lab.scenarios import memcg

SCENARIO = Scenario(
    id="memcg-here",
    title="a guest outgrows the limit of its cgroup, on this kernel",
    bench="here",
    seconds=15,
    bring_about=memcg.bring_about,
    ends_host=False,
    needs_full_record=False,
    proof_in="kernel",
    is_incident=True,
)
