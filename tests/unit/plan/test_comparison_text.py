"""The comparison for people: narrow terminals, many domains, hostile names; and settings for their owners."""

from __future__ import annotations

import re
import tomllib
from datetime import UTC, datetime

import msgspec
import pytest
from situations import inflated, situation
from snapshots import host, stranded, thp

from kvmedic.plan.planner import compare, make_plan, recommended
from kvmedic.plan.situation import Situation
from kvmedic.render.emit_tunables import EmitFormat, render_emitted
from kvmedic.render.options_text import render_options
from kvmedic.render.plan_text import render_plan
from kvmedic.units import GIB, MIB

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
CAUSES = ("balloon-stranded-memory", "memory-fragmented")


def busy(count: int, name: str = "staging-worker-l2") -> Situation:
    domains = [inflated(f"{name}-{number:02d}", stranded=(stranded(512 * MIB),)) for number in range(count)]
    return situation(
        *domains,
        causes=CAUSES,
        memory_facts={"thp": thp(shrink_underused="1")},
        host=host(sysctls={"vm.compaction_proactiveness": "20"}),
    )


def shown(now: Situation, *, width: int = 80, colour: bool = False) -> str:
    options = compare(now)
    return render_options(options, recommended(options), width=width, colour=colour)


@pytest.mark.parametrize("width", [60, 80, 100, 200])
@pytest.mark.parametrize("count", [1, 3, 40])
def test_no_line_is_wider_than_the_terminal(width: int, count: int) -> None:
    text = shown(busy(count), width=width)
    commands = [line for line in text.splitlines() if "kvmedic plan --remedy" in line]

    assert all(len(line) <= width for line in text.splitlines() if line not in commands)


def test_the_ids_are_whole_and_the_first_suggestion_can_be_copied() -> None:
    text = shown(busy(1))

    for remedy in ("release-stranded-memory", "enable-free-page-reporting", "disable-balloon"):
        assert re.search(rf"^{remedy} +\S", text, re.MULTILINE)
    assert text.startswith(
        "First:  kvmedic plan --remedy release-stranded-memory --domain staging-worker-l2-00 -o plan.json\n"
    )
    manners = "answers balloon-stranded-memory; nothing to undo; can be interrupted; noticed by nobody"
    assert manners in " ".join(text.split())


def test_many_domains_become_one_row_with_their_sum() -> None:
    text = shown(busy(40), width=100)

    assert len(re.findall(r"^release-stranded-memory ", text, re.MULTILINE)) == 1
    assert re.search(r"^release-stranded-memory +20\.0 GiB ", text, re.MULTILINE)
    assert "\n  40 domains: staging-worker-l2-00, staging-worker-l2-01" in text
    assert "the sum of 40 domains" in text
    assert "4 s each" in " ".join(text.split())


def test_what_is_blocked_stands_apart_with_its_reason_and_the_owners_way() -> None:
    text = shown(situation(inflated(managed_by="nova", managed_by_because="metadata of nova")))
    before, after = text.split("Blocked here and now:")

    assert "disable-balloon" not in before
    assert "nova owns this domain (metadata of nova)" in after
    assert "instead: set mem_stats_period_seconds = 0" in " ".join(after.split())


@pytest.mark.parametrize("width", [60, 80, 120])
def test_an_option_that_takes_says_so_and_nothing_unknown_is_a_number(width: int) -> None:
    text = " ".join(shown(busy(1), width=width).split())

    assert ("may take up to 2.0 GiB" if width < 80 else "the host may have to give 2.0 GiB") in text
    assert re.search(r"takes:? not known \(never measured on this host\)", text)


def test_the_columns_stand_below_their_heads_and_what_does_not_fit_is_a_footnote() -> None:
    lines = shown(busy(1)).splitlines()
    head = next(line for line in lines if line.startswith("remedy"))
    row = next(line for line in lines if line.startswith("pin-memory"))
    mark = row.split("−2.0 GiB ")[1][0]

    for word, cell in (
        ("gives back", "−2.0 GiB"),
        ("comes back?", "no "),
        ("downtime", "none"),
        ("risk", "low"),
    ):
        assert row[head.index(word) :].startswith(cell)
    assert any(line.startswith(f"{mark} the host may have to give 2.0 GiB: the guest gets") for line in lines)
    assert "  staging-worker-l2-00 · can be undone; can be interrupted; noticed by nobody" in lines


