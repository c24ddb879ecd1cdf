"""Did it help: the measure before beside the one after, and the forecast beside what came."""

from __future__ import annotations

from kvmedic.model.plan import Option
from kvmedic.model.run import Helped, Measure, Verification
from kvmedic.units import MIB, human_bytes

NOISE_BYTES = 16 * MIB
"""Free memory moves by this much on an idle host within a minute."""
NOISE_SHARE = 0.10


def verify(option: Option, before: Measure, after: Measure) -> Verification:
    """The verdict on one run. What could not be measured on both sides makes it undetermined."""
    forecast = option.forecast.freed_bytes.best
    freed = measured_freed(option.remedy, before, after)
    helped, reasons = _judge(option, before, after, freed)
    return Verification(
        helped=helped,
        before=before,
        after=after,
        forecast_freed_bytes=forecast,
        measured_freed_bytes=freed,
        error_percent=None
        if not forecast or freed is None
        else round((freed - forecast) / forecast * 100, 2),
        because=reasons,
    )


def measured_freed(remedy: str, before: Measure, after: Measure) -> int | None:
    """Bytes the host got: of a release, what the folios no longer hold; else the rise of MemFree."""
    if remedy == "release-stranded-memory":
        return _difference(before.stranded_bytes, after.stranded_bytes)
    return _difference(after.mem_free_bytes, before.mem_free_bytes)


def _difference(left: int | None, right: int | None) -> int | None:
    return None if left is None or right is None else left - right


def _judge(
    option: Option, before: Measure, after: Measure, freed: int | None
) -> tuple[Helped, tuple[str, ...]]:
    gone = [
        cause for cause in option.helps_against if cause in before.findings and cause not in after.findings
    ]
    new = [cause for cause in after.findings if cause not in before.findings]
    reasons = [f"{cause} is no longer found" for cause in gone] + [f"{cause} is found now" for cause in new]
    if freed is not None:
        reasons.append(f"{human_bytes(freed)} given back")
    wanted = option.forecast.freed_bytes.best
    if new and not gone:
        return "worse", tuple(reasons)
    if gone or (freed is not None and wanted and freed > max(NOISE_BYTES, wanted * NOISE_SHARE)):
        return "improved", tuple(reasons)
    if freed is None and wanted:
        return "undetermined", (*reasons, "memory could not be measured on both sides")
    return "unchanged", tuple(reasons)
