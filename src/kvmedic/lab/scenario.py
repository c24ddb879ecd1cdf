"""What a scenario is: how one failure is brought about, on which kind of host, and how long that takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from kvmedic.lab.incident import ProofIn
from kvmedic.lab.stage import Stage
from kvmedic.model.record import Record

Bench = Literal["plain", "roomy", "two-nodes", "swap", "verbose-console", "here"]
"""Which nested host: plain; one with room for a guest of 1 GiB; two NUMA nodes; a swap disk; all the
kernel's words on the console; none."""


class Scenario(Record, frozen=True, kw_only=True):
    """One failure that can be brought about. Its truth stands in ``truth``, under the same id."""

    id: str
    title: str
    bench: Bench
    seconds: int
    """About how long it takes on two CPUs under software emulation, the start of the host not counted."""
    bring_about: Callable[[Stage], None]
    """Makes the failure; ``stage.variant`` (0, 1, …) asks for other sizes of the same failure."""
    ends_host: bool
    """The host restarts, or is not fit for another failure afterwards."""
    needs_full_record: bool
    """The proof is in the state of the host more than in its logs: take a bundle with two readings."""
    proof_in: ProofIn
    """Where what proves the cause is to be read."""
    is_incident: bool
    """Something fails, and ``why`` is asked. Else it is a state that ``check`` finds, or a decoy."""
