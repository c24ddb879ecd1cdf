"""A host that hangs in its reboot, and its controller: real power buttons, pressed by Redfish and by IPMI.

One small nested host without guests; what moves guests around a reboot is in ``test_fleet_nested``. Slow
under emulation (about six minutes), so it runs with ``make lab``.
"""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal

import pytest
from tests.live.kvmedic_command import KVMEDIC

from kvmedic.lab.bed import Bed
from kvmedic.lab.board import Board
from kvmedic.lab.fleet import Fleet, NestedFleetHost, policy_file

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1800)]
REFUSED, UNKNOWN = 10, 11
CARRIED_OUT = (0, 12)
"""Done, whether or not there was memory to win back: this host was tidy before."""
SHORT_S, LONG_S = 40.0, 420.0
HALT = "printf '#!/bin/sh\\nexec busybox halt -f\\n' > /usr/sbin/shutdown"
"""A kernel that stops on its way down: the machine stays on, and nothing answers."""


class Lonely:
    """One nested host, its two controllers, and an operator beside."""

    def __init__(self, bed: Bed) -> None:
        self.folder = bed.folder
        self.fleet = Fleet(bed)
        self.host = NestedFleetHost(self.fleet, "nr", memory_mib=1280)
        self.host.wait_until_up(timeout_s=400)
        self.boards = {kind: Board(self.fleet, self.host, kind) for kind in ("redfish", "ipmi")}

    def policy(self, kind: Literal["redfish", "ipmi"] | None) -> Path:
        """The policy of this host, with that controller."""
        path = policy_file(self.folder, (self.host,), cooldown_s="0.0", least_healthy_hosts="0")
        if kind is not None:
            path.write_text(path.read_text() + self.boards[kind].policy_text())
        return path

    def kvmedic(self, *words: str) -> subprocess.CompletedProcess[str]:
        """The command as the operator runs it."""
        return self.fleet.run([str(KVMEDIC), *words], timeout_s=900)

    def reboot(
        self, policy: Path, *words: str, timeout_s: float = LONG_S
    ) -> subprocess.CompletedProcess[str]:
        """Plan and apply; the plan waits for the host no longer than that."""
        path = self.folder / f"plan-{time.monotonic_ns()}.json"
        target = f"ssh://root@{self.host.host_address}"
        asked = ("plan", target, "--remedy", "reboot-host", "--policy", str(policy), "-o", str(path), *words)
        planned = self.kvmedic(*asked)
        assert planned.returncode == 0, planned.stderr
        plan = json.loads(path.read_text())
        for step in plan["steps"]:
            if "boot_id" in step["action"]:
                step["action"]["timeout_s"] = timeout_s
        path.write_text(json.dumps(plan))
        return self.kvmedic("apply", str(path), "--yes", "--policy", str(policy))

    def outcomes(self, done: subprocess.CompletedProcess[str]) -> tuple[str, list[str]]:
        """The run, and how each of its steps ended."""
        run = re.findall(r"run-[0-9a-f]{8}", done.stdout + done.stderr)
        assert run, done.stderr
        lines: list[dict[str, Any]] = json.loads(self.kvmedic("runs", run[0], "--json").stdout)[run[0]]
        return run[0], [line["outcome"] for line in lines if line["type"] == "done"]

    def is_cordoned(self) -> bool:
        """Whether the mark is there."""
        return self.host.run("test -e /run/kvmedic/cordon").returncode == 0


@pytest.fixture(scope="module")
def lonely() -> Iterator[Lonely]:
    with ExitStack() as stack:
        yield Lonely(stack.enter_context(Bed()))


def test_a_host_that_hangs_in_its_reboot_is_reset_once_by_its_controller(lonely: Lonely) -> None:
    """The order went over ssh; after half of the time Redfish presses the button; the cordon is lifted."""
    before = lonely.host.boot_id()
    lonely.host.run_or_fail(HALT)

    done = lonely.reboot(lonely.policy("redfish"))

    assert done.returncode in CARRIED_OUT, done.stdout + done.stderr
    assert lonely.boards["redfish"].pressed() == 1
    assert lonely.host.boot_id() != before
    assert lonely.outcomes(done)[1] == ["done", "done", "done"]
    assert not lonely.is_cordoned()


def test_ipmi_presses_the_button_where_that_was_asked_for(lonely: Lonely) -> None:
    before = lonely.host.boot_id()

    done = lonely.reboot(lonely.policy("ipmi"), "--via", "ipmi")

    assert done.returncode in CARRIED_OUT, done.stdout + done.stderr
    assert lonely.boards["ipmi"].pressed() == 1
    assert lonely.boards["redfish"].pressed() == 1
    assert lonely.host.boot_id() != before
    assert not lonely.is_cordoned()


def test_a_controller_that_says_no_leaves_the_host_as_it_is(lonely: Lonely) -> None:
    """A wrong password: refused, nothing pressed, and the host keeps its boot and its cordon."""
    before, pressed = lonely.host.boot_id(), lonely.boards["redfish"].pressed()
    policy = lonely.policy("redfish")
    wrong = lonely.folder / "wrong"
    wrong.write_text("guessed\n")
    policy.write_text(policy.read_text().replace(str(lonely.boards["redfish"].password_file), str(wrong)))

    done = lonely.reboot(policy, "--via", "redfish")

    assert done.returncode == REFUSED, done.stdout + done.stderr
    assert "401" in done.stdout + done.stderr
    assert lonely.boards["redfish"].pressed() == pressed
    assert lonely.host.boot_id() == before
    run, _ = lonely.outcomes(done)
    assert lonely.kvmedic("undo", run, "--policy", str(policy)).returncode == 0
    assert not lonely.is_cordoned()


def test_a_host_that_does_not_come_back_is_unknown_until_somebody_brings_it_back(lonely: Lonely) -> None:
    """No controller: nobody claims anything. Switched by hand, the resumed run looks, and orders no second
    reboot."""
    before = lonely.host.boot_id()
    policy = lonely.policy(None)
    lonely.host.run_or_fail(HALT)

    done = lonely.reboot(policy, timeout_s=SHORT_S)
    run, outcomes = lonely.outcomes(done)

    assert done.returncode == UNKNOWN, done.stdout + done.stderr
    assert outcomes == ["done", "unknown"]

    while_it_is_down = lonely.kvmedic("apply", "--resume", run, "--yes", "--policy", str(policy))
    assert while_it_is_down.returncode == REFUSED, while_it_is_down.stdout + while_it_is_down.stderr

    lonely.host.reset()
    lonely.host.wait_until_up(since_boot_id=before, timeout_s=400)
    back = lonely.host.boot_id()
    resumed = lonely.kvmedic("apply", "--resume", run, "--yes", "--policy", str(policy))

    assert resumed.returncode in CARRIED_OUT, resumed.stdout + resumed.stderr
    assert lonely.outcomes(resumed)[1] == ["done", "unknown", "done", "done"]
    assert lonely.host.boot_id() == back
    assert not lonely.is_cordoned()
