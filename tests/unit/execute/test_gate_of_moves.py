"""The gate of plans that move guests away and reboot their host: what they change on purpose is no
surprise."""

from __future__ import annotations

from run_samples import CORDON, NOW, plan, step, world

from kvmedic.execute.gate import reasons_against
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.plan import MigrateDomain, RebootHost

MOVE = MigrateDomain(
    domain_uuid="u-1",
    domain_name="web-1",
    source_uri=None,
    destination_uri="qemu+tcp://b/system",
    migrate_uri=None,
    bandwidth_mib_s=None,
    max_downtime_ms=None,
    timeout_s=60.0,
    with_auto_converge=False,
    with_post_copy=False,
    persistent_balloon_none=False,
    with_tls=False,
    is_tunnelled=False,
    autostarts=False,
)
REBOOT = RebootHost(via="ssh", timeout_s=60.0, boot_id="boot-1")
STEPS = (step(1, CORDON), step(2, MOVE), step(3, REBOOT), step(4, CORDON))


def reasons(number: int, **changes: object) -> str:
    return "; ".join(reasons_against(STEPS[number - 1], plan(*STEPS), world(now=NOW, **changes)))


def test_a_domain_must_be_there_until_its_own_step_moved_it_away() -> None:
    assert "domain web-1 is gone" in reasons(2, domains=())
    assert reasons(3, domains=()) == ""


def test_another_boot_is_expected_after_the_plans_own_reboot_only() -> None:
    assert "was booted since" in reasons(2, boot_id="boot-2")
    assert reasons(4, boot_id="boot-2", domains=()) == ""
    assert "still in the boot" in reasons(4, domains=())


def test_a_host_that_cannot_be_read_gets_no_further_step() -> None:
    gone = Missing(source="ssh", reason=Reason.UNREACHABLE, detail="no route")

    assert "could not be read" in reasons(3, boot_id=gone, domains=())
    assert "could not be listed" in reasons(3, domains=gone)
