"""Comparisons of remedies, plans and runs as text. Names from the host are cleaned before they are shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from kvmedic.model.plan import Amount, Downtime, Option, Plan
from kvmedic.model.run import Approval, Done, Intent, Refusal, Run, Verification
from kvmedic.render.sanitise import clean
from kvmedic.units import human_bytes, human_seconds

HEADERS = ("remedy", "for", "gives back", "comes back?", "downtime", "takes", "risk", "blocked by")


def render_options(options: Sequence[Option], chosen: Option | None, *, width: int, colour: bool) -> str:
    """The comparison as a table, then the first suggestion with its command."""
    if not options:
        return "Nothing to repair: no remedy applies to this host now.\n"
    table = Table(box=None, pad_edge=False, show_edge=False, padding=(0, 2, 0, 0))
    for header in HEADERS:
        table.add_column(header, overflow="fold")
    for option in options:
        table.add_row(*(Text(cell) for cell in _row(option)))
    text = _drawn(table, width=width, colour=colour)
    return text + "\n" + _suggestion(chosen) + _notes(options)


def _drawn(table: Table, *, width: int, colour: bool) -> str:
    console = Console(width=width, color_system="standard" if colour else None, force_terminal=colour)
    with console.capture() as capture:
        console.print(table)
    return "".join(line.rstrip() + "\n" for line in capture.get().splitlines())


def _row(option: Option) -> tuple[str, ...]:
    forecast = option.forecast
    blocked = "; ".join(clean(blocker.text) for blocker in option.blockers)
    return (
        option.remedy,
        clean(option.subject.name),
        _gives_back(forecast.freed_bytes, forecast.contiguous_blocks),
        forecast.returns,
        _downtimes(forecast.downtime),
        _seconds(forecast.takes_s),
        option.risk,
        blocked or "nothing",
    )


def _gives_back(freed: Amount, blocks: Amount) -> str:
    parts = [amount_words(freed)] if freed.best is not None else []
    if blocks.best is not None:
        parts.append(f"{blocks.best:+,} blocks of 2 MiB" if blocks.best else "no blocks")
    return ", ".join(parts) or f"not known ({freed.basis})"


def amount_words(amount: Amount) -> str:
    """Bytes with their range where there is one."""
    if amount.best is None:
        return "not known"
    best = human_bytes(amount.best)
    if amount.low is None or amount.high is None or amount.low == amount.high:
        return best
    low, high = human_bytes(amount.low), human_bytes(amount.high)
    return best if low == high else f"{best} ({low} to {high})"


def _downtimes(downtimes: Iterable[Downtime]) -> str:
    parts = [
        f"{clean(item.who)}: {'not known' if item.seconds is None else human_seconds(item.seconds)}"
        for item in downtimes
    ]
    return "; ".join(parts) or "none"


def _seconds(amount: Amount) -> str:
    return "not known" if amount.best is None else f"about {human_seconds(amount.best)}"


def _suggestion(chosen: Option | None) -> str:
    if chosen is None:
        return (
            "No remedy is suggested: nothing was found that one of these answers and that is not blocked.\n"
        )
    domain = f" --domain {clean(chosen.subject.name)}" if chosen.subject.kind == "domain" else ""
    causes = ", ".join(chosen.helps_against)
    return (
        f"First: kvmedic plan --remedy {chosen.remedy}{domain} -o plan.json\n"
        f"  answers {causes}; {_manners(chosen)}\n"
    )


def _manners(option: Option) -> str:
    undo = "can be undone" if option.is_reversible else "nothing to undo, or not reversible"
    stop = "can be interrupted" if option.is_interruptible else "cannot be interrupted"
    return f"{undo}; {stop}; noticed by {option.forecast.noticed_by}"


def _notes(options: Sequence[Option]) -> str:
    notes = dict.fromkeys(f"{option.remedy}: {note}" for option in options for note in option.notes)
    instead = dict.fromkeys(
        f"{option.remedy}: the owner's way is {clean(blocker.instead)}"
        for option in options
        for blocker in option.blockers
        if blocker.instead
    )
    return "".join(f"  {clean(line)}\n" for line in (*notes, *instead))


def render_plan(plan: Plan) -> str:
    """A plan to read before it is carried out."""
    option = plan.option
    lines = [
        f"plan {plan.id} · {', '.join(plan.remedies)} for {clean(option.subject.name)}",
        (
            f"  promises {_gives_back(option.forecast.freed_bytes, option.forecast.contiguous_blocks)}"
            f" ({option.forecast.freed_bytes.basis}); comes back: {option.forecast.returns}"
        ),
        f"  risk {option.risk}; {_manners(option)}",
        (
            f"  bound to {', '.join(f'{clean(h.name)} (boot {h.boot_id[:8]})' for h in plan.hosts)};"
            f" expires {plan.expires_at}"
        ),
    ]
    for step in plan.steps:
        asks = " (asks first)" if step.is_disruptive else ""
        lines.append(f"  {step.number}. {clean(step.title)}{asks}")
    return "\n".join(lines) + "\n"


def render_run(run: Run) -> str:
    """One run with each of its entries, and whether it helped."""
    what = f"{', '.join(run.remedies)} for {clean(run.subject)}"
    lines = [f"run {run.id} · {what} · {run.state} · by {clean(run.by)}"]
    lines += [f"  {entry.at}  step {entry.step}  {_entry_words(entry)}" for entry in run.entries]
    if run.verification is not None:
        lines += _verification_lines(run.verification)
    return "\n".join(lines) + "\n"


def _entry_words(entry: Intent | Done | Refusal | Approval) -> str:
    match entry:
        case Intent():
            return "begun"
        case Done():
            return f"{entry.outcome}{f': {clean(entry.detail)}' if entry.detail else ''}"
        case Refusal():
            return f"refused: {clean('; '.join(entry.reasons))}"
        case Approval():
            return f"{'agreed' if entry.is_granted else 'declined'} by {clean(entry.by)}"


def _verification_lines(found: Verification) -> list[str]:
    lines = [f"  {found.helped}: {clean('; '.join(found.because)) or 'nothing changed'}"]
    if found.forecast_freed_bytes is not None and found.measured_freed_bytes is not None:
        error = "" if found.error_percent is None else f" ({found.error_percent:+.1f} %)"
        forecast, measured = human_bytes(found.forecast_freed_bytes), human_bytes(found.measured_freed_bytes)
        lines.append(f"  forecast {forecast}, measured {measured}{error}")
    lines += _unchanged(found)
    return lines


def _unchanged(found: Verification) -> list[str]:
    """What the guest must not have lost, before and after."""
    before, after = found.before, found.after
    pairs = (("RSS", before.rss_bytes, after.rss_bytes), ("huge pages", before.thp_bytes, after.thp_bytes))
    return [
        f"  {name} {human_bytes(a)} → {human_bytes(b)}"
        for name, a, b in pairs
        if a is not None and b is not None
    ]


def render_runs(runs: Sequence[Run]) -> str:
    """All runs, newest first, one line each."""
    if not runs:
        return "No run was ever begun on this host.\n"
    lines = []
    for run in reversed(runs):
        helped = run.verification.helped if run.verification else "not measured"
        what = f"{', '.join(run.remedies)} for {clean(run.subject)}"
        lines.append(f"{run.id}  {run.begun_at}  {run.state:<9} {helped:<12} {what}  by {clean(run.by)}")
    return "\n".join(lines) + "\n"
