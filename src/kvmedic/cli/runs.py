"""``kvmedic runs``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
from cyclopts import Parameter

from kvmedic.cli.terminal import write_out
from kvmedic.errors import EvidenceError, UsageError
from kvmedic.render.plan_text import render_run, render_runs
from kvmedic.render.sanitise import for_json
from kvmedic.wiring import run_store, runs_under_way

if TYPE_CHECKING:
    from kvmedic.adapters.run_store import RunStore

EXPORTED = ".jsonl"


def runs(
    run: str | None = None,
    *,
    json: Annotated[bool, Parameter(negative=())] = False,
    raw: Annotated[bool, Parameter(negative=())] = False,
    verify: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """List what was done on this host: by whom, when, with what effect. Restarts nothing.

    Parameters
    ----------
    run
        Show this run with every entry; with --verify also a file that --raw wrote.
    json
        As JSON: the audit record of each run.
    raw
        The audit record of this run as it was written, each line with its hash: to be kept elsewhere.
    verify
        Check that no line of the records was changed, taken out or put in. Exit code 13 where one was.
    """
    if verify and run is not None and run.endswith(EXPORTED):
        return _verify(run_store(Path(run).parent), Path(run).name.removesuffix(EXPORTED))
    store = run_store()
    if verify:
        return _verify(store, run)
    if raw:
        write_out(store.text(_named(run)), encoding="utf-8")
    elif json:
        names = [store.load(run).id] if run else [each.id for each in store.all()]
        records = {name: store.lines(name) for name in names}
        text = msgspec.json.format(msgspec.json.encode(records)).decode()
        write_out(for_json(text) + "\n", encoding="utf-8")
    elif run:
        write_out(render_run(store.load(run), is_under_way=bool(runs_under_way([run]))))
    else:
        _list(store)
    return 0


def _named(run: str | None) -> str:
    if run is None:
        raise UsageError("--raw writes the record of one run", hint="Name it; kvmedic runs lists them.")
    return run


def _list(store: RunStore) -> None:
    """The runs that can be read; then the first one that cannot is an EvidenceError."""
    found, broken = store.readable()
    if found or not broken:
        write_out(render_runs(found, runs_under_way(run.id for run in found)))
    if broken:
        raise broken[0]


def _verify(store: RunStore, run: str | None) -> int:
    """Reads every chain to its end, also behind a broken one; the first of those is an EvidenceError."""
    broken: list[EvidenceError] = []
    for name in [run] if run else store.names():
        try:
            seal = store.seal(name)
            write_out(f"{name}  {seal.lines} lines, unbroken; its last hash is {seal.sha256}\n")
        except EvidenceError as error:
            write_out(f"{name}  BROKEN: {error.message}\n")
            broken.append(error)
    if broken:
        raise broken[0]
    return 0
