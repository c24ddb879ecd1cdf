"""How a rule says what it found: short constructors of Judgement and its parts."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from kvmedic.model.domain import DomainFacts
from kvmedic.model.finding import Because, Finding, Judgement, Severity, Subject
from kvmedic.model.gap import Missing
from kvmedic.model.snapshot import Snapshot

PROVEN = 0.97
"""Two independent readings agree, or one that cannot be otherwise."""
LIKELY = 0.75
"""One reading that has other explanations, though worse ones."""
POSSIBLE = 0.4
"""A level without a history, or a sign that several causes share."""
NAMES_SHOWN = 3
NO_DOMAIN = "no domain is running"


def because(text: str, source: str, line: int | None = None) -> Because:
    """One line of proof."""
    return Because(text=text, source=source, line=line)


def finding(
    cause: str,
    subject: Subject,
    severity: Severity,
    confidence: float,
    *,
    summary: str,
    proof: Iterable[Because],
    remedies: Iterable[str] = (),
) -> Finding:
    """A cause that is present, with its proof."""
    return Finding(
        cause=cause,
        subject=subject,
        severity=severity,
        confidence=confidence,
        summary=summary,
        because=tuple(proof),
        remedies=tuple(remedies),
    )


def found(*findings: Finding) -> Judgement:
    """The cause is present."""
    return Judgement(findings=findings)


def cleared(text: str, source: str) -> Judgement:
    """The suspect is refuted, for one reason."""
    return Judgement(refuted=(because(text, source),))


def lacking(*gaps: Missing | str) -> Judgement:
    """The cause could not be judged; the gaps say what was in the way."""
    return Judgement(lacking=tuple(str(gap) for gap in gaps))


def no_domain() -> Judgement:
    """The suspect needs a running domain, and there is none."""
    return cleared(NO_DOMAIN, "kvmedic/process/kinds")


def over_domains(snapshot: Snapshot, examine_one: Callable[[DomainFacts], Judgement]) -> Judgement:
    """One judgement over all running domains; ``examine_one`` clears without naming the domain.

    Domains that are cleared for the same reason are told in one line.
    """
    if isinstance(snapshot.domains, Missing):
        return lacking(snapshot.domains)
    if not snapshot.running:
        return no_domain()
    judged = [(domain, examine_one(domain)) for domain in snapshot.running]
    whole = joined(judgement for _, judgement in judged)
    return whole if not whole.refuted else Judgement(refuted=_by_reason(judged))


def _by_reason(judged: list[tuple[DomainFacts, Judgement]]) -> tuple[Because, ...]:
    names: dict[Because, list[str]] = {}
    for domain, judgement in judged:
        for reason in judgement.refuted:
            names.setdefault(reason, []).append(domain.name)
    return tuple(
        because(f"{names_in_words(named, len(judged))}: {reason.text}", reason.source)
        for reason, named in names.items()
    )


def names_in_words(names: list[str], of: int) -> str:
    """ "all 14 domains", "a, b", "a, b, c and 4 more" for people; ``of`` is how many there are in all."""
    if len(names) == of > 1:
        return f"all {of} domains"
    more = len(names) - NAMES_SHOWN
    return ", ".join(names[:NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def joined(judgements: Iterable[Judgement]) -> Judgement:
    """Several judgements of one cause (one for each domain, say) as one.

    A finding outweighs a lack, a lack outweighs a clearance: what was cleared for one domain does not
    clear the cause while another could not be judged.
    """
    parts = tuple(judgements)
    findings = tuple(item for part in parts for item in part.findings)
    lacks = tuple(dict.fromkeys(item for part in parts for item in part.lacking))
    refuted = () if findings or lacks else tuple(item for part in parts for item in part.refuted)
    return Judgement(findings=findings, lacking=lacks, refuted=refuted)
