"""Many experiments one after the other: scenario × remedy, or each scenario with its own remedy."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from kvmedic.errors import KvmedicError, UsageError
from kvmedic.lab.experiment import Wanted, check_wanted, run_experiment
from kvmedic.lab.experiment_remedies import NOT_HERE, REMEDIES
from kvmedic.lab.experiment_trial import SAFE_HERE
from kvmedic.lab.results import Ground, Result, numbered, save_pictures, save_result
from kvmedic.units import human_seconds

Say = Callable[[str], None]
GUESS_S: Mapping[Ground, int] = {"nested": 240, "here": 80}
"""One experiment on two CPUs under software emulation, before any has told."""
OWN_REMEDY: Mapping[str, str] = {
    "undone": "tune-and-inflate-again",
    "tug-of-war": "compact-memory",
    "shredded": "compact-memory",
    "stranded": "release-stranded-memory",
    "hugetlb": "deflate-balloon",
    "over-inflated": "deflate-balloon",
}
"""The remedy for the scenario's own cause, what takes longest first. The others leave nothing to be repaired,
only to be explained."""
OWN_GROUND: Mapping[str, Ground] = {name: "here" if name in SAFE_HERE else "nested" for name in OWN_REMEDY}
"""Where a private libvirt on this kernel is enough, it is many times quicker."""
BALLOON = ("do-nothing", "reboot-the-guest", "reboot-host", "disable-balloon", "deflate-balloon")
MATRIX: Mapping[str, tuple[str, ...]] = {
    "stranded": tuple(remedy for remedy in REMEDIES if remedy != "tune-and-inflate-again"),
    "undone": tuple(REMEDIES),
    "shredded": (*BALLOON, "compact-memory", "free-page-reporting"),
    "tug-of-war": ("do-nothing", "reboot-host", "compact-memory", "deflate-balloon"),
    "over-inflated": BALLOON,
    "hugetlb": ("do-nothing", "disable-balloon", "deflate-balloon"),
}


def matrix(
    scenarios: Sequence[str],
    remedies: Sequence[str],
    *,
    ground: Ground,
    kernel: str | None,
    repeat: int,
    cycles: int,
    variant: int = 0,
    has_maps: bool = False,
    keeps_host: bool = False,
) -> list[Wanted]:
    """Every wanted combination, all of one round before the next. No names: the whole matrix."""
    rows = [
        Wanted(
            scenario=scenario,
            remedy=remedy,
            repetition=repetition,
            ground=ground,
            kernel=kernel,
            cycles=cycles,
            variant=variant,
            has_maps=has_maps,
            keeps_host=keeps_host,
        )
        for repetition in range(1, repeat + 1)
        for scenario in scenarios or MATRIX
        for remedy in remedies or MATRIX.get(scenario, ("do-nothing",))
    ]
    if ground == "here" and not (scenarios and remedies):
        rows = [row for row in rows if row.scenario in SAFE_HERE and row.remedy not in NOT_HERE]
    for row in rows:
        check_wanted(row)
    return rows


def run_all(rows: Sequence[Wanted], save: Path | None, say: Say) -> Iterator[Result]:
    """Run them; one that does not come about is told, and the next one runs. Results are saved at once."""
    began, done = time.monotonic(), 0
    for number, row in enumerate(rows):
        each = (time.monotonic() - began) / done if done else GUESS_S[row.ground]
        say(f"[{number + 1} of {len(rows)}, about {human_seconds(each * (len(rows) - number))} left]")
        if (result := run_one(row, save, say)) is not None:
            done += 1
            yield result


def run_one(row: Wanted, save: Path | None, say: Say) -> Result | None:
    """Run one and save it. None, and the reason is told, when it does not come about."""
    try:
        ended = run_experiment(row, say)
    except UsageError:
        raise
    except KvmedicError as error:
        say(f"{row.scenario} × {row.remedy}: FAILED {error.message}")
        return None
    if save is None:
        return ended.result
    result = numbered(ended.result, save)
    say(f"saved {save_result(result, save)}")
    save_pictures(result, ended.pictures, save)
    return result
