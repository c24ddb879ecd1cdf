"""The journal of runs: what is changed, taken out or put in shows, and a full disk breaks nothing."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "execute"))
from run_samples import plan, step

from kvmedic.adapters.run_store import RunStore, state_folder
from kvmedic.errors import EvidenceError, PreconditionFailedError, UsageError
from kvmedic.model.run import Done, Intent, Measure, RunBegun, RunEnded, RunMeasured

AT = "2026-11-24T12:00:00Z"
INTENT = Intent(step=1, at=AT, before={"stranded_bytes": 7}, restores={})
DONE = Done(step=1, at=AT, outcome="done", after={}, detail="x" * 200)
ENDED = RunEnded(at=AT, state="finished")


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    kept = RunStore(tmp_path / "runs")
    for line in (INTENT, DONE, ENDED):
        kept.append("run-1", line)
    return kept


def fill(kept: RunStore) -> None:
    for _ in range(200):
        kept.append("run-1", DONE)


def test_what_was_written_is_read_in_order(store: RunStore) -> None:
    assert store.lines("run-1") == (INTENT, DONE, ENDED)
    assert store.entries("run-1") == (INTENT, DONE)
    assert store.seal("run-1").lines == 3


def test_the_records_are_their_owners_alone(store: RunStore) -> None:
    assert store.folder.stat().st_mode & 0o777 == 0o700
    assert (store.folder / "run-1.jsonl").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("tamper", "line"),
    [
        (lambda rows: [rows[0].replace(b'"stranded_bytes":7', b'"stranded_bytes":8'), *rows[1:]], 1),
        (lambda rows: [rows[0], rows[2]], 2),
        (lambda rows: [rows[1], rows[0], rows[2]], 1),
        (lambda rows: [rows[0], rows[0], *rows[1:]], 2),
        (lambda rows: [*rows[:2], rows[2][:20]], 3),
        (lambda rows: [*rows, b"{}"], 4),
    ],
    ids=["changed", "taken out", "swapped", "put in", "cut", "appended"],
)
def test_every_tampering_shows_with_its_line(store: RunStore, tamper: object, line: int) -> None:
    path = store.folder / "run-1.jsonl"
    path.write_bytes(b"\n".join(tamper(path.read_bytes().splitlines())) + b"\n")  # type: ignore[operator]

    with pytest.raises(EvidenceError, match=rf"run-1\.jsonl:{line}: the journal was changed or cut"):
        store.lines("run-1")
    with pytest.raises(EvidenceError):
        store.append("run-1", ENDED)


def test_a_chain_that_lost_its_end_shows_by_its_seal(store: RunStore) -> None:
    before = store.seal("run-1")
    path = store.folder / "run-1.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))

    assert store.seal("run-1") != before


def test_a_full_disk_leaves_the_chain_whole_and_room_lets_it_go_on(tiny_disk: Path) -> None:
    kept = RunStore(tiny_disk / "runs")
    kept.append("run-1", INTENT)
    (tiny_disk / "ballast").write_bytes(b"0" * 52 * 1024)

    with pytest.raises(PreconditionFailedError, match="cannot be written: No space left on device"):
        fill(kept)
    lines = kept.lines("run-1")
    (tiny_disk / "ballast").unlink()
    kept.append("run-1", ENDED)

    assert kept.lines("run-1") == (*lines, ENDED)


def test_a_run_that_found_the_disk_full_at_its_beginning_was_never_begun(tiny_disk: Path) -> None:
    kept = RunStore(tiny_disk / "runs")
    kept.append("run-1", INTENT)
    with pytest.raises(OSError, match="No space left"):
        (tiny_disk / "ballast").write_bytes(b"0" * 128 * 1024)

    with pytest.raises(PreconditionFailedError):
        kept.append("run-2", DONE)

    assert not kept.exists("run-2")


@pytest.mark.parametrize("name", ["", "../run-1", ".hidden", "a/b"])
def test_a_name_never_leads_out_of_the_folder(store: RunStore, name: str) -> None:
    with pytest.raises(UsageError):
        store.lines(name)


def test_a_folder_that_cannot_be_made_stops_everything_before_it_begins(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(PreconditionFailedError, match="no journal can be kept"):
        RunStore(tmp_path / "file" / "runs").append("run-1", INTENT)


def test_no_folder_is_no_run(tmp_path: Path) -> None:
    assert RunStore(tmp_path / "none").all() == ()


def test_the_environment_names_the_state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert state_folder() == Path("/var/lib/kvmedic")
    monkeypatch.setenv("KVMEDIC_STATE", str(tmp_path))
    assert RunStore().folder == tmp_path / "runs"


def test_a_journal_is_there_with_its_first_line_or_not_at_all(store: RunStore) -> None:
    (store.folder / ".run-2.jsonl.new").write_text("half a li")

    store.append("run-2", INTENT)

    assert store.lines("run-2") == (INTENT,)
    assert sorted(path.name for path in store.folder.iterdir()) == ["run-1.jsonl", "run-2.jsonl"]
    assert (store.folder / "run-2.jsonl").stat().st_mode & 0o777 == 0o600


def test_an_empty_journal_is_a_broken_one_and_hides_no_other(store: RunStore) -> None:
    begun = RunBegun(
        run="run-3", plan_id="p", by="ann", at=AT, remedies=("r",), subject="web-1", plan=plan(step(1))
    )
    store.append("run-3", begun)
    (store.folder / "run-1.jsonl").write_bytes(b"")

    found, broken = store.readable()

    assert [run.id for run in found] == ["run-3"]
    assert [error.message for error in broken] == [
        f"{store.folder}/run-1.jsonl:1: the journal was changed or cut: it is empty"
    ]
    with pytest.raises(EvidenceError, match="it is empty"):
        store.all()
    with pytest.raises(EvidenceError, match="it is empty"):
        store.append("run-1", DONE)


def test_a_journal_of_a_version_that_knew_fewer_fields_is_whole(store: RunStore) -> None:
    """As it would be written by a version whose measure had no ``group_cache_bytes``."""
    nothing = dict.fromkeys(Measure.__struct_fields__)
    lists = {"pending_changes": (), "settings": {}, "findings": (), "serious": ()}
    line = RunMeasured(at=AT, measure=Measure(**{**nothing, **lists, "taken_at": "t"}))
    text = msgspec.json.encode(line).replace(b',"group_cache_bytes":null', b"")
    digest = hashlib.sha256(b"0" * 64 + text).hexdigest().encode()
    (store.folder / "run-4.jsonl").write_bytes(b'{"entry":' + text + b',"sha256":"' + digest + b'"}\n')

    assert b"group_cache" not in text
    assert store.lines("run-4") == (line,)
    store.append("run-4", ENDED)
    assert store.seal("run-4").lines == 2
