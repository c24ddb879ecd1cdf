"""``kvmedic runs``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
from cyclopts import Parameter

from kvmedic.cli.terminal import write_out
from kvmedic.render.plan_text import render_run, render_runs
from kvmedic.render.sanitise import for_json
from kvmedic.wiring import run_store

if TYPE_CHECKING:
    from kvmedic.adapters.run_store import RunStore


def runs(
    run: str | None = None,
    *,
    json: Annotated[bool, Parameter(negative=())] = False,
    verify: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """List what was done on this host: by whom, when, with what effect. Restarts nothing.

    Parameters
    ----------
    run
        Show this run with every entry.
    json
        As JSON: the audit record of each run, as it was written.
    verify
        Check that no line of the records was changed, taken out or put in. Exit code 13 where one was.
    """
    store = run_store()
    if verify:
        return _verify(store, run)
    if json:
        names = [store.load(run).id] if run else [each.id for each in store.all()]
        records = {name: store.lines(name) for name in names}
        text = msgspec.json.format(msgspec.json.encode(records)).decode()
        write_out(for_json(text) + "\n", encoding="utf-8")
    else:
        write_out(render_run(store.load(run)) if run else render_runs(store.all()))
    return 0


def _verify(store: RunStore, run: str | None) -> int:
    """Reads every chain to its end; the first broken one is an EvidenceError."""
    for name in [store.load(run).id] if run else store.names():
        seal = store.seal(name)
        write_out(f"{name}  {seal.lines} lines, unbroken; its last hash is {seal.sha256}\n")
    return 0
