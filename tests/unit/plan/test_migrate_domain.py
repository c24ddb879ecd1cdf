"""migrate-domain: what forbids a move, which destination is the best one, what the action says."""

from __future__ import annotations

from typing import Any

import pytest
from fleet_samples import SILENT, busy, disk, fleet, there, view
from situations import inflated

from kvmedic.model.migration import CpuReply, DomainThere, HostMigrationMarks
from kvmedic.model.plan import MigrateDomain, Option
from kvmedic.plan.candidates import candidates
from kvmedic.plan.migration_blockers import nodes_of
from kvmedic.plan.remedies import migrate_domain
from kvmedic.plan.situation import Situation
from kvmedic.units import GIB, MIB


def option_of(now: Situation) -> Option:
    return migrate_domain.propose(now)[0]


def reasons(now: Situation) -> str:
    return "; ".join(found.text for found in option_of(now).blockers)


def action_of(now: Situation) -> MigrateDomain:
    found = migrate_domain.actions(now, option_of(now))[0]
    assert isinstance(found, MigrateDomain)
    return found


def test_a_guest_that_nothing_holds_goes_to_the_host_with_room() -> None:
    now = fleet()

    assert reasons(now) == ""
    assert action_of(now).destination_uri == "qemu+tcp://b/system"
    assert not action_of(now).with_post_copy
    assert not action_of(now).with_auto_converge


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"snapshots": 2}, "it has 2 snapshots"),
        ({"checkpoints": 1}, "it has 1 checkpoints"),
        ({"block_jobs": ("vda",)}, "a block job runs on vda"),
        ({"has_job": True}, "a job is under way"),
        ({"holds": ("a pci device of the host",)}, "a pci device of the host, which cannot move"),
        ({"disks": (disk(filesystem="ext2/ext3"),)}, "its disk vda is local"),
        ({"disks": (disk(cache="writeback"),)}, "cache mode writeback"),
        ({"disks": (disk(kind="block", cache=None, filesystem=None),)}, "cache mode default"),
        ({"host_uuid": "uuid-of-b"}, "same host UUID"),
        ({"maximum_bytes": 20 * GIB}, "the guest may use 20.2 GiB"),
        ({"hugepage_size_bytes": 2 * MIB}, "it needs 4096"),
        ({"is_shared_memory": True, "maximum_bytes": 900 * GIB}, "a migration takes up to"),
    ],
)
def test_what_holds_a_guest_is_told_before_anything_begins(changes: dict[str, Any], said: str) -> None:
    assert said in reasons(fleet(moves={"web-1": changes}))


def test_disks_that_nobody_writes_or_that_are_shared_safely_hold_nobody() -> None:
    disks = (
        disk(is_read_only=True, filesystem="ext2/ext3"),
        disk(source=None),
        disk(kind="network", cache=None),
    )

    assert reasons(fleet(moves={"web-1": {"disks": disks}})) == ""


def test_a_guest_of_nova_stays_and_novas_own_command_is_named() -> None:
    option = option_of(fleet(inflated(managed_by="nova")))

    assert option.blockers[0].instead == "openstack server migrate --live-migration INSTANCE"


@pytest.mark.parametrize("answer", ["incompatible", "error"])
def test_the_destinations_own_answer_to_the_cpu_counts(answer: Any) -> None:
    domain = inflated()
    reply = DomainThere(cpu=CpuReply(answer=answer, detail="why"), state=None, is_name_taken=False)
    facts = there((domain,), domains={str(domain.uuid): reply})

    assert "CPU" in reasons(fleet(domain, others=(view("b", facts),)))


def test_a_domain_that_is_there_already_or_whose_name_is_taken_does_not_come() -> None:
    domain = inflated()
    reply = DomainThere(cpu=CpuReply(answer="identical", detail=""), state="running", is_name_taken=True)
    said = reasons(fleet(domain, others=(view("b", there((domain,), domains={str(domain.uuid): reply})),)))

    assert "running on b already" in said
    assert "another domain of this name" in said


def test_a_cordoned_a_silent_and_no_destination_take_nobody() -> None:
    domain = inflated()
    marked = HostMigrationMarks(
        cordon="broken fan", has_migration_certificates=False, missing_files=(), questions={}
    )

    assert "cordoned: broken fan" in reasons(
        fleet(domain, others=(view("b", there((domain,)), marks=marked),))
    )
    assert "does not answer" in reasons(fleet(domain, others=(view("b", SILENT),)))
    assert "no destination is known" in reasons(fleet(domain, others=()))


def test_what_the_destinations_own_guests_may_still_touch_is_not_given_away() -> None:
    """Its own guest may still touch more than there is."""
    domain = inflated()
    greedy = inflated("db-1", memory_max_bytes=900 * GIB, rss_bytes=4 * GIB)
    full = view("b", there((domain,)), snapshot=busy(greedy))

    assert "has room for" in reasons(fleet(domain, others=(full,)))


def test_the_roomiest_calm_host_comes_first() -> None:
    domain = inflated()
    small = view("small", there((domain,), available_bytes=12 * GIB))
    large = view("large", there((domain,), available_bytes=30 * GIB))
    now = fleet(domain, others=(small, large))
    moving = migrate_domain.mobility_of(now, domain)
    assert moving is not None

    assert [found.view.name for found in candidates(now, moving)] == ["large", "small"]


def test_memory_is_encrypted_where_both_sides_can() -> None:
    certified = HostMigrationMarks(
        cordon=None, has_migration_certificates=True, missing_files=(), questions={}
    )
    domain = inflated()
    now = fleet(domain, others=(view("b", there((domain,)), marks=certified),), sight={"marks": certified})

    assert action_of(now).with_tls
    assert not action_of(fleet()).with_tls


def test_the_limit_is_the_smaller_one_of_operator_and_policy() -> None:
    now = fleet(policy={"bandwidth_mib_s": 50}, wishes={"bandwidth_mib_s": 200})

    assert action_of(now).bandwidth_mib_s == 50


@pytest.mark.parametrize(("text", "nodes"), [(None, set()), ("0-2,4", {0, 1, 2, 4}), ("3", {3}), ("", set())])
def test_lists_of_nodes_are_read(text: str | None, nodes: set[int]) -> None:
    assert nodes_of(text) == nodes
