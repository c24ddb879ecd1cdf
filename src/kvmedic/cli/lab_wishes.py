"""The words of ``kvmedic lab run`` that are about remedies and their measurement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter

from kvmedic.lab.results import Ground

Flag = Parameter(negative=())
OFTEN, ONCE = 2, 1


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class RemedyWishes:
    """What is measured, where and how often.

    Parameters
    ----------
    remedy
        Apply this remedy, and measure what it does. Named again: more, each in a fresh host.
    matrix
        Measure every remedy of every scenario (or of the one that is named); hours.
    ground
        Measure in a nested host (its own kernel and memory), or here, beside what runs. With all: here
        where that is enough.
    repeat
        Measure each so many times.
    cycles
        After a remedy, bring the same load so many times: does the failure return? 2; 1 with all.
    maps
        Keep the map of physical memory before and after each remedy, for the page of lab report.
    """

    remedy: Annotated[list[str] | None, Parameter(negative=())] = None
    matrix: Annotated[bool, Flag] = False
    ground: Ground | None = None
    repeat: int = 1
    cycles: int | None = None
    maps: Annotated[bool, Flag] = False

    def asks_for_remedies(self, scenario: str | None) -> bool:
        """Whether remedies are to be measured, and not one failure made and explained."""
        return bool(self.matrix or self.remedy or scenario == "all")

    def cycles_of(self, scenario: str | None) -> int:
        """How often the load comes again."""
        return self.cycles if self.cycles is not None else ONCE if scenario == "all" else OFTEN


NO_WISHES = RemedyWishes()
