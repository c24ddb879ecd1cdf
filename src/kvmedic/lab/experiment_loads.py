"""The load that made a failure, brought again after the remedy; and how one sees that the failure is back."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kvmedic.lab.experiment_trial import Trial
from kvmedic.lab.results import Reading
from kvmedic.lab.scenarios.undone import let_khugepaged_run
from kvmedic.model.record import Record
from kvmedic.units import MIB

SMALLEST = 16 * MIB


class Load(Record, frozen=True, kw_only=True):
    """``bring`` says whether the failure came, or None: then two readings tell."""

    bring: Callable[[Trial], bool | None]
    is_back: Callable[[Reading, Reading], bool]


def inflate_again(trial: Trial) -> None:
    """Give everything back, let the guest fragment its memory anew, and inflate to where it was."""
    wish = trial.guest.wish
    if trial.guest.actual_bytes() < wish.memory_mib * MIB:
        trial.guest.set_balloon(wish.memory_mib, timeout_s=300)
    for order in wish.orders:
        trial.guest.agent.ask_or_fail(order, timeout_s=120)
    trial.guest.set_balloon(trial.target_mib, timeout_s=300)


def inflate_and_scan(trial: Trial) -> None:
    """As ``inflate_again``; then khugepaged runs without pauses, as in the scenario."""
    inflate_again(trial)
    let_khugepaged_run(trial.stage)


def pull_again(trial: Trial) -> None:
    """Two guests change places, there and back; what they strand is released each time."""
    sizes = [guest.actual_bytes() // MIB for guest in trial.guests]
    for turn in (sizes[::-1], sizes):
        for guest, size in sorted(zip(trial.guests, turn, strict=True), key=lambda pair: pair[1]):
            guest.set_balloon(size, timeout_s=200)
        trial.sh("echo 2 > /proc/sys/vm/drop_caches")


def use_again(trial: Trial) -> bool:
    """The guest uses its working set again; whether its kernel kills for it."""
    killed = _guest_kills(trial)
    trial.guest.agent.ask("fill 200", timeout_s=60)
    return _guest_kills(trial) > killed


def _guest_kills(trial: Trial) -> int:
    answer = trial.guest.agent.ask("sh dmesg | grep -c 'Out of memory'", timeout_s=60)
    return int(answer.lines[0]) if answer.lines else 0


def _is_stranded(before: Reading, now: Reading) -> bool:
    return (now.stranded_bytes or 0) >= max((before.stranded_bytes or 0) / 2, SMALLEST)


def _is_undone(before: Reading, now: Reading) -> bool:
    """The host is again without what the balloon took: half as much over ``actual`` as before, or more.

    Charged memory, not RSS: where khugepaged fills nothing any more, the same memory may be stranded instead.
    """
    return _over(now) >= max(_over(before) / 2, SMALLEST)


def _over(reading: Reading) -> int:
    return max((reading.charged_bytes or 0) - (reading.actual_bytes or 0), 0)


def _is_shredded(before: Reading, now: Reading) -> bool:
    return now.unusable_percent >= before.unusable_percent - 5


def _is_inflated(_before: Reading, now: Reading) -> bool:
    """Whatever such a balloon takes, the host gets none of it."""
    return (now.maximum_bytes or 0) - (now.actual_bytes or 0) >= SMALLEST


LOADS: Mapping[str, Load] = {
    "stranded": Load(bring=inflate_again, is_back=_is_stranded),
    "undone": Load(bring=inflate_and_scan, is_back=_is_undone),
    "shredded": Load(bring=inflate_again, is_back=_is_shredded),
    "tug-of-war": Load(bring=pull_again, is_back=_is_shredded),
    "over-inflated": Load(bring=use_again, is_back=_is_inflated),
    "hugetlb": Load(bring=inflate_again, is_back=_is_inflated),
}
