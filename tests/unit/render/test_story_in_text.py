"""The text of a story whose moments only the kernel's clock knows, and of one that has days."""

from __future__ import annotations

from msgspec import structs
from report_samples import WHY_OOM

from kvmedic.render import render

BARE = structs.replace(
    WHY_OOM,
    timeline=tuple(structs.replace(entry, at=None) for entry in WHY_OOM.timeline if entry.since_boot_s),
)


def test_a_story_without_days_counts_from_boot_and_says_so() -> None:
    lines = render(BARE, "text").splitlines()

    begin = lines.index("Timeline (seconds after boot; these logs name no day)")
    assert lines[begin + 1].startswith("  +7142301.5 s  kern.log:48211")
    assert any(line.startswith("  +7142301.5 s  kern.log:48260") for line in lines[:begin])


def test_a_story_with_days_names_them() -> None:
    lines = render(WHY_OOM, "text").splitlines()

    begin = next(index for index, line in enumerate(lines) if line.startswith("Timeline (UTC"))
    assert lines[begin + 1] == "  2026-11-24"


def test_a_line_that_proves_two_things_stands_there_once() -> None:
    first = WHY_OOM.findings[0]
    again = structs.replace(first.because[0], text="and it proves this, too")
    told = structs.replace(
        WHY_OOM, findings=(structs.replace(first, because=(first.because[0], *first.because[1:], again)),)
    )
    lines = " ".join(render(told, "text").split())
    assert f"{first.because[0].text} · and it proves this, too" in lines
    assert lines[: lines.index("Timeline")].count(f"kern.log:{again.line} ") == 1
