"""Does the repair hold: readings after a run beside its verdict. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from kvmedic.model.plan import Option
from kvmedic.model.run import Measure, SoakVerdict, Verification
from kvmedic.units import MIB, human_bytes

BACK_SHARE = 0.5
"""The failure is back when half of what was freed is stranded again."""
LEAST_BACK_BYTES = 32 * MIB


def returned(option: Option, verification: Verification, now: Measure) -> tuple[str, ...]:
    """Why the failure is back, as sentences; empty: it is not."""
    after = verification.after
    gone = [cause for cause in option.helps_against if cause not in after.findings]
    reasons = [f"{cause} is found again" for cause in gone if cause in now.findings]
    freed = verification.measured_freed_bytes or 0
    if option.remedy == "release-stranded-memory" and freed:
        again = _rise(after.stranded_bytes, now.stranded_bytes)
        if again is not None and again > max(LEAST_BACK_BYTES, freed * BACK_SHARE):
            reasons.append(f"{human_bytes(again)} are stranded again")
        refilled = _rise(after.rss_bytes, now.rss_bytes)
        stands_still = now.actual_bytes is not None and now.actual_bytes == after.actual_bytes
        if refilled is not None and stands_still and refilled > max(LEAST_BACK_BYTES, freed * BACK_SHARE):
            reasons.append(f"resident memory rose by {human_bytes(refilled)} while the balloon stood still")
    if option.remedy == "deflate-balloon":
        lost = _rise(now.actual_bytes, after.actual_bytes)
        if lost is not None and lost > LEAST_BACK_BYTES:
            reasons.append(f"somebody took {human_bytes(lost)} from the guest again")
    changed = [path for path, value in after.settings.items() if now.settings.get(path) != value]
    if option.remedy == "tune-host" and changed:
        reasons.append(f"somebody set {', '.join(changed)} to another value")
    return tuple(reasons)


def _rise(before: int | None, now: int | None) -> int | None:
    return None if before is None or now is None else now - before


def soak_verdict(
    option: Option, verification: Verification, seen: Sequence[Measure]
) -> tuple[SoakVerdict, tuple[str, ...]]:
    """held, returned, or undetermined where nothing could be compared."""
    for measure in seen:
        reasons = returned(option, verification, measure)
        if reasons:
            return "returned", reasons
    if not seen or seen[-1].mem_free_bytes is None:
        return "undetermined", ("nothing could be read while watching",)
    return "held", (f"{len(seen)} readings, none of them showed it again",)
