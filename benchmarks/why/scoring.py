"""Figures from answers: accuracy with its interval, calibration, confusion. Pure arithmetic."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import sqrt

from kvmedic.model.record import Record

NOTHING = "(nothing)"
BUCKETS = ((0.9, 1.01, "proven"), (0.6, 0.9, "likely"), (0.0, 0.6, "possible"))


class Answer(Record, frozen=True, kw_only=True):
    """What ``why`` said about one incident in one form."""

    name: str
    form: str
    truth: str
    also: tuple[str, ...]
    held_out: bool
    has_decoys: bool
    causes: tuple[str, ...]
    confidences: tuple[float, ...]
    seconds: float

    @property
    def top(self) -> str:
        """The first cause."""
        return self.causes[0] if self.causes else NOTHING

    @property
    def is_strictly_right(self) -> bool:
        """The first cause is the truth, by its first name."""
        return self.top == self.truth

    @property
    def is_right(self) -> bool:
        """The first cause is the truth, by any of its names."""
        return self.top == self.truth or self.top in self.also

    @property
    def is_in_three(self) -> bool:
        """The truth is among the first three."""
        named = self.causes[:3] or (NOTHING,)
        return self.truth in named or any(cause in named for cause in self.also)

    @property
    def is_wrong_and_sure(self) -> bool:
        """A wrong first cause, called proven."""
        return bool(self.causes) and not self.is_right and self.confidences[0] >= 0.9


def wilson(right: int, total: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % interval of a share (E. B. Wilson 1927)."""
    if not total:
        return (0.0, 1.0)
    share, spread = right / total, z * z / total
    middle = (share + spread / 2) / (1 + spread)
    half = z * sqrt(share * (1 - share) / total + spread / (4 * total)) / (1 + spread)
    return (max(middle - half, 0.0), min(middle + half, 1.0))


def summary(title: str, answers: Sequence[Answer]) -> list[str]:
    """The lines of one set of answers."""
    total = len(answers)
    if not total:
        return [f"{title}: none"]
    rows = [f"{title}: {total} answers"]
    for name, right in (
        ("top-1", sum(answer.is_right for answer in answers)),
        ("top-1, first name of the truth only", sum(answer.is_strictly_right for answer in answers)),
        ("top-3", sum(answer.is_in_three for answer in answers)),
    ):
        low, high = wilson(right, total)
        rows.append(
            f"  {name:38} {right:3}/{total:<3} {right / total:6.1%}   95 % interval {low:.1%} to {high:.1%}"
        )
    rows.append(f"  wrong though proven (>= 0.9)           {sum(a.is_wrong_and_sure for a in answers)}")
    return rows


def calibration(answers: Sequence[Answer]) -> list[str]:
    """For each word of confidence: how often the first cause was right."""
    rows = ["calibration of the first cause:"]
    for low, high, word in BUCKETS:
        said = [a for a in answers if a.causes and low <= a.confidences[0] < high]
        if not said:
            rows.append(f"  {word:9} never said")
            continue
        mean = sum(a.confidences[0] for a in said) / len(said)
        right = sum(a.is_right for a in said)
        rows.append(f"  {word:9} said {len(said):3} times, mean {mean:.2f}, right {right / len(said):.1%}")
    return rows


def confusion(answers: Sequence[Answer]) -> list[str]:
    """Truth and answer, where they differ first, then where they agree."""
    pairs = Counter((a.truth, a.top, a.is_right) for a in answers)
    rows = ["confusion (truth -> first cause):"]
    for (truth, top, is_right), count in sorted(pairs.items(), key=lambda item: (item[0][2], item[0])):
        rows.append(f"  {'ok   ' if is_right else 'WRONG'} {count:3}  {truth} -> {top}")
    return rows
