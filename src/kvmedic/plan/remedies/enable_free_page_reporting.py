"""enable-free-page-reporting: the guest tells the host of free 2 MiB blocks, which come back whole.

Part of the guest's ABI: it takes effect at the next power cycle. Where QEMU may not discard (hugetlb, VFIO,
confidential guests) a report does nothing, or on hugetlb takes a page that may be gone when it is touched.
"""

from __future__ import annotations

from collections.abc import Iterable

from kvmedic.model.domain import DomainFacts
from kvmedic.model.gap import Missing
from kvmedic.model.plan import Action, Blocker, Downtime, Forecast, Option, PowerCycle, RedefineDomain
from kvmedic.model.subjects import domain_subject
from kvmedic.plan.forecasts import NO_DOWNTIME, exactly, not_known
from kvmedic.plan.owners import not_ours
from kvmedic.plan.remedies.disable_balloon import SHUTDOWN_TIMEOUT_S, comes_with_the_cycle
from kvmedic.plan.situation import Remedy, Situation, blocker

ID = "enable-free-page-reporting"
RETURNS = "yes, where the balloon inflates in a guest whose free memory is fragmented (measured); else no"
"""Free blocks of 2 MiB come back whole; a balloon still takes 4 KiB at a time (docs/evidence.md)."""
ANSWERS = ("balloon-stranded-memory", "balloon-undone")


def propose(situation: Situation) -> tuple[Option, ...]:
    """One option for each running domain with a virtio balloon that does not report yet."""
    options = (_option(situation, domain) for domain in situation.wished)
    return tuple(option for option in options if option is not None)


def _option(situation: Situation, domain: DomainFacts) -> Option | None:
    model = domain.balloon_model
    if not isinstance(model, str) or not model.startswith("virtio") or domain.free_page_reporting is True:
        return None
    subject, with_cycle = domain_subject(domain), situation.wishes.with_power_cycle
    return Option(
        remedy=ID,
        subject=subject,
        forecast=Forecast(
            freed_bytes=not_known("what the guest leaves free in blocks of 2 MiB, from the next start on"),
            contiguous_blocks=not_known("what the guest leaves free"),
            returns=RETURNS,
            downtime=(Downtime(who=domain.name, seconds=None),) if with_cycle else NO_DOWNTIME,
            takes_s=exactly(1, "one definition") if not with_cycle else not_known("the guest's shutdown"),
            noticed_by=f"{domain.name} (shut down and started)" if with_cycle else "nobody",
        ),
        risk="medium",
        is_reversible=True,
        is_interruptible=True,
        blockers=(*not_ours(domain, is_about_balloon=False), *_blockers(domain, with_power_cycle=with_cycle)),
        notes=(
            "it takes effect at the next power cycle, and the guest's kernel must be 5.7 or later",
            *(comes_with_the_cycle(domain) if with_cycle else ()),
        ),
        helps_against=situation.causes_of(subject, ANSWERS),
    )


def _blockers(domain: DomainFacts, *, with_power_cycle: bool) -> Iterable[Blocker]:
    for reason in domain.discards_inhibited_by:
        yield blocker(f"QEMU may not give its memory back: {reason}", "libvirt")
    if isinstance(domain.backing, Missing):
        yield blocker("what its memory is made of is not known", domain.backing.source)
    if domain.has_managed_save is True:
        yield blocker("it has a managed-save image, which holds the old devices", "libvirt")
    for change in domain.pending_changes:
        if (
            change.startswith("memballoon freePageReporting")
            and change.endswith("on")
            and not with_power_cycle
        ):
            yield blocker(
                "it is defined already, and waits for a power cycle",
                "libvirt",
                "kvmedic plan --remedy enable-free-page-reporting --power-cycle",
            )
        if change.startswith("memballoon model") and change.endswith("none"):
            yield blocker("its balloon is defined away, and goes at the next power cycle", "libvirt")


def actions(situation: Situation, option: Option) -> tuple[Action, ...]:
    """Redefine, and where it was asked for, the power cycle."""
    domain = next(d for d in situation.wished if domain_subject(d) == option.subject)
    if isinstance(domain.uuid, Missing):
        return ()
    redefine = RedefineDomain(
        domain_uuid=domain.uuid,
        domain_name=domain.name,
        memballoon_model=None,
        free_page_reporting=True,
        current_memory_to_maximum=False,
    )
    cycle = PowerCycle(domain_uuid=domain.uuid, domain_name=domain.name, timeout_s=SHUTDOWN_TIMEOUT_S)
    return (redefine, *((cycle,) if situation.wishes.with_power_cycle else ()))


REMEDY = Remedy(
    id=ID,
    title="Let the guest report free memory to the host",
    answers=ANSWERS,
    propose=propose,
    actions=actions,
)
