"""Remedies on another kernel: a nested host with cgroup version 2, huge pages always, and a KVM guest."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
from tests.live.kvmedic_command import KVMEDIC

from kvmedic.lab.domain_xml import GuestWish
from kvmedic.lab.guest import Guest, start_guest
from kvmedic.lab.nested_host import NestedHost
from kvmedic.units import GIB, MIB

pytestmark = pytest.mark.live

STATE = "/tmp/kvmedic-state"
HALF_INFLATED_TO_MIB, INFLATED_TO_MIB = 890, 760
FALL_BACK = """
import errno, json, sys
from kvmedic.adapters.release_actor import ReleaseActor
from kvmedic.model.plan import Plan
from kvmedic.model.run import Intent
from kvmedic.wiring_act import page_map_request_for
import msgspec

def no_such_call(pidfd, ranges):
    raise OSError(errno.ENOSYS, "Function not implemented")

step = msgspec.json.decode(open(sys.argv[1], "rb").read(), type=Plan).steps[0]
actor = ReleaseActor(page_map_request_for(), no_such_call)
before = actor.look(step, None)
intent = Intent(step=1, at="t", before=before.facts, restores=before.restores)
actor.act(step, intent, lambda *_: None)
after = actor.look(step, intent)
print(json.dumps({"before": before.facts, "after": after.facts, "restores": before.restores,
                  "is_reached": after.is_reached}))
"""


@pytest.fixture(scope="module")
def guest(nested_host: NestedHost) -> Iterator[Guest]:
    """A fragmented guest whose balloon took 134 MiB."""
    with start_guest(nested_host, "remedied", GuestWish(memory_mib=1024, orders=("punch 600",))) as started:
        started.wait_until_ready(timeout_s=500)
        started.set_balloon(HALF_INFLATED_TO_MIB, timeout_s=400)
        yield started


def kvmedic(host: NestedHost, *words: str) -> str:
    """A command inside, by the hour if need be: Python under emulation is slow."""
    command = f"KVMEDIC_STATE={STATE} {shlex.join([str(KVMEDIC), *words])}"
    return host.run_or_fail(command, timeout_s=500)


def test_without_process_madvise_its_own_group_is_asked_and_nothing_else_moves(
    nested_host: NestedHost, guest: Guest
) -> None:
    kvmedic(
        nested_host,
        "plan",
        "--remedy",
        "release-stranded-memory",
        "--domain",
        guest.name,
        "-o",
        "/tmp/plan.json",
    )
    script = nested_host.put("fall_back.py", FALL_BACK.encode())
    python = KVMEDIC.with_name("python")
    said = nested_host.run_or_fail([str(python), str(script), "/tmp/plan.json"], timeout_s=500)
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
    before, after = found["before"], found["after"]

    assert before["stranded_bytes"] > 100 * MIB
    assert after["stranded_bytes"] <= 0.1 * before["stranded_bytes"]
    assert after["rss_bytes"] == pytest.approx(before["rss_bytes"], rel=0.02)
    assert after["swap_bytes"] == 0
    assert found["restores"] == {"swap_max": "max"}


def test_a_release_and_the_tuning_that_keeps_it_on_another_kernel(
    nested_host: NestedHost, guest: Guest
) -> None:
    guest.set_balloon(INFLATED_TO_MIB, timeout_s=400)
    words = (
        "--remedy",
        "release-stranded-memory",
        "--tune-host",
        "--domain",
        guest.name,
        "-o",
        "/tmp/plan.json",
    )
    kvmedic(nested_host, "plan", *words)
    kvmedic(nested_host, "apply", "/tmp/plan.json")
    (lines,) = json.loads(kvmedic(nested_host, "runs", "--json")).values()
    run = lines[0]["run"]
    holes = "/sys/kernel/mm/transparent_hugepage/khugepaged/max_ptes_none"
    tuned = nested_host.run_or_fail(["cat", holes, "/etc/tmpfiles.d/kvmedic.conf"])
    kvmedic(nested_host, "undo", run)
    untuned = nested_host.run_or_fail(f"cat {holes}; ls /etc/tmpfiles.d/kvmedic.conf 2>&1 || true")
    verdict = next(line for line in lines if line["type"] == "verified")["verification"]
    ends = [line["after"] for line in lines if line["type"] == "done"]
    done = next(after for after in ends if "seconds" in after)

    assert verdict["helped"] == "improved"
    assert verdict["measured_freed_bytes"] > 100 * MIB
    assert abs(verdict["error_percent"]) <= 10
    kept = {row["name"]: row["change_percent"] for row in verdict["kept"]}
    for name in ("resident memory", "huge pages", "swap"):
        assert abs(kept[name]) <= 0.5, kept
    assert done["seconds"] <= 10 * verdict["measured_freed_bytes"] / GIB
    assert tuned.splitlines()[0] == "0"
    assert "khugepaged/max_ptes_none - - - - 0" in tuned
    assert untuned.splitlines()[0] == "511"
    assert "No such file" in untuned
