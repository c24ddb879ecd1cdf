"""Every cause stands in the catalogue under its id, and has one file, one page and four rows of tests."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from cause_pages import in_words, module_of, thresholds_of

from kvmedic.diagnose import need
from kvmedic.diagnose.catalogue import CAUSES, LIVING
from kvmedic.diagnose.judge import judge
from kvmedic.diagnose.post_mortem.catalogue import EXPLANATIONS
from kvmedic.model.finding import Cause

ROOT = Path(__file__).parents[2]
RULES = ROOT / "src/kvmedic/diagnose/causes"
PAGES = ROOT / "docs/causes"
ROWS = ROOT / "tests/unit/diagnose/causes"

PERMANENT = [
    "balloon-stranded-memory",
    "balloon-over-inflated",
    "balloon-ineffective",
    "balloon-unresponsive",
    "balloon-undone",
    "host-memory-overcommitted",
    "host-memory-exhausted",
    "cgroup-memory-limit",
    "numa-node-exhausted",
    "memory-fragmented",
    "atomic-reserve-low",
    "reclaim-stall",
    "hugepages-exhausted",
    "kernel-memory-growth",
    "swap-thrashing",
    "manual-oom",
    "userspace-oom-killer",
    "qemu-memory-growth",
    "colocated-service-memory",
    "ksm-unsharing",
    "thp-compaction-stall",
    "host-reset-unlogged",
    "host-fenced",
    "host-cpu-overcommitted",
    "split-lock-throttled",
    "guest-paused",
    "limit-exhausted",
    "dirty-writeback-stall",
    "backup-job",
    "qemu-crash",
    "qemu-killed",
    "storage-stall",
    "storage-full",
    "hardware-memory-error",
    "soft-lockup",
    "kernel-bug",
    "host-panic",
    "hypervisor-daemon-hung",
    "management-daemon-leak",
    "guest-internal",
    "unexplained",
]
REMEDIES = frozenset(
    [
        "release-stranded-memory",
        "compact-memory",
        "tune-host",
        "deflate-balloon",
        "pin-memory",
        "disable-balloon",
        "enable-free-page-reporting",
        "raise-cgroup-limit",
        "migrate-domain",
        "evacuate-host",
        "reboot-host",
    ]
)
KINDS_OF_ROW = ("test_present_", "test_absent_", "test_boundary_", "test_missing_")
SECTIONS = ("What it looks like", "Why it happens", "What to do", "How kvmedic tells it", "Sources")
AFTER_A_FAILURE = (*SECTIONS[:-1], "After a failure", SECTIONS[-1])
"""Where a past failure can show the cause, its page says how."""


def names(causes: tuple[Cause, ...]) -> list[str]:
    return [cause.id for cause in causes]


def test_the_ids_are_the_permanent_ones_and_each_stands_once() -> None:
    assert sorted(names(CAUSES)) == sorted(PERMANENT)


def test_every_file_is_a_cause_of_the_catalogue_and_has_its_name() -> None:
    files = {path.stem.replace("_", "-") for path in RULES.glob("*.py")} - {"--init--"}

    assert sorted(files) == sorted(PERMANENT)
    for cause in CAUSES:
        assert cause.id == module_of(cause.id).ID
        assert not cause.title.endswith(".")


@pytest.mark.parametrize("cause", CAUSES, ids=names(CAUSES))
def test_every_cause_has_a_page_with_all_its_parts(cause: Cause) -> None:
    page = (PAGES / f"{cause.id}.md").read_text()

    assert page.startswith(f"# {cause.id}\n\n{cause.title}.\n")
    sections = AFTER_A_FAILURE if cause.id in EXPLANATIONS else SECTIONS
    assert [line[3:] for line in page.splitlines() if line.startswith("## ")] == list(sections)


@pytest.mark.parametrize("cause", LIVING, ids=names(LIVING))
def test_the_page_states_the_thresholds_and_remedies_of_the_rule(cause: Cause) -> None:
    page = " ".join((PAGES / f"{cause.id}.md").read_text().split())

    for name, value in thresholds_of(cause.id).items():
        assert in_words(name, value) in page
    for remedy in module_of(cause.id).REMEDIES:
        assert f"`{remedy}`" in page
    assert ("Essential:" in page) == cause.is_essential


def test_the_index_names_every_page_and_the_thresholds_of_need() -> None:
    index = " ".join((PAGES / "README.md").read_text().split())

    for cause in CAUSES:
        assert f"[{cause.id}]({cause.id}.md) | {cause.title} |" in index
    assert in_words("SHORT_SHARE", need.SHORT_SHARE) in index
    assert in_words("SHORT_BYTES_CAP", need.SHORT_BYTES_CAP) in index
    assert {path.stem for path in PAGES.glob("*.md")} == {*PERMANENT, "README"}


@pytest.mark.parametrize("cause", LIVING, ids=names(LIVING))
def test_every_rule_of_a_living_host_has_the_four_rows(cause: Cause) -> None:
    source = (ROWS / f"test_{cause.id.replace('-', '_')}.py").read_text()
    tests = [node.name for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]

    for kind in KINDS_OF_ROW:
        assert any(name.startswith(kind) for name in tests), f"{cause.id} has no row {kind}"


@pytest.mark.parametrize("cause", LIVING, ids=names(LIVING))
def test_every_threshold_has_a_written_reason(cause: Cause) -> None:
    source = (RULES / f"{cause.id.replace('-', '_')}.py").read_text()
    body = ast.parse(source).body

    for statement, after in zip(body, [*body[1:], None], strict=True):
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant | ast.BinOp):
            (target,) = statement.targets
            assert isinstance(target, ast.Name)
            is_told = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
            assert is_told or target.id in ("ID", "KSM", "EDAC") or target.id.startswith("_")


def test_remedies_are_known_ones() -> None:
    for cause in LIVING:
        assert set(module_of(cause.id).REMEDIES) <= REMEDIES


def test_what_only_a_failure_shows_is_laid_out_and_not_judged_on_a_living_host() -> None:
    after = [cause for cause in CAUSES if cause.judged == "post-mortem"]

    assert len(after) == 13
    assert not set(after) & set(LIVING)
    assert names(CAUSES)[-1] == "unexplained"
    assert judge.__defaults__ == (LIVING,)
    assert not any(cause.is_essential for cause in after)
