"""Causes that a living host does not show: laid out in the catalogue, judged from logs after a failure."""

from __future__ import annotations

from kvmedic.diagnose.verdicts import lacking
from kvmedic.model.finding import Cause, Judgement
from kvmedic.model.snapshot import Snapshot

ONLY_AFTER = "only the logs of a failure tell this; a living host does not show it"


def examine_living(_: Snapshot) -> Judgement:
    """The explicit answer of such a cause about a living host."""
    return lacking(ONLY_AFTER)


def after_failure(cause_id: str, title: str) -> Cause:
    """A cause of the catalogue that is judged only after a failure."""
    return Cause(id=cause_id, title=title, is_essential=False, judged="post-mortem", examine=examine_living)
