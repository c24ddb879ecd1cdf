"""Evidence made of sample folders, and domains with nothing known but what a test says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from kvmedic.model.domain import DomainFacts, ProcessFacts
from kvmedic.model.evidence import Evidence, Target
from kvmedic.model.gap import Missing, Reason

KERNELS = Path(__file__).parents[2] / "data" / "kernels"
UNKNOWN = Missing(source="test", reason=Reason.NOT_COLLECTED, detail="not said by this test")


def files_of(kernel: str) -> dict[str, bytes]:
    """Every file of a sample folder by its path."""
    root = KERNELS / kernel
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def evidence(
    files: Mapping[str, bytes | Missing],
    again: Mapping[str, bytes | Missing] | None = None,
    interval_s: float | Missing = UNKNOWN,
) -> Evidence:
    """Evidence of a bundle named "sample"."""
    return Evidence(
        target=Target(kind="bundle", name="sample"),
        taken_at=UNKNOWN,
        interval_s=interval_s,
        files=files,
        again=again or {},
    )


def process(**known: object) -> ProcessFacts:
    """A process of which only ``known`` is known."""
    fields = dict.fromkeys(ProcessFacts.__struct_fields__, UNKNOWN)
    return ProcessFacts(**{**fields, **known})  # type: ignore[arg-type]


def domain(**known: object) -> DomainFacts:
    """A running domain of which only ``known`` is known."""
    fields = {**dict.fromkeys(DomainFacts.__struct_fields__, UNKNOWN), "name": "d", "is_running": True}
    return DomainFacts(**{**fields, **known})  # type: ignore[arg-type]
