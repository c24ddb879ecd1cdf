"""Did it help, and does it hold: before beside after, and the forecast beside what came."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from run_samples import option

from kvmedic.model.plan import Amount, Option
from kvmedic.model.run import Measure
from kvmedic.units import GIB, MIB
from kvmedic.verify.soak import soak_verdict
from kvmedic.verify.verdict import is_within, verify

STRANDED = "balloon-stranded-memory"


def measured(**changes: Any) -> Measure:
    ordinary = Measure(
        taken_at="t",
        mem_free_bytes=10 * GIB,
        mem_available_bytes=20 * GIB,
        stranded_bytes=512 * MIB,
        stranded_method="page-map",
        rss_bytes=4 * GIB,
        thp_bytes=2 * GIB,
        memcg_bytes=5 * GIB,
        actual_bytes=6 * GIB,
        page_cache_bytes=3 * GIB,
        swap_bytes=0,
        huge_blocks_free=100,
        unusable_index_huge=0.5,
        limit_bytes=None,
        balloon_model="virtio",
        pending_changes=(),
        settings={},
        memory_stall_us=0,
        findings=(),
        serious=(),
    )
    return msgspec.structs.replace(ordinary, **changes)


def release(promised: int = 512 * MIB) -> Option:
    plain = option(helps_against=(STRANDED,))
    amount = Amount(best=promised, low=promised, high=promised, basis="page-map")
    forecast = msgspec.structs.replace(plain.forecast, freed_bytes=amount)
    return msgspec.structs.replace(plain, forecast=forecast)


def test_what_was_forecast_stands_beside_what_came_with_its_error() -> None:
    verdict = verify(release(), measured(findings=(STRANDED,)), measured(stranded_bytes=51 * MIB))

    assert verdict.helped == "improved"
    assert verdict.measured_freed_bytes == 461 * MIB
    assert verdict.error_percent == pytest.approx(-9.96, abs=0.01)
    assert f"{STRANDED} is no longer found" in verdict.because


def test_nothing_given_back_is_unchanged() -> None:
    assert verify(release(), measured(), measured()).helped == "unchanged"


def test_what_cannot_be_measured_on_both_sides_is_undetermined() -> None:
    verdict = verify(release(), measured(), measured(stranded_bytes=None))

    assert verdict.helped == "undetermined"
    assert verdict.measured_freed_bytes is None


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"rss_bytes": 3 * GIB}, "resident memory"),
        ({"thp_bytes": 1 * GIB}, "huge pages"),
        ({"swap_bytes": 1 * GIB}, "swap"),
        ({"group_cache_bytes": 100 * MIB}, "file cache of its group"),
        ({"page_cache_bytes": 2 * GIB}, "page cache"),
    ],
)
def test_a_release_that_took_something_from_the_guest_did_not_help(change: Any, name: str) -> None:
    before = measured(group_cache_bytes=200 * MIB, findings=(STRANDED,))
    after = msgspec.structs.replace(before, stranded_bytes=0, findings=(), **change)

    verdict = verify(release(), before, after)

    assert verdict.helped == "worse"
    assert any(text.startswith(name) for text in verdict.because)


def test_what_the_balloon_took_meanwhile_is_no_loss() -> None:
    smaller = measured(stranded_bytes=0, rss_bytes=3 * GIB, thp_bytes=1 * GIB, actual_bytes=5 * GIB)

    assert verify(release(), measured(), smaller).helped == "improved"


def test_the_page_cache_of_the_whole_host_may_drift_and_a_reserve_is_taken_from_it() -> None:
    drifted = measured(stranded_bytes=0, page_cache_bytes=3 * GIB - 140 * MIB)
    paid = measured(page_cache_bytes=2 * GIB, settings={"proc/sys/vm/min_free_kbytes": "2"})

    assert verify(release(), measured(), drifted).helped == "improved"
    assert verify(option("tune-host"), measured(), paid).helped == "improved"


def test_half_a_percent_is_kept() -> None:
    verdict = verify(release(), measured(), measured(rss_bytes=4 * GIB - 20 * MIB, stranded_bytes=0))

    assert all(row.is_kept for row in verdict.kept)


def test_a_new_serious_finding_makes_it_worse_and_a_note_does_not() -> None:
    noted = measured(findings=("ksm-unsharing",))
    serious = measured(findings=("swap-thrashing",), serious=("swap-thrashing",))

    assert verify(release(), measured(), noted).helped == "unchanged"
    assert verify(release(), measured(), serious).helped == "worse"


@pytest.mark.parametrize(
    ("remedy", "change", "said"),
    [
        ("compact-memory", {"huge_blocks_free": 300}, "+200 free blocks of 2 MiB"),
        ("deflate-balloon", {"actual_bytes": 8 * GIB}, "the guest got 2.0 GiB"),
        ("raise-cgroup-limit", {"limit_bytes": 9 * GIB}, "the limit rose by 1.0 GiB"),
        ("disable-balloon", {"pending_changes": ("memballoon model: virtio → none",)}, "pending until"),
        ("disable-balloon", {"balloon_model": "none"}, "without a balloon device"),
        ("tune-host", {"settings": {"proc/sys/vm/x": "2"}}, "proc/sys/vm/x is 2 now"),
    ],
)
def test_a_remedy_that_promises_a_state_is_judged_by_it(remedy: str, change: Any, said: str) -> None:
    before = measured(limit_bytes=8 * GIB, settings={"proc/sys/vm/x": "1"})
    verdict = verify(option(remedy), before, msgspec.structs.replace(before, **change))

    assert verdict.helped == "improved"
    assert any(said in text for text in verdict.because)
    assert verify(option(remedy), before, before).helped == "unchanged"


def test_a_range_holds_what_lies_in_it() -> None:
    amount = Amount(best=None, low=10, high=20, basis="b")

    assert [is_within(amount, number) for number in (9, 10, 20, 21)] == [False, True, True, False]
    assert not is_within(Amount(best=None, low=None, high=None, basis="b"), 0)


def soaked(*seen: Measure, remedy: Option | None = None) -> tuple[str, tuple[str, ...]]:
    chosen = remedy or release()
    after = measured(stranded_bytes=0)
    return soak_verdict(chosen, verify(chosen, measured(findings=(STRANDED,)), after), seen)


def test_what_stays_away_held() -> None:
    assert soaked(measured(stranded_bytes=0), measured(stranded_bytes=10 * MIB))[0] == "held"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"stranded_bytes": 400 * MIB}, "400 MiB are stranded again"),
        ({"stranded_bytes": 0, "findings": (STRANDED,)}, f"{STRANDED} is found again"),
        ({"stranded_bytes": 0, "rss_bytes": 5 * GIB}, "rose by 1.0 GiB while the balloon stood still"),
    ],
)
def test_what_comes_back_is_said(change: Any, said: str) -> None:
    verdict, because = soaked(measured(stranded_bytes=0), measured(**change))

    assert verdict == "returned"
    assert any(said in text for text in because)


def test_watching_without_a_reading_is_undetermined() -> None:
    assert soaked()[0] == "undetermined"
    assert soaked(measured(mem_free_bytes=None, stranded_bytes=None))[0] == "undetermined"


def test_somebody_who_takes_the_memory_again_is_noticed() -> None:
    deflate = option("deflate-balloon")
    after = measured(actual_bytes=8 * GIB)

    verdict, because = soak_verdict(deflate, verify(deflate, measured(), after), [measured()])

    assert verdict == "returned"
    assert because == ("somebody took 2.0 GiB from the guest again",)
