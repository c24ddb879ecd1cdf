"""The verb capture: evidence of a host as a bundle that a colleague can check elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from kvmedic.derive.bundle import bundle_of_evidence
from kvmedic.derive.pseudonyms import with_pseudonyms
from kvmedic.model.evidence import Evidence
from kvmedic.model.gap import Missing
from kvmedic.model.request import CollectRequest
from kvmedic.ports import EvidenceSource, Progress


class BundleContents(NamedTuple):
    """What a bundle will hold, to be shown before it is written."""

    host: str
    taken_at: float | None
    files: Mapping[str, bytes]

    def listing(self) -> list[tuple[str, int]]:
        """(name, bytes) of each file, in the order of the bundle."""
        return [(path, len(data)) for path, data in self.files.items()]

    def size_bytes(self) -> int:
        """All files together, before compression."""
        return sum(map(len, self.files.values()))


def prepare_capture(
    source: EvidenceSource,
    request: CollectRequest,
    progress: Progress,
    *,
    tool_version: str,
    pseudonym_key: bytes | None,
) -> BundleContents:
    """Collect, and choose by allow-list what a bundle may hold. Nothing is written.

    With a key, names and addresses are replaced; the same key gives the same pseudonyms.
    """
    evidence = source.collect(request, progress)
    return contents_of(
        evidence, tool_version=tool_version, is_deep=request.is_deep, pseudonym_key=pseudonym_key
    )


def contents_of(
    evidence: Evidence, *, tool_version: str, is_deep: bool, pseudonym_key: bytes | None
) -> BundleContents:
    """The bundle of evidence that is already there."""
    shown = evidence if pseudonym_key is None else with_pseudonyms(evidence, pseudonym_key)
    files = bundle_of_evidence(shown, tool_version=tool_version, is_deep=is_deep)
    taken_at = None if isinstance(shown.taken_at, Missing) else shown.taken_at
    return BundleContents(host=shown.target.name, taken_at=taken_at, files=files)
