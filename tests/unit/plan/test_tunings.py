"""Settings that answer what was found: in steps, capped by each node, in the safe order, owners respected."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from situations import inflated, marks, owner, situation
from snapshots import PAGE, TOTAL, host, stranded, thp, zone

from kvmedic.model.plan import PersistTunables, WriteTunable
from kvmedic.plan.planner import compare
from kvmedic.plan.remedies import release_stranded_memory, tune_host
from kvmedic.plan.situation import Situation
from kvmedic.plan.tunings import MAX_PTES_NONE, SHRINK_UNDERUSED, tunings
from kvmedic.units import KIB, MIB

STRANDED = ("balloon-stranded-memory",)
RESERVE = ("atomic-reserve-low",)


def paths(of: Situation) -> list[str]:
    return [tuning.path.rpartition("/")[2] for tuning in tunings(of)]


def test_nothing_found_is_nothing_tuned() -> None:
    assert tune_host.propose(situation()) == ()


def test_shrink_underused_goes_first_where_the_kernel_has_it() -> None:
    old = situation(causes=STRANDED)
    new = situation(causes=STRANDED, memory_facts={"thp": thp(shrink_underused="1")})

    assert paths(old) == ["max_ptes_none"]
    assert paths(new) == ["shrink_underused", "max_ptes_none"]


@pytest.mark.parametrize("settings", [{"enabled": "never"}, {"max_ptes_none": "0", "shrink_underused": "0"}])
def test_what_is_off_or_set_already_is_not_proposed(settings: dict[str, str]) -> None:
    assert paths(situation(causes=STRANDED, memory_facts={"thp": thp(**settings)})) == []


def kinds_of_a_tuned_release(**settings: str) -> list[str]:
    now = situation(
        inflated(stranded=(stranded(512 * MIB),)),
        causes=STRANDED,
        wishes={"with_tune_host": True},
        memory_facts={"thp": thp(**settings)},
    )
    (option,) = release_stranded_memory.propose(now)

    assert option.forecast.returns.startswith("no")
    return [
        action.path if isinstance(action, WriteTunable) else str(action.__struct_config__.tag)
        for action in release_stranded_memory.actions(now, option)
    ]


def test_a_release_with_tuning_stands_between_the_two_settings() -> None:
    kinds = kinds_of_a_tuned_release(shrink_underused="1")

    assert kinds == [SHRINK_UNDERUSED, "release-stranded", MAX_PTES_NONE, "persist-tunables"]


@pytest.mark.parametrize("settings", [{}, {"shrink_underused": "0"}])
def test_khugepaged_is_stopped_before_a_release_where_nothing_splits_full_pages(
    settings: dict[str, str],
) -> None:
    kinds = kinds_of_a_tuned_release(**settings)

    assert kinds == [MAX_PTES_NONE, "release-stranded", "persist-tunables"]


def test_a_reserve_rises_in_steps_each_expecting_the_one_before() -> None:
    now = situation(causes=RESERVE, host=host(sysctls={"vm.min_free_kbytes": "67584"}))
    (option,) = tune_host.propose(now)
    writes = [action for action in tune_host.actions(now, option) if isinstance(action, WriteTunable)]

    assert [write.expected for write in writes] == ["67584", *(write.value for write in writes[:-1])]
    assert writes[-1].value == str(2 * 67584)
    for write in writes:
        assert int(write.value) <= int(write.expected) * 1.5


@given(now=st.integers(1, 10_000_000), free=st.integers(0, TOTAL // PAGE))
def test_no_node_gives_more_than_a_quarter_of_what_it_has_free(now: int, free: int) -> None:
    of = situation(
        causes=RESERVE,
        host=host(sysctls={"vm.min_free_kbytes": str(now)}),
        memory_facts={"zones": (zone(free=free),)},
    )
    for tuning in tunings(of):
        rise = (int(tuning.aim) - now) * KIB
        assert 0 < rise <= free * PAGE / 4
        assert all(int(a) < int(b) for a, b in pairwise((str(now), *tuning.steps)))


def test_defrag_mode_is_proposed_only_where_the_kernel_has_it() -> None:
    sysctls = {"vm.compaction_proactiveness": "20"}

    without = situation(causes=("memory-fragmented",), host=host(sysctls=sysctls))
    having = situation(causes=("memory-fragmented",), host=host(sysctls={**sysctls, "vm.defrag_mode": "0"}))

    assert paths(without) == ["compaction_proactiveness"]
    assert paths(having) == ["compaction_proactiveness", "defrag_mode"]


def test_what_somebody_else_sets_at_boot_is_named_and_left_to_him() -> None:
    now = situation(
        causes=("memory-fragmented",),
        host=host(sysctls={"vm.compaction_proactiveness": "20", "vm.defrag_mode": "0"}),
        host_marks=marks(
            setting_owners=(owner("vm.compaction_proactiveness"),), configuration_managers=("puppet (/etc)",)
        ),
    )
    (option,) = tune_host.propose(now)
    (file,) = [a for a in tune_host.actions(now, option) if isinstance(a, PersistTunables)]

    assert "vm.defrag_mode = 1" in file.content
    assert "compaction_proactiveness" not in file.content
    assert any("/etc/sysctl.d/50-site.conf" in note for note in option.notes)
    assert any("puppet" in note for note in option.notes)


def test_an_active_tuned_profile_owns_what_is_set_at_boot() -> None:
    now = situation(causes=STRANDED, host_marks=marks(tuned_profile="virtual-host"))
    (option,) = tune_host.propose(now)

    assert not [a for a in tune_host.actions(now, option) if isinstance(a, PersistTunables)]
    assert any("tuned profile virtual-host" in note for note in option.notes)


def test_every_setting_is_told_with_its_reason_and_cost() -> None:
    (option,) = [o for o in compare(situation(causes=STRANDED)) if o.remedy == "tune-host"]

    assert any("511 → 0: khugepaged refills" in note and "costs: host-wide" in note for note in option.notes)
