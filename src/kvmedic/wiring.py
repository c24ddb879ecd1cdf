"""The composition root: the only module that names concrete adapters."""

from __future__ import annotations

from kvmedic.ports import EvidenceSource


def open_source(target: str | None) -> EvidenceSource:
    """The source of evidence that ``target`` names; nothing means this host."""
    from kvmedic.adapters.targets import open_target  # noqa: PLC0415  keeps --help quick

    return open_target(target)
