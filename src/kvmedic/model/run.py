"""Runs: what was done, step by step, with three outcomes; and the verdict whether it helped."""

from __future__ import annotations

from typing import Literal

from kvmedic.model.plan import Plan, Step
from kvmedic.model.record import Record

Outcome = Literal["done", "already", "refused", "unknown"]
"""done: changed and seen; already: it was so; refused: nothing changed; unknown: look before going on."""
RunState = Literal["running", "waiting", "finished", "refused", "unknown", "aborted", "undone"]
Helped = Literal["improved", "unchanged", "worse", "undetermined"]


class Sight(Record, frozen=True, kw_only=True):
    """What a look at a step's object shows: whether its aim is reached, the readings, what undo needs."""

    is_reached: bool
    facts: dict[str, str | int | float | None]
    restores: dict[str, str | int | None]


class Intent(Record, frozen=True, kw_only=True, tag="intent"):
    """Written before a step acts: what was seen, and what undo must put back (never a secret)."""

    step: int
    at: str
    before: dict[str, str | int | float | None]
    restores: dict[str, str | int | None]


class Done(Record, frozen=True, kw_only=True, tag="done"):
    """Written after a step was looked at again."""

    step: int
    at: str
    outcome: Outcome
    after: dict[str, str | int | float | None]
    detail: str


class Refusal(Record, frozen=True, kw_only=True, tag="refusal"):
    """A gate closed before a step: the reasons; nothing was changed."""

    step: int
    at: str
    reasons: tuple[str, ...]


class Approval(Record, frozen=True, kw_only=True, tag="approval"):
    """A person (or ``--yes``) agreed to a disruptive step, or did not."""

    step: int
    at: str
    by: str
    is_granted: bool


class Undone(Record, frozen=True, kw_only=True, tag="undone"):
    """What a step changed was put back, and looked at."""

    step: int
    at: str
    by: str
    outcome: Outcome
    detail: str


class Reopened(Record, frozen=True, kw_only=True, tag="reopened"):
    """Somebody resumed a run whose step ended unknown: it is looked at again, and nothing else."""

    step: int
    at: str
    by: str


Entry = Intent | Done | Refusal | Approval | Reopened


class Measure(Record, frozen=True, kw_only=True):
    """What is compared before and after: bytes and blocks of the host and of the domain concerned."""

    taken_at: str
    mem_free_bytes: int | None
    mem_available_bytes: int | None
    stranded_bytes: int | None
    stranded_method: str | None
    rss_bytes: int | None
    thp_bytes: int | None
    memcg_bytes: int | None
    actual_bytes: int | None
    page_cache_bytes: int | None
    """Of the whole host."""
    swap_bytes: int | None
    huge_blocks_free: int | None
    unusable_index_huge: float | None
    limit_bytes: int | None
    """The limit of the domain's own memory cgroup; None where it has none, or it is not known."""
    balloon_model: str | None
    pending_changes: tuple[str, ...]
    """What the domain's inactive definition says otherwise; takes effect at the next power cycle."""
    settings: dict[str, str]
    """The kernel settings that tune-host may change, by path relative to the root."""
    memory_stall_us: int | None
    """PSI memory, "some", total since boot."""
    findings: tuple[str, ...]
    """Causes that were found, of the host and of the domain concerned."""
    serious: tuple[str, ...]
    """Those of them that are more than information."""
    group_cache_bytes: int | None = None
    """File cache charged to the domain's own memory cgroup; None also in journals from before it was read."""


class Kept(Record, frozen=True, kw_only=True):
    """Something that the remedy must not take from the guest or the host: before, after, and the verdict."""

    name: str
    before_bytes: int
    after_bytes: int
    change_percent: float
    is_kept: bool


class Verification(Record, frozen=True, kw_only=True):
    """Did it help: the forecast beside what came."""

    helped: Helped
    before: Measure
    after: Measure
    forecast_freed_bytes: int | None
    measured_freed_bytes: int | None
    error_percent: float | None
    forecast_blocks_low: int | None
    forecast_blocks_high: int | None
    measured_blocks: int | None
    kept: tuple[Kept, ...]
    because: tuple[str, ...]


class RunBegun(Record, frozen=True, kw_only=True, tag="run-begun"):
    """The first line of a run, with its plan: a run needs nothing else to go on."""

    run: str
    plan_id: str
    by: str
    at: str
    remedies: tuple[str, ...]
    subject: str
    plan: Plan


class RunMeasured(Record, frozen=True, kw_only=True, tag="run-measured"):
    """What was there before the first step."""

    at: str
    measure: Measure


class RunResumed(Record, frozen=True, kw_only=True, tag="run-resumed"):
    """Somebody went on with a run that was cut."""

    at: str
    by: str


class RunEnded(Record, frozen=True, kw_only=True, tag="run-ended"):
    """A run came to an end, or to a stop that ``--resume`` may go on from."""

    at: str
    state: RunState


class Verified(Record, frozen=True, kw_only=True, tag="verified"):
    """What was measured after the run."""

    at: str
    verification: Verification


SoakVerdict = Literal["held", "returned", "undetermined"]


class Soaked(Record, frozen=True, kw_only=True, tag="soaked"):
    """The host was watched after the run: did the failure return?"""

    at: str
    watched_s: float
    readings: int
    verdict: SoakVerdict
    because: tuple[str, ...]


RunLine = (
    RunBegun
    | RunResumed
    | RunMeasured
    | RunEnded
    | Verified
    | Soaked
    | Intent
    | Done
    | Refusal
    | Approval
    | Reopened
    | Undone
)


class Run(Record, frozen=True, kw_only=True):
    """One run of one plan."""

    id: str
    plan_id: str
    by: str
    begun_at: str
    ended_at: str | None
    state: RunState
    remedies: tuple[str, ...]
    subject: str
    steps: tuple[Step, ...]
    entries: tuple[Entry, ...]
    undone: tuple[Undone, ...]
    verification: Verification | None
    soak: Soaked | None
