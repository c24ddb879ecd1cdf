"""After a run: keep watching for the failure to return, for as long as the operator wished."""

from __future__ import annotations

from datetime import UTC

from kvmedic.app.apply import Hands, plan_of
from kvmedic.errors import UsageError
from kvmedic.model.run import Measure, Run, Soaked, SoakVerdict
from kvmedic.ports import Progress
from kvmedic.verify.soak import returned, soak_verdict

EVERY_S = 60.0


def soak(run: str, hands: Hands, length_s: float, progress: Progress) -> Run:
    """Measures each minute; stops early when the failure is back. UsageError for a run without a verdict."""
    found = hands.journal.load(run)
    if found.verification is None:
        raise UsageError(f"run {run} has no verdict to watch over", hint="Only finished runs are watched.")
    plan, seen, watched_s = plan_of(run, hands.journal), list[Measure](), 0.0
    while watched_s < length_s:
        pause_s = min(EVERY_S, length_s - watched_s)
        progress(f"watching whether it holds: {watched_s:.0f} of {length_s:.0f} s", watched_s / length_s)
        pause_s = _pause(hands, pause_s)
        watched_s += pause_s
        if hands.is_stopped():
            break
        seen.append(hands.glance(plan))
        if returned(plan.option, found.verification, seen[-1]):
            break
    verdict, because = soak_verdict(plan.option, found.verification, seen)
    hands.journal.append(run, _line(hands, watched_s, len(seen), verdict, because))
    return hands.journal.load(run)


def _pause(hands: Hands, length_s: float) -> float:
    """Waits second by second, so that a wish to stop is heard; how long it really was."""
    waited_s = 0.0
    while waited_s < length_s and not hands.is_stopped():
        slice_s = min(1.0, length_s - waited_s)
        hands.wait(slice_s)
        waited_s += slice_s
    return waited_s


def _line(
    hands: Hands, watched_s: float, readings: int, verdict: SoakVerdict, because: tuple[str, ...]
) -> Soaked:
    at = hands.now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Soaked(at=at, watched_s=watched_s, readings=readings, verdict=verdict, because=because)
