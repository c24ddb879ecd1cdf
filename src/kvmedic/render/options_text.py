"""The comparison of remedies as text: the suggestion first, then the options, gentlest first."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Iterable, Iterator, Sequence

from rich.text import Text

from kvmedic.model.plan import Amount, Downtime, Option
from kvmedic.model.record import Record
from kvmedic.render.options_table import NARROWEST_TABLE, Row, manners, table_lines
from kvmedic.render.sanitise import clean
from kvmedic.units import human_bytes, human_seconds

MOST_ROWS_A_REMEDY = 3
"""From here on the domains that one remedy fits are shown as one row."""
_RISK_STYLE = {"low": "green", "medium": "yellow", "high": "red"}


class Group(Record, frozen=True, kw_only=True):
    """Options of one remedy that are shown as one."""

    options: tuple[Option, ...]

    @property
    def first(self) -> Option:
        """The one whose words stand for all."""
        return self.options[0]


def render_options(
    options: Sequence[Option],
    chosen: Option | None,
    *,
    width: int,
    colour: bool,
    asked: Sequence[str] = (),
) -> str:
    """The first suggestion with its command, the comparison, then what is to be known besides.

    ``asked`` are the words that named the target and the policy: the command must mean the same host.
    """
    if not options:
        return "Nothing to repair: no remedy applies to this host now.\n"
    groups = list(_grouped(options))
    open_groups = [group for group in groups if not group.first.blockers]
    blocked = [group for group in groups if group.first.blockers]
    lines = [*_suggestion(chosen, asked, width)]
    if open_groups:
        lines += ["", *_comparison(open_groups, width=width, colour=colour)]
    if blocked:
        lines += ["", "Blocked here and now:"]
        lines += [line for group in blocked for line in _blocked_row(group, width=width, colour=colour)]
    return "\n".join((*lines, *_notes(open_groups, width))) + "\n"


def _comparison(groups: Sequence[Group], *, width: int, colour: bool) -> Iterator[str]:
    """A table where there is room for one, else a paragraph for each."""
    if width < NARROWEST_TABLE:
        for group in groups:
            yield from _row(group, width=width, colour=colour)
    else:
        rows = (
            Row(option=g.first, freed=_freed(g), whom=_whom(g.options), is_many=len(g.options) > 1)
            for g in groups
        )
        yield from table_lines(rows, width=width, colour=colour)


def _grouped(options: Sequence[Option]) -> Iterator[Group]:
    """One group for each option, or one for all of a remedy where there are many or all are blocked by the
    same; open and blocked apart.
    """
    kinds = dict.fromkeys((option.remedy, bool(option.blockers)) for option in options)
    for remedy, is_blocked in kinds:
        same = [o for o in options if (o.remedy, bool(o.blockers)) == (remedy, is_blocked)]
        if len(same) > MOST_ROWS_A_REMEDY or (is_blocked and len({_reasons(o) for o in same}) == 1):
            yield Group(options=tuple(same))
        else:
            yield from (Group(options=(option,)) for option in same)


def _reasons(option: Option) -> tuple[str, ...]:
    return tuple(blocker.text for blocker in option.blockers)


def _freed(group: Group) -> Amount:
    freed = [each.forecast.freed_bytes for each in group.options]
    return _sum(freed) if len(freed) > 1 else freed[0]


def _row(group: Group, *, width: int, colour: bool) -> Iterator[str]:
    option = group.first
    yield _head(group, width=width, colour=colour)
    parts = [
        gives_back(_freed(group), option.forecast.contiguous_blocks),
        f"comes back: {option.forecast.returns}",
        f"downtime: {_downtimes(option.forecast.downtime)}",
        f"takes {_seconds(option.forecast.takes_s)}",
    ]
    yield from _wrapped(" · ".join(clean(part) for part in parts), width, "    ")


def _blocked_row(group: Group, *, width: int, colour: bool) -> Iterator[str]:
    yield _head(group, width=width, colour=colour)
    texts = dict.fromkeys(clean(b.text) for option in group.options for b in option.blockers)
    yield from _wrapped("; ".join(list(texts)[:3]), width, "    ")
    instead = dict.fromkeys(clean(b.instead) for o in group.options for b in o.blockers if b.instead)
    for text in instead:
        yield from _wrapped(f"instead: {text}", width, "    ")


def _head(group: Group, *, width: int, colour: bool) -> str:
    """The remedy, for whom, and at the right edge the risk."""
    option = group.first
    left = f"{option.remedy} · {_whom(group.options)}"
    right = f"risk {option.risk}"
    room = max(20, width - len(right) - 2)
    left = left if len(left) <= room else left[: room - 1] + "…"
    line = Text(left.ljust(room) + "  ")
    line.append(right, style=_RISK_STYLE[option.risk])
    line.stylize("bold", 0, len(option.remedy))
    return _ansi(line, colour=colour)


def _ansi(line: Text, *, colour: bool) -> str:
    if not colour:
        return line.plain.rstrip()
    codes = {"bold": "1", "green": "32", "yellow": "33", "red": "31"}
    text = line.plain
    for span in sorted(line.spans, key=lambda span: -span.start):
        inner = text[span.start : span.end]
        text = f"{text[: span.start]}\x1b[{codes[str(span.style)]}m{inner}\x1b[0m{text[span.end :]}"
    return text.rstrip()


def _whom(options: Sequence[Option]) -> str:
    names = [clean(option.subject.name) for option in options]
    if len(names) == 1:
        return names[0]
    return f"{len(names)} domains: {', '.join(names[:3])}{', …' if len(names) > 3 else ''}"


def _sum(amounts: Sequence[Amount]) -> Amount:
    def total(values: Sequence[int | None]) -> int | None:
        known = [value for value in values if value is not None]
        return sum(known) if len(known) == len(values) else None

    best = total([a.best for a in amounts])
    return Amount(
        best=best,
        low=total([a.low for a in amounts]),
        high=total([a.high for a in amounts]),
        basis=amounts[0].basis if best is None else f"the sum of {len(amounts)} domains",
    )


def gives_back(freed: Amount, blocks: Amount) -> str:
    """What the host gets, in words; what it may have to give; what nobody can know."""
    parts = []
    if freed.best:
        parts.append(f"gives back {amount_words(freed)}")
    elif freed.low is not None and freed.low < 0:
        parts.append(f"may take up to {human_bytes(-freed.low)}")
    if blocks.high is not None:
        parts.append(_blocks(blocks))
    if not parts:
        return "frees nothing by itself" if freed.best == 0 else f"gives back: not known ({freed.basis})"
    return ", ".join(parts)


def _blocks(blocks: Amount) -> str:
    if not blocks.high:
        return "no blocks"
    if blocks.low == blocks.high:
        return f"+{blocks.high:,} blocks of 2 MiB"
    return f"+{blocks.low or 0:,} to {blocks.high:,} blocks of 2 MiB ({blocks.basis})"


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
        f"{item.who}: {'one, not known how long' if item.seconds is None else human_seconds(item.seconds)}"
        for item in downtimes
    ]
    return "; ".join(parts) or "none"


def _seconds(amount: Amount) -> str:
    if amount.best is None:
        return f"not known ({amount.basis})"
    return f"about {human_seconds(amount.best)}"


def _suggestion(chosen: Option | None, asked: Sequence[str], width: int) -> Sequence[str]:
    """Names are quoted for a shell: whoever copies the line must run nothing that a name says."""
    if chosen is None:
        text = "No remedy is suggested: nothing was found that one of these answers and that is not blocked."
        return _wrapped(text, width, "")
    why = f"answers {', '.join(chosen.helps_against)}; {manners(chosen)}"
    words = shlex.join(["kvmedic", "plan", *map(clean, asked), "--remedy", chosen.remedy])
    return (
        f"First:  {words}{_domain_word(chosen)} -o plan.json",
        *_wrapped(why, width, "        "),
        *_wrapped("Before anything is changed, kvmedic capture keeps the evidence.", width, "        "),
    )


def _domain_word(option: Option) -> str:
    if option.subject.kind != "domain":
        return ""
    name = shlex.quote(clean(option.subject.name))
    return f" --domain={name}" if name.startswith("-") else f" --domain {name}"


def _notes(groups: Sequence[Group], width: int) -> list[str]:
    """What is to be known of the options that are open, each once; of whom, where it is not true of all."""
    found: dict[str, list[str]] = {}
    for group in groups:
        for note in dict.fromkeys(group.first.notes):
            found.setdefault(clean(note), []).append(_about(group, note, groups))
    lines: list[str] = []
    for note, labels in found.items():
        lines += _wrapped(f"{', '.join(dict.fromkeys(labels))}: {note}", width, "  ", "    ")
    return ["", "To be known:", *lines] if lines else []


def _about(group: Group, note: str, groups: Sequence[Group]) -> str:
    same = [other for other in groups if other.first.remedy == group.first.remedy]
    if all(note in other.first.notes for other in same):
        return group.first.remedy
    return f"{group.first.remedy} of {_whom(group.options)}"


def _wrapped(text: str, width: int, indent: str, later: str | None = None) -> list[str]:
    return textwrap.wrap(
        text,
        max(width, 40),
        initial_indent=indent,
        subsequent_indent=later or indent,
        break_on_hyphens=False,
        break_long_words=False,
    )
