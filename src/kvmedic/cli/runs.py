"""``kvmedic runs``."""

from __future__ import annotations

from typing import Annotated

import msgspec
from cyclopts import Parameter

from kvmedic.cli.terminal import write_out
from kvmedic.render.plan_text import render_run, render_runs
from kvmedic.wiring import run_store


def runs(run: str | None = None, *, json: Annotated[bool, Parameter(negative=())] = False) -> int:
    """List what was done on this host: by whom, when, with what effect. Restarts nothing.

    Parameters
    ----------
    run
        Show this run with every entry.
    json
        As JSON: the audit record of each run, as it was written.
    """
    store = run_store()
    if json:
        names = [run] if run else [each.id for each in store.all()]
        records = {name: store.lines(name) for name in names}
        write_out(msgspec.json.format(msgspec.json.encode(records)).decode() + "\n", encoding="utf-8")
    else:
        write_out(render_run(store.load(run)) if run else render_runs(store.all()))
    return 0
