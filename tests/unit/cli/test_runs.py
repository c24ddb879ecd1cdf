"""kvmedic runs: the list, the export that can be checked elsewhere, and records that somebody changed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "execute"))
from run_samples import plan, step

from kvmedic.adapters.run_store import RunStore
from kvmedic.cli.main import main
from kvmedic.model.run import Done, Intent, RunBegun, RunEnded, RunState

USAGE, BROKEN = 2, 13


def keep(store: RunStore, run: str, state: RunState | None, at: str) -> None:
    """A run of one step; without a state it has no end."""
    store.append(
        run,
        RunBegun(run=run, plan_id="p", by="ann", at=at, remedies=("r",), subject="web-1", plan=plan(step(1))),
    )
    store.append(run, Intent(step=1, at=at, before={"stranded_bytes": 7}, restores={}))
    if state is not None:
        store.append(run, Done(step=1, at=at, outcome="done", after={}, detail=""))
        store.append(run, RunEnded(at=at, state=state))


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunStore:
    monkeypatch.setenv("KVMEDIC_STATE", str(tmp_path))
    kept = RunStore()
    keep(kept, "run-a", "finished", "2026-11-24T12:00:00Z")
    keep(kept, "run-b", "undone", "2026-11-24T13:00:00Z")
    keep(kept, "run-c", None, "2026-11-24T14:00:00Z")
    return kept


def tamper(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"stranded_bytes":7', b'"stranded_bytes":8'))


@pytest.mark.usefixtures("store")
def test_the_newest_comes_first_and_each_state_is_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs"]) == 0

    rows = [line.split("  ") for line in capsys.readouterr().out.splitlines()]
    assert [row[0] for row in rows] == ["run-c", "run-b", "run-a"]
    assert [row[2].strip() for row in rows] == ["cut", "undone", "finished"]
    assert "taken back" in [cell.strip() for cell in rows[1]]


def test_an_export_is_checked_on_another_machine(
    store: RunStore, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["runs", "run-a", "--raw"]) == 0
    exported = tmp_path / "elsewhere" / "audit.jsonl"
    exported.parent.mkdir()
    exported.write_text(capsys.readouterr().out)
    seal = store.seal("run-a").sha256
    monkeypatch.setenv("KVMEDIC_STATE", str(tmp_path / "none"))

    assert main(["runs", str(exported), "--verify"]) == 0
    assert f"audit  4 lines, unbroken; its last hash is {seal}" in capsys.readouterr().out
    tamper(exported)
    assert main(["runs", str(exported), "--verify"]) == BROKEN
    assert "audit.jsonl:2: the journal was changed or cut" in capsys.readouterr().err


def test_a_broken_record_is_named_and_hides_no_other(
    store: RunStore, capsys: pytest.CaptureFixture[str]
) -> None:
    tamper(store.folder / "run-b.jsonl")

    assert main(["runs"]) == BROKEN
    listed = capsys.readouterr()
    assert main(["runs", "--verify"]) == BROKEN
    verified = capsys.readouterr()
    assert main(["runs", "run-b", "--raw"]) == BROKEN

    assert "run-a" in listed.out
    assert "run-c" in listed.out
    assert "run-b.jsonl:2: the journal was changed or cut" in listed.err
    assert "run-b  BROKEN" in verified.out
    assert "run-c  2 lines, unbroken" in verified.out
    assert capsys.readouterr().out == ""


def test_a_record_under_another_name_is_a_broken_one(
    store: RunStore, capsys: pytest.CaptureFixture[str]
) -> None:
    (store.folder / "run-a.jsonl").rename(store.folder / "run-d.jsonl")

    assert main(["runs"]) == BROKEN
    assert (
        "run-d.jsonl:1: the journal was changed or cut: it is the record of run-a" in capsys.readouterr().err
    )


@pytest.mark.usefixtures("store")
def test_what_is_not_there_is_said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["runs", "--raw"]) == USAGE
    assert main(["runs", "nonsense", "--raw"]) == USAGE
    assert main(["runs", str(tmp_path / "no.jsonl"), "--verify"]) == USAGE
    assert "Traceback" not in capsys.readouterr().err
