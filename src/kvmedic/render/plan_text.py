"""Plans and runs as text. Names from the host are cleaned before they are shown."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from kvmedic.model.plan import Plan, RedefineDomain, WriteTunable
from kvmedic.model.run import Approval, Done, Entry, Intent, Refusal, Run, Soaked, Undone, Verification
from kvmedic.render.options_table import manners
from kvmedic.render.options_text import gives_back
from kvmedic.render.sanitise import clean
from kvmedic.units import human_bytes, human_seconds


def render_plan(plan: Plan) -> str:
    """A plan to read before it is carried out."""
    option = plan.option
    lines = [
        f"plan {plan.id} · {', '.join(plan.remedies)} for {_whom(plan)}",
        *([f"  the numbers are of {clean(option.subject.name)}, the canary:"] if _has_canary(plan) else ()),
        f"  {gives_back(option.forecast.freed_bytes, option.forecast.contiguous_blocks)}",
        f"  basis: {clean(option.forecast.freed_bytes.basis)}",
        f"  comes back: {clean(option.forecast.returns)}",
        f"  risk {option.risk}; {manners(option)}",
        (
            f"  bound to {', '.join(f'{clean(h.name)} (boot {h.boot_id[:8]})' for h in plan.hosts)};"
            f" expires {plan.expires_at}"
        ),
    ]
    for step in plan.steps:
        asks = " (asks first)" if step.is_disruptive else ""
        lines.append(f"  {step.number}. {clean(step.title)}{asks}")
        if isinstance(step.action, WriteTunable):
            lines.append(f"     why: {step.action.reason}; costs: {step.action.cost}")
    lines += [f"  note: {clean(note)}" for note in option.notes]
    return _text(lines)


def _has_canary(plan: Plan) -> bool:
    return plan.option.subject.kind == "domain" and len(plan.domains) > 1


def _whom(plan: Plan) -> str:
    """All domains, the canary first; they are planned in the order in which they were named."""
    if not _has_canary(plan):
        return clean(plan.option.subject.name)
    return ", ".join(clean(domain.name) for domain in plan.domains)


def render_run(run: Run, *, is_under_way: bool) -> str:
    """One run with each of its entries, whether it helped, and how to go on. ``is_under_way``: it is being
    worked on by somebody now.
    """
    what = f"{', '.join(run.remedies)} for {clean(run.subject)}"
    state = state_word(run, is_under_way=is_under_way)
    lines = [f"run {run.id} · {what} · {state} · by {clean(run.by)}"]
    lines += [f"  {entry.at}  step {entry.step}  {_entry_words(entry)}" for entry in run.entries]
    lines += [f"  {entry.at}  step {entry.step}  {_undone_words(entry, run)}" for entry in run.undone]
    if run.verification is not None:
        if run.state == "undone":
            lines.append("  measured before it was undone:")
        lines += _verification_lines(run.verification)
    if run.soak is not None:
        lines.append(_soak_words(run.soak))
    lines += _going_on(run, is_under_way=is_under_way)
    return _text(lines)


def state_word(run: Run, *, is_under_way: bool) -> str:
    """A run without an end is worked on now, or was cut; only its own host knows which."""
    if run.state != "running" or is_under_way:
        return run.state
    return "running or cut" if any(step.host_uri for step in run.steps) else "cut"


def changed_something(run: Run) -> bool:
    """Whether any step of it was done: then it is not true that nothing was changed."""
    return any(isinstance(entry, Done) and entry.outcome == "done" for entry in run.entries)


def _going_on(run: Run, *, is_under_way: bool) -> Sequence[str]:
    if run.state in ("refused", "aborted") and changed_something(run):
        return (f"  what was done before stays so; to take it back: kvmedic undo {run.id}",)
    if run.state not in ("running", "waiting", "unknown") or is_under_way:
        return ()
    if run.undone:
        return (f"  to go on with undoing it: kvmedic undo {run.id}",)
    return (f"  to look again and go on: kvmedic apply --resume {run.id}",)


def _text(lines: Sequence[str]) -> str:
    """The lines, each cleaned once more as a whole: a plan is a file that anybody may have written."""
    return "".join(f"{clean(line)}\n" for line in lines)


def _entry_words(entry: Entry) -> str:
    match entry:
        case Intent():
            return "begun"
        case Done():
            return f"{entry.outcome}{_felt(entry)}{f': {clean(entry.detail)}' if entry.detail else ''}"
        case Refusal():
            return f"refused: {clean('; '.join(entry.reasons))}"
        case Approval():
            return f"{'agreed' if entry.is_granted else 'declined'} by {clean(entry.by)}"
    return f"resumed by {clean(entry.by)}: looked at again"


def _felt(entry: Done) -> str:
    """What the guest's threads waited for a CPU meanwhile, where it was measured."""
    waited = entry.after.get("guest_waited_s")
    return (
        f" (its QEMU waited {human_seconds(waited)} for CPUs meanwhile)" if isinstance(waited, float) else ""
    )


def _undone_words(entry: Undone, run: Run) -> str:
    """A definition that was put back is like one that was changed: the running domain keeps what it has."""
    action = next((step.action for step in run.steps if step.number == entry.step), None)
    waits = entry.outcome == "done" and isinstance(action, RedefineDomain)
    detail = "the definition; a power cycle makes it so" if waits else entry.detail
    return f"undo {entry.outcome} by {clean(entry.by)}{f': {clean(detail)}' if detail else ''}"


def _soak_words(found: Soaked) -> str:
    span = human_seconds(found.watched_s)
    return f"  watched for {span}: {found.verdict} ({clean('; '.join(found.because))})"


def _verification_lines(found: Verification) -> list[str]:
    lines = [f"  {found.helped}: {clean('; '.join(found.because)) or 'nothing changed'}"]
    if found.forecast_freed_bytes is not None and found.measured_freed_bytes is not None:
        error = "" if found.error_percent is None else f" ({found.error_percent:+.1f} %)"
        forecast, measured = human_bytes(found.forecast_freed_bytes), human_bytes(found.measured_freed_bytes)
        lines.append(f"  forecast {forecast}, measured {measured}{error}")
    if found.forecast_blocks_high is not None and found.measured_blocks is not None:
        low, high = found.forecast_blocks_low or 0, found.forecast_blocks_high
        lines.append(f"  forecast +{low:,} to {high:,} blocks of 2 MiB, measured {found.measured_blocks:+,}")
    lines += [
        f"  {row.name} {human_bytes(row.before_bytes)} → {human_bytes(row.after_bytes)}"
        f" ({row.change_percent:+.2f} %{'' if row.is_kept else ', not kept'})"
        for row in found.kept
    ]
    return lines


def render_runs(runs: Sequence[Run], under_way: Collection[str]) -> str:
    """All runs, newest first, one line each. ``under_way``: those that somebody works on now."""
    if not runs:
        return "No run was ever begun on this host.\n"
    states = [state_word(run, is_under_way=run.id in under_way) for run in runs]
    width = max(9, *(len(state) for state in states))
    rows = [f"{_run_row(run, state.ljust(width))}" for run, state in zip(runs, states, strict=True)]
    return _text(rows[::-1])


def _run_row(run: Run, state: str) -> str:
    """An undone run shows no verdict: what it measured is no more."""
    helped = run.verification.helped if run.verification else "not measured"
    shown = "taken back" if run.state == "undone" else helped
    what = f"{', '.join(run.remedies)} for {clean(run.subject)}"
    return f"{run.id}  {run.begun_at}  {state}  {shown:<12}  {what}  by {clean(run.by)}"
