"""evacuate-host and reboot-host: places, order, what forbids them, and the steps they make."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from fleet_samples import NO_MARKS, SILENT, fleet, there, view
from situations import inflated

from kvmedic.model.gap import Missing, Reason
from kvmedic.model.migration import HostMigrationMarks
from kvmedic.model.plan import MarkCordon, MigrateDomain, Plan, RebootHost, ShutDownDomain
from kvmedic.model.policy import FleetHost
from kvmedic.plan.evacuation_order import evacuation
from kvmedic.plan.planner import make_plan
from kvmedic.plan.remedies import evacuate_host, reboot_host
from kvmedic.plan.runbook import runbook
from kvmedic.plan.situation import Situation
from kvmedic.units import GIB

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
PAIR = (inflated("web-1"), inflated("db-1", memory_max_bytes=12 * GIB))
HELD = {"web-1": {"snapshots": 1}}


def reasons(now: Situation) -> str:
    return "; ".join(found.text for found in evacuate_host.propose(now)[0].blockers)


def planned(now: Situation, remedy: str) -> Plan:
    return make_plan(now, remedy, plan_id="p", now=NOW, version="0")


def roomy(*domains: Any, **changes: Any) -> Any:
    return view("b", there(domains, total_bytes=128 * GIB, available_bytes=100 * GIB), **changes)


def test_the_cordon_comes_first_and_then_each_guest() -> None:
    made = planned(fleet(*PAIR, others=(roomy(*PAIR),)), "evacuate-host")

    assert [type(step.action) for step in made.steps] == [MarkCordon, MigrateDomain, MigrateDomain]
    assert made.hosts[0].uri == "qemu+tcp://a/system"
    assert [step.is_disruptive for step in made.steps] == [False, True, True]


def test_guests_are_placed_at_their_maximum_and_tightly() -> None:
    """12 GiB fit in the small host; 8 more do not, and go to the large one."""
    small = view("small", there(PAIR, available_bytes=14 * GIB))
    placed = evacuation(fleet(*PAIR, others=(small, roomy(*PAIR))))

    assert {p.domain.name: p.candidate.view.name for p in placed if p.candidate} == {
        "db-1": "small",
        "web-1": "b",
    }


def test_two_guests_that_fit_alone_and_not_together_are_not_both_promised_a_place() -> None:
    only = view("b", there(PAIR, available_bytes=14 * GIB))

    assert "web-1: b has room for" in reasons(fleet(*PAIR, others=(only,)))


def test_the_policy_says_who_leaves_first() -> None:
    others = (roomy(*PAIR),)

    assert evacuation(fleet(*PAIR, others=others))[0].domain.name == "db-1"
    first = evacuation(fleet(*PAIR, others=others, policy={"evacuate_first": ("web-1",)}))
    assert first[0].domain.name == "web-1"


def test_guests_whose_move_takes_memory_here_wait_for_the_room_that_others_leave() -> None:
    moves = {"db-1": {"is_shared_memory": True}}
    placed = evacuation(fleet(*PAIR, others=(roomy(*PAIR),), moves=moves))

    assert [p.domain.name for p in placed] == ["web-1", "db-1"]


def test_who_cannot_move_is_shut_down_only_where_the_policy_allows_it() -> None:
    others = (roomy(*PAIR),)
    assert "web-1: it has 1 snapshots" in reasons(fleet(*PAIR, others=others, moves=HELD))

    made = planned(
        fleet(*PAIR, others=others, moves=HELD, policy={"may_shut_down": ("web-1",)}), "evacuate-host"
    )
    assert [type(step.action) for step in made.steps] == [MarkCordon, MigrateDomain, ShutDownDomain]


def test_a_domain_of_another_manager_is_never_shut_down() -> None:
    guest = inflated(managed_by="pacemaker")
    said = reasons(fleet(guest, others=(roomy(guest),), policy={"may_shut_down": ("*",)}))

    assert "pacemaker owns this domain" in said


def test_no_beneficial_move_is_said_plainly() -> None:
    assert "no beneficial move" in reasons(fleet(*PAIR, others=(view("b", SILENT),)))


def asking(key: str) -> HostMigrationMarks:
    """A host whose marks raise this question."""
    return msgspec.structs.replace(NO_MARKS, questions={key: "a mark"})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"is_local": True}, "cannot nurse itself"),
        ({"policy": {"least_healthy_hosts": 2}}, "the policy wants 2 to stay"),
        ({"policy": {"protected_domains": ("web-1",)}}, "web-1 is protected"),
        ({"sight": {"marks": asking("ceph-noout-set")}}, "is noout set"),
        ({"sight": {"controller_uuid": "uuid-of-web-1"}}, "this machine is a guest of that host"),
        (
            {"sight": {"marks": Missing(source="ssh", reason=Reason.UNREACHABLE, detail="")}},
            "could not be read",
        ),
    ],
)
def test_every_doubt_closes_the_way(changes: dict[str, Any], said: str) -> None:
    assert said in reasons(fleet(**changes))


def test_a_question_is_settled_by_the_policys_word_alone() -> None:
    asked = {"marks": asking("ha-maintenance-on")}

    assert "maintenance mode" in reasons(fleet(sight=asked, policy={"answers": {"ha-maintenance-on": False}}))
    assert reasons(fleet(sight=asked, policy={"answers": {"ha-maintenance-on": True}})) == ""


def test_one_host_at_a_time() -> None:
    domain = inflated()
    marked = HostMigrationMarks(
        cordon="kvmedic reboot-host", has_migration_certificates=False, missing_files=(), questions={}
    )
    others = (view("b", there((domain,))), view("c", there((domain,)), marks=marked))

    assert "one host at a time: c is cordoned" in reasons(fleet(domain, others=others))


def test_a_reboot_lifts_the_cordon_only_after_the_host_is_back() -> None:
    made = planned(fleet(), "reboot-host")
    actions = [step.action for step in made.steps]

    assert [type(action) for action in actions] == [MarkCordon, MigrateDomain, RebootHost, MarkCordon]
    assert isinstance(actions[0], MarkCordon)
    assert isinstance(actions[3], MarkCordon)
    assert (actions[0].is_cordoned, actions[3].is_cordoned) == (True, False)
    assert isinstance(actions[2], RebootHost)
    assert actions[2].boot_id == made.hosts[0].boot_id


def test_guests_come_home_from_where_they_went_where_that_was_asked_for() -> None:
    home = FleetHost(name="a", uri="qemu+tcp://a/system", ssh="ssh://root@a", migrate_uri="tcp://a")
    made = planned(fleet(wishes={"with_return": True}, policy={"hosts": (home,)}), "reboot-host")
    back = made.steps[-1].action

    assert isinstance(back, MigrateDomain)
    assert (back.source_uri, back.destination_uri) == ("qemu+tcp://b/system", "qemu+tcp://a/system")


def test_an_empty_host_can_be_rebooted() -> None:
    now = fleet()
    empty = msgspec.structs.replace(now, snapshot=msgspec.structs.replace(now.snapshot, domains=()))

    assert reboot_host.propose(empty)[0].blockers == ()
    assert evacuate_host.propose(empty) == ()


def test_the_patient_gets_a_runbook_with_a_command_for_each_guest() -> None:
    text = runbook(fleet(inflated("web-1"), inflated("vm-2", managed_by="proxmox")), "reboot-host")

    assert "virsh migrate web-1 qemu+ssh://root@DESTINATION/system --live --p2p --persistent" in text
    assert "qm migrate VMID TARGETNODE --online" in text
    assert "Nothing was changed" in text
