"""tune-host: kernel settings that answer what was found, live and at boot, in steps, old values kept."""

from __future__ import annotations

from collections.abc import Iterable

from kvmedic.model.gap import Missing
from kvmedic.model.plan import Action, Amount, Forecast, Option
from kvmedic.model.subjects import HOST
from kvmedic.plan.forecasts import NO_DOWNTIME, NOBODY, exactly, not_known
from kvmedic.plan.situation import Remedy, Situation
from kvmedic.plan.tunings import ANSWERS, Tuning, other_owners, persistence, tunings, writes_of

ID = "tune-host"


def propose(situation: Situation) -> tuple[Option, ...]:
    """One option for the host, with all settings that fit what was found; none where none fits."""
    found = tunings(situation)
    if not found:
        return ()
    return (
        Option(
            remedy=ID,
            subject=HOST,
            forecast=Forecast(
                freed_bytes=Amount(best=0, low=0, high=0, basis="settings free nothing by themselves"),
                contiguous_blocks=not_known("it keeps blocks whole from now on"),
                returns="no",
                downtime=NO_DOWNTIME,
                takes_s=exactly(1, "a write for each setting"),
                noticed_by=NOBODY,
            ),
            risk="low" if all(tuning.path.startswith("sys/") for tuning in found) else "medium",
            is_reversible=True,
            is_interruptible=True,
            blockers=(),
            notes=tuple(_notes(situation, found)),
            helps_against=situation.causes_of(HOST, ANSWERS),
        ),
    )


def _notes(situation: Situation, found: Iterable[Tuning]) -> Iterable[str]:
    for tuning in found:
        yield f"{tuning.label} {tuning.now} → {tuning.aim}: {tuning.reason}; costs: {tuning.cost}"
        owners = other_owners(situation, tuning)
        if owners:
            yield f"{tuning.label} is also set by {', '.join(owners)}: change it there too (--emit)"
    if not isinstance(situation.marks, Missing) and situation.marks.configuration_managers:
        managers = ", ".join(situation.marks.configuration_managers)
        yield f"configuration management on this host may undo it: {managers} (--emit ansible)"


def actions(situation: Situation, option: Option) -> tuple[Action, ...]:
    """The settings in their order, step by step; then the files that set them again at boot."""
    found = tunings(situation)
    writes = (write for tuning in found for write in writes_of(tuning))
    return (*writes, *persistence(situation, found))


REMEDY = Remedy(id=ID, title="Tune the host's kernel", answers=ANSWERS, propose=propose, actions=actions)
