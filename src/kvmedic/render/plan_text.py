"""Plans and runs as text. Names from the host are cleaned before they are shown."""

from __future__ import annotations

from collections.abc import Sequence

from kvmedic.model.plan import Plan, WriteTunable
from kvmedic.model.run import Approval, Done, Entry, Intent, Refusal, Run, Soaked, Undone, Verification
from kvmedic.render.options_text import gives_back, manners
from kvmedic.render.sanitise import clean
from kvmedic.units import human_bytes, human_seconds


def render_plan(plan: Plan) -> str:
    """A plan to read before it is carried out."""
    option = plan.option
    lines = [
        f"plan {plan.id} · {', '.join(plan.remedies)} for {clean(option.subject.name)}",
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


def render_run(run: Run) -> str:
    """One run with each of its entries, and whether it helped."""
    what = f"{', '.join(run.remedies)} for {clean(run.subject)}"
    lines = [f"run {run.id} · {what} · {run.state} · by {clean(run.by)}"]
    lines += [f"  {entry.at}  step {entry.step}  {_entry_words(entry)}" for entry in run.entries]
    lines += [f"  {entry.at}  step {entry.step}  {_undone_words(entry)}" for entry in run.undone]
    if run.verification is not None:
        lines += _verification_lines(run.verification)
    if run.soak is not None:
        lines.append(_soak_words(run.soak))
    if run.state in ("running", "waiting", "unknown"):
        lines.append(f"  to look again and go on: kvmedic apply --resume {run.id}")
    return _text(lines)


def _text(lines: Sequence[str]) -> str:
    """The lines, each cleaned once more as a whole: a plan is a file that anybody may have written."""
    return "".join(f"{clean(line)}\n" for line in lines)


def _entry_words(entry: Entry) -> str:
    match entry:
        case Intent():
            return "begun"
        case Done():
            return f"{entry.outcome}{f': {clean(entry.detail)}' if entry.detail else ''}"
        case Refusal():
            return f"refused: {clean('; '.join(entry.reasons))}"
        case Approval():
            return f"{'agreed' if entry.is_granted else 'declined'} by {clean(entry.by)}"
    return f"resumed by {clean(entry.by)}: looked at again"


def _undone_words(entry: Undone) -> str:
    return f"undo {entry.outcome} by {clean(entry.by)}{f': {clean(entry.detail)}' if entry.detail else ''}"


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


def render_runs(runs: Sequence[Run]) -> str:
    """All runs, newest first, one line each."""
    if not runs:
        return "No run was ever begun on this host.\n"
    lines = []
    for run in reversed(runs):
        helped = run.verification.helped if run.verification else "not measured"
        what = f"{', '.join(run.remedies)} for {clean(run.subject)}"
        lines.append(f"{run.id}  {run.begun_at}  {run.state:<9} {helped:<12} {what}  by {clean(run.by)}")
    return _text(lines)
