"""Remedies of domains: head-room, owners, canaries, and what forbids each of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from situations import inflated, marks, situation
from snapshots import GONE, cgroup, domain, level, meminfo, stranded

from kvmedic.errors import PreconditionFailedError, UsageError
from kvmedic.model.plan import Option, Plan, PowerCycle, RaiseCgroupLimit, RedefineDomain, SetBalloon
from kvmedic.plan.planner import compare, make_plan, recommended
from kvmedic.plan.situation import Situation
from kvmedic.units import GIB, MIB

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def planned(now: Situation, remedy: str) -> Plan:
    return make_plan(now, remedy, plan_id="p", now=NOW, version="0")


def option_of(now: Situation, remedy: str) -> Option:
    return next(option for option in compare(now) if option.remedy == remedy)


def kinds(made: Plan) -> list[type]:
    return [type(step.action) for step in made.steps]


def test_a_balloon_is_taken_out_in_this_order_and_bound_to_the_definition() -> None:
    made = planned(situation(wishes={"domain": "web-1", "with_power_cycle": True}), "disable-balloon")

    assert kinds(made) == [SetBalloon, RedefineDomain, PowerCycle]
    assert [step.is_disruptive for step in made.steps] == [False, False, True]
    assert made.domains[0].definition_digest == "digest-1"
    assert made.steps[0].action.actual_bytes == 8 * GIB


def test_without_the_wish_there_is_no_power_cycle() -> None:
    assert kinds(planned(situation(wishes={"domain": "web-1"}), "disable-balloon")) == [
        SetBalloon,
        RedefineDomain,
    ]


def test_of_several_domains_the_first_is_the_canary() -> None:
    now = situation(
        inflated("web-1"),
        inflated("web-2"),
        wishes={"domain": "web-2", "more_domains": ("web-1",)},
    )
    made = planned(now, "disable-balloon")

    assert [step.action.domain_name for step in made.steps] == ["web-2", "web-2", "web-1", "web-1"]
    assert {domain.name for domain in made.domains} == {"web-1", "web-2"}
    assert made.option.subject.name == "web-2"


@pytest.mark.parametrize("remedy", ["disable-balloon", "pin-memory", "enable-free-page-reporting"])
@pytest.mark.parametrize(
    "manager",
    ["nova", "ovirt", "kubevirt", "harvester", "proxmox", "cloudstack", "opennebula", "pacemaker", "by-hand"],
)
def test_a_definition_that_is_not_libvirts_is_left_alone_and_its_owners_way_told(
    remedy: str, manager: Any
) -> None:
    option = option_of(situation(inflated(managed_by=manager)), remedy)

    assert any(blocker.instead for blocker in option.blockers)
    with pytest.raises(PreconditionFailedError, match="is blocked") as refused:
        planned(situation(inflated(managed_by=manager)), remedy)
    assert str(refused.value.hint).startswith("The owner's own way: ")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"has_managed_save": True}, "managed-save image"),
        ({"is_persistent": False}, "transient"),
        ({"balloon_driver": "silent"}, "driver never answered"),
        ({"state": "paused"}, "paused"),
        ({"job": "backup"}, "a job is under way"),
        ({"rss_bytes": GONE}, "what the guest may touch is not known"),
    ],
)
def test_what_forbids_to_take_the_balloon_out(change: Any, said: str) -> None:
    option = option_of(situation(inflated(**change)), "disable-balloon")

    assert any(said in blocker.text for blocker in option.blockers)


@pytest.mark.parametrize(
    ("available", "swap", "is_open", "note"),
    [
        (40 * GIB, 0, True, "head-room: the guest may touch 2.0 GiB more"),
        (2 * GIB, 0, False, ""),
        (2 * GIB, 8 * GIB, True, "only with swap"),
    ],
)
def test_head_room_counts_available_memory_and_swap(
    available: int, swap: int, is_open: bool, note: str
) -> None:
    now = situation(memory_facts={"meminfo": meminfo(available, SwapFree=swap)})
    option = option_of(now, "deflate-balloon")

    assert (not option.blockers) == is_open
    assert any(note in text for text in option.notes) or not is_open


def test_head_room_is_that_of_all_domains_that_are_named() -> None:
    domains = (inflated("web-1"), inflated("web-2"))
    facts = {"meminfo": meminfo(5 * GIB, SwapFree=0)}
    one = situation(*domains, wishes={"domain": "web-1"}, memory_facts=facts)
    both = situation(*domains, wishes={"domain": "web-1", "more_domains": ("web-2",)}, memory_facts=facts)

    assert not option_of(one, "disable-balloon").blockers
    with pytest.raises(PreconditionFailedError, match="not enough head-room"):
        planned(both, "disable-balloon")


def test_hugetlb_memory_needs_no_head_room() -> None:
    now = situation(inflated(backing="hugetlb"), memory_facts={"meminfo": meminfo(1 * GIB, SwapFree=0)})

    assert not option_of(now, "deflate-balloon").blockers


def test_a_group_that_would_be_exceeded_forbids_to_deflate() -> None:
    group = cgroup(level(max_bytes=7 * GIB, usage_bytes=6 * GIB))
    option = option_of(situation(inflated(cgroup=group)), "deflate-balloon")

    assert any("its group" in blocker.text for blocker in option.blockers)


def test_a_target_below_what_the_guest_has_is_refused() -> None:
    option = option_of(situation(wishes={"target_bytes": 4 * GIB}), "deflate-balloon")

    assert any("never takes memory" in blocker.text for blocker in option.blockers)


def test_who_sets_balloons_by_himself_is_named() -> None:
    now = situation(host_marks=marks(auto_ballooners=("MOM (oVirt)",)))

    assert any("MOM (oVirt) runs here" in note for note in option_of(now, "deflate-balloon").notes)


@pytest.mark.parametrize("reason", ["hugetlb", "vfio", "vdpa", "sev"])
def test_reporting_is_refused_where_nothing_can_come_back(reason: str) -> None:
    option = option_of(situation(inflated(discards_inhibited_by=(reason,))), "enable-free-page-reporting")

    assert any(reason in blocker.text for blocker in option.blockers)


def test_a_limit_is_raised_to_the_maximum_and_the_overhead_that_shows() -> None:
    group = cgroup(level(max_bytes=8 * GIB))
    now = situation(inflated(cgroup=group, rss_bytes=8 * GIB), wishes={"domain": "web-1"})
    (step,) = planned(now, "raise-cgroup-limit").steps

    assert isinstance(step.action, RaiseCgroupLimit)
    assert step.action.hard_limit_bytes == 8 * GIB + 3 * GIB


@pytest.mark.parametrize("change", [{"max_bytes": None}, {"max_bytes": 64 * GIB}])
def test_a_limit_that_is_high_enough_or_none_is_no_option(change: Any) -> None:
    now = situation(inflated(cgroup=cgroup(level(**change))))

    assert "raise-cgroup-limit" not in {option.remedy for option in compare(now)}


def test_a_limit_of_a_group_with_other_guests_is_not_ours() -> None:
    group = cgroup(level(max_bytes=1 * GIB), qemu_pids=(4242, 4343))

    assert "raise-cgroup-limit" not in {
        option.remedy for option in compare(situation(inflated(cgroup=group)))
    }


def test_the_first_suggestion_is_the_gentlest_that_answers_something_and_is_open() -> None:
    one = inflated(stranded=(stranded(512 * MIB),))
    now = situation(one, causes=("balloon-stranded-memory",))
    locked = situation(
        inflated(stranded=(stranded(512 * MIB),), backing="hugetlb"), causes=("balloon-stranded-memory",)
    )

    assert getattr(recommended(compare(now)), "remedy", None) == "release-stranded-memory"
    assert getattr(recommended(compare(locked)), "remedy", None) == "tune-host"
    assert recommended(compare(situation(one))) is None


def test_compaction_is_not_known_to_take_any_time_until_it_was_measured_here() -> None:
    option = option_of(situation(), "compact-memory")

    assert option.forecast.takes_s.best is None
    assert option.forecast.contiguous_blocks.best is None


def test_realtime_tasks_on_isolated_cpus_forbid_a_compaction() -> None:
    now = situation(host_marks=marks(realtime_tasks=("ovs-pmd (77) on CPU 3",)))

    assert any("ovs-pmd" in blocker.text for blocker in option_of(now, "compact-memory").blockers)


def test_a_remedy_that_is_unknown_or_has_nothing_to_do_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="no remedy 'reboot-everything'"):
        planned(situation(), "reboot-everything")
    with pytest.raises(UsageError, match="deflate-balloon has nothing to do for web-1"):
        planned(situation(domain(), wishes={"domain": "web-1"}), "deflate-balloon")


@pytest.mark.parametrize("wishes", [{"domain": "db-9"}, {"domain": "web-1", "more_domains": ("db-9",)}])
def test_a_domain_that_is_named_and_not_there_is_said(wishes: Any) -> None:
    for ask in (compare, lambda now: planned(now, "disable-balloon")):
        with pytest.raises(UsageError, match="no running domain 'db-9' on this host"):
            ask(situation(wishes=wishes))


def test_of_several_domains_that_are_named_each_must_have_something_to_do() -> None:
    now = situation(
        inflated("web-1"), domain("web-2"), wishes={"domain": "web-1", "more_domains": ("web-2",)}
    )

    with pytest.raises(UsageError, match="deflate-balloon has nothing to do for web-2"):
        planned(now, "deflate-balloon")


def test_what_is_defined_already_is_not_proposed_again_but_its_power_cycle_is() -> None:
    waiting = inflated(pending_changes=("memballoon model: virtio → none", "vcpu: 1 → 2"))

    blocked = option_of(situation(waiting), "disable-balloon")
    open_one = option_of(situation(waiting, wishes={"with_power_cycle": True}), "disable-balloon")

    assert [b.text for b in blocked.blockers] == ["it is defined already, and waits for a power cycle"]
    assert "--power-cycle" in str(blocked.blockers[0].instead)
    assert open_one.blockers == ()
    assert "the power cycle brings this with it: vcpu: 1 → 2" in open_one.notes


def test_a_target_above_the_maximum_is_refused_and_not_quietly_lowered() -> None:
    option = option_of(situation(wishes={"target_bytes": 99 * GIB}), "deflate-balloon")

    assert "the guest's maximum is 8.0 GiB" in [b.text for b in option.blockers]


def test_pinning_does_not_come_back_by_the_next_start_and_swap_is_a_risk() -> None:
    short = {"meminfo": meminfo(1 * GIB, SwapFree=8 * GIB)}
    option = option_of(situation(memory_facts=short), "pin-memory")

    assert option.forecast.returns == "no, unless somebody inflates it again"
    assert option.risk == "medium"


def test_a_domain_named_twice_is_planned_once() -> None:
    twice = {"domain": "web-1", "more_domains": ("uuid-of-web-1",)}

    assert len(planned(situation(wishes=twice), "deflate-balloon").steps) == 1


def test_a_domain_that_does_not_run_is_told_from_one_that_is_not_there() -> None:
    off = inflated("web-2", state="shut off", is_running=False, pid=GONE)
    now = situation(inflated(), off, wishes={"domain": "web-2"})

    with pytest.raises(UsageError, match="'web-2' is shut off"):
        planned(now, "deflate-balloon")