def test_there_is_room_for_whole_sentences_on_a_wide_terminal() -> None:
    wide = shown(busy(1), width=160)

    row = re.compile(
        r"^disable-balloon +−2\.0 GiB \S +no, once it was powered off and on +none", re.MULTILINE
    )
    assert row.search(wide)


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("web 1", "--domain 'web 1'"),
        ("$(reboot);x", "--domain '$(reboot);x'"),
        ("-dash", "--domain=-dash"),
        ("it's", "--domain 'it'\"'\"'s'"),
    ],
)
def test_a_command_that_is_copied_runs_nothing_that_a_name_says(name: str, word: str) -> None:
    domain = inflated(name, stranded=(stranded(512 * MIB),))

    first = shown(situation(domain, causes=CAUSES)).splitlines()[0]

    assert first == f"First:  kvmedic plan --remedy release-stranded-memory {word} -o plan.json"


def test_the_suggested_command_is_for_the_host_and_the_policy_that_were_asked_about() -> None:
    options = compare(busy(1))
    asked = ("ssh://root@a", "--policy", "my fleet.toml")

    text = render_options(options, recommended(options), width=80, colour=False, asked=asked)

    assert text.startswith("First:  kvmedic plan ssh://root@a --policy 'my fleet.toml' --remedy release-")


def test_what_blocks_many_domains_alike_is_said_once_and_a_note_says_of_whom_it_is() -> None:
    two = situation(inflated("web-1"), inflated("web-2", rss_bytes=7 * GIB))
    text = shown(two, width=120)

    assert text.count("no destination is known") == 1
    assert "disable-balloon of web-1: head-room: the guest may touch 2.0 GiB more;" in " ".join(text.split())


def test_nothing_to_repair_is_said() -> None:
    assert render_options((), None, width=80, colour=False).startswith("Nothing to repair")
    assert "No remedy is suggested" in shown(situation())


def test_names_cannot_write_to_the_terminal() -> None:
    now = situation(
        inflated("evil\x1b[2J\nname", stranded=(stranded(512 * MIB),)), causes=("balloon-stranded-memory",)
    )
    made = make_plan(now, "release-stranded-memory", plan_id="p", now=NOW, version="0")

    for text in (shown(now), render_plan(made)):
        assert "\x1b" not in text
        assert "\nname" not in text


def test_colour_marks_the_remedy_and_its_risk_and_changes_no_word() -> None:
    plain, coloured = shown(busy(1)), shown(busy(1), colour=True)

    assert "\x1b[1mrelease-stranded-memory\x1b[0m" in coloured
    assert re.sub(r"\x1b\[[0-9]+m", "", coloured) == plain


def emitted(form: EmitFormat) -> str:
    return render_emitted(make_plan(busy(1), "tune-host", plan_id="p", now=NOW, version="0"), form)


def test_settings_are_emitted_for_sysctl_and_tmpfiles() -> None:
    text = emitted("sysctl")

    assert "\nvm.compaction_proactiveness = 40\n" in text
    assert "\nw /sys/kernel/mm/transparent_hugepage/shrink_underused - - - - 0\n" in text
    assert "costs: " in text


def test_settings_are_emitted_as_a_tuned_profile() -> None:
    sections = re.sub(r"(?m)^#.*\n", "", emitted("tuned"))

    assert "[sysctl]\nvm.compaction_proactiveness=40\n" in sections
    assert "[sysfs]\n/sys/kernel/mm/transparent_hugepage/shrink_underused=0\n" in sections
    assert tomllib.loads(sections.split("[sysctl]")[0].replace("=virtual-host", "='v'")) == {
        "main": {"include": "v"}
    }


def test_settings_are_emitted_as_ansible_tasks() -> None:
    text = emitted("ansible")

    assert "    name: vm.compaction_proactiveness\n" in text
    assert "      w /sys/kernel/mm/transparent_hugepage/khugepaged/max_ptes_none - - - - 0\n" in text


def test_a_plan_without_settings_emits_nothing() -> None:
    made = make_plan(busy(1), "release-stranded-memory", plan_id="p", now=NOW, version="0")

    assert render_emitted(made, "sysctl") == ""


def test_a_plan_that_somebody_wrote_cannot_write_to_the_terminal() -> None:
    made = make_plan(busy(1), "tune-host", plan_id="p", now=NOW, version="0")
    action = msgspec.structs.replace(made.steps[0].action, reason="\x1b[2J", cost="\r\nok")
    hostile = msgspec.structs.replace(
        made,
        id="\x1b]0;x\x07",
        steps=(msgspec.structs.replace(made.steps[0], action=action, title="\x9b1A"),),
    )

    text = render_plan(hostile)

    assert not set(text) & {"\x1b", "\x07", "\r", "\x9b"}
    assert "\\x1b[2J" in text
