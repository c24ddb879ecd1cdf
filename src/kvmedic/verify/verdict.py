"""Did it help: the measure before beside the one after, and the forecast beside what came."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from kvmedic.model.plan import Amount, Option
from kvmedic.model.run import Helped, Kept, Measure, Verification
from kvmedic.units import MIB, human_bytes
from kvmedic.verify.kept import kept, losses

NOISE_BYTES = 16 * MIB
"""Free memory moves by this much on an idle host within a minute."""
NOISE_SHARE = 0.10
NOISE_BLOCKS = 8
FREEING = ("release-stranded-memory", "migrate-domain", "evacuate-host", "reboot-host")
"""Remedies that promise bytes; the others promise a state, and are judged by it."""

BALLOONS = ("deflate-balloon", "pin-memory", "disable-balloon")
REDEFINING = ("pin-memory", "disable-balloon", "enable-free-page-reporting")


def verify(option: Option, before: Measure, after: Measure) -> Verification:
    """The verdict on one run. What could not be measured on both sides makes it undetermined."""
    forecast = option.forecast.freed_bytes.best if option.remedy in FREEING else None
    freed = measured_freed(option.remedy, before, after) if option.remedy in FREEING else None
    rows = kept(option.remedy, before, after)
    helped, reasons = _judge(option, before, after, freed)
    reasons += tuple(_change(row) for row in rows if not row.is_kept)
    blocks = option.forecast.contiguous_blocks
    return Verification(
        helped="worse" if losses(option.remedy, rows) else helped,
        before=before,
        after=after,
        forecast_freed_bytes=forecast,
        measured_freed_bytes=freed,
        error_percent=None
        if not forecast or freed is None
        else round((freed - forecast) / forecast * 100, 2),
        forecast_blocks_low=blocks.low,
        forecast_blocks_high=blocks.high,
        measured_blocks=_difference(after.huge_blocks_free, before.huge_blocks_free),
        kept=rows,
        because=reasons,
    )


def measured_freed(remedy: str, before: Measure, after: Measure) -> int | None:
    """Bytes the host got: of a release, what the folios no longer hold; else the rise of MemFree."""
    if remedy == "release-stranded-memory":
        return _difference(before.stranded_bytes, after.stranded_bytes)
    return _difference(after.mem_free_bytes, before.mem_free_bytes)


def is_within(amount: Amount, measured: int) -> bool:
    """Whether what was measured lies in the range that was promised."""
    return amount.low is not None and amount.high is not None and amount.low <= measured <= amount.high


def _change(row: Kept) -> str:
    """In bytes where there was nothing before: a percentage of nothing is none."""
    if row.before_bytes:
        return f"{row.name} changed by {row.change_percent:+.1f} %"
    return f"{row.name} is {human_bytes(row.after_bytes)} now"


def _difference(left: int | None, right: int | None) -> int | None:
    return None if left is None or right is None else left - right


def _judge(
    option: Option, before: Measure, after: Measure, freed: int | None
) -> tuple[Helped, tuple[str, ...]]:
    gone = [
        cause for cause in option.helps_against if cause in before.findings and cause not in after.findings
    ]
    new = [cause for cause in after.serious if cause not in before.findings]
    reasons = [f"{cause} is no longer found" for cause in gone] + [f"{cause} is found now" for cause in new]
    if freed is not None:
        reasons.append(f"{human_bytes(freed)} given back")
    states = tuple(_better(option.remedy, before, after))
    reasons += states
    if new and not gone and not states:
        return "worse", tuple(reasons)
    wanted = option.forecast.freed_bytes.best
    if gone or states or (freed is not None and wanted and freed > max(NOISE_BYTES, wanted * NOISE_SHARE)):
        return "improved", tuple(reasons)
    if option.remedy in FREEING and freed is None:
        return "undetermined", (*reasons, "memory could not be measured on both sides")
    return "unchanged", tuple(reasons)


def _better(remedy: str, before: Measure, after: Measure) -> Iterator[str]:
    """What a remedy that promises a state has reached, seen by measuring."""
    if remedy == "compact-memory":
        blocks = _difference(after.huge_blocks_free, before.huge_blocks_free) or 0
        if blocks >= NOISE_BLOCKS:
            yield f"{blocks:+,} free blocks of 2 MiB"
    if remedy == "raise-cgroup-limit":
        yield from _risen("the limit rose by", before.limit_bytes, after.limit_bytes)
    if remedy in BALLOONS:
        yield from _risen("the guest got", before.actual_bytes, after.actual_bytes)
    if remedy in REDEFINING:
        pending = _new(before.pending_changes, after.pending_changes)
        yield from (f"pending until a power cycle: {change}" for change in pending)
        reached = _new(after.pending_changes, before.pending_changes)
        yield from (f"no longer pending: {change}" for change in reached)
    if before.balloon_model != after.balloon_model and after.balloon_model == "none":
        yield "the domain runs without a balloon device"
    if remedy == "tune-host":
        changed = _new(tuple(before.settings.items()), tuple(after.settings.items()))
        yield from (f"{path} is {value} now" for path, value in changed)


def _risen(words: str, before: int | None, after: int | None) -> Iterator[str]:
    rise = _difference(after, before)
    if rise is not None and rise >= MIB:
        yield f"{words} {human_bytes(rise)}"


Item = TypeVar("Item")


def _new(before: Sequence[Item], after: Sequence[Item]) -> list[Item]:
    return [item for item in after if item not in before]
