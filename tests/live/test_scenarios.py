"""Real failures, made now, and what ``why`` says of them."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from subprocess import PIPE

import pytest
from tests.live.kvmedic_command import KVMEDIC

from kvmedic.lab.ledger import all_ledgers
from kvmedic.lab.run import explain_take, run_scenario
from kvmedic.lab.scenarios import SCENARIOS
from kvmedic.lab.takes import make_takes

pytestmark = pytest.mark.live


def test_a_guest_that_outgrows_its_group_is_explained_by_the_command_and_nothing_is_left(
    tmp_path: Path,
) -> None:
    words = ["lab", "run", "memcg-here", "--among-guests", "--save", str(tmp_path), "--json"]
    environment = {**os.environ, "NO_COLOR": "1"}
    with subprocess.Popen([str(KVMEDIC), *words], stdout=PIPE, stderr=PIPE, env=environment) as command:
        report, said = command.communicate(timeout=200)

    assert command.returncode == 0, said.decode()
    assert json.loads(report)["findings"][0]["cause"] == "cgroup-memory-limit"
    assert len(list(tmp_path.iterdir())) == 2
    assert command.pid not in [ledger.entries("bed")[0]["owner"] for ledger in all_ledgers()]


def test_a_kill_by_hand_in_a_host_of_its_own_is_told_from_a_lack_of_memory() -> None:
    outcome = run_scenario(SCENARIOS["manual-oom"], variant=0, kernel=None, save=None, say=lambda _text: None)

    assert outcome.is_recognised
    assert outcome.report.findings[0].confidence >= 0.6


def test_a_block_that_is_refused_on_a_host_with_free_memory_is_fragmentation() -> None:
    scenario = SCENARIOS["fragmented"]
    (take,) = make_takes([(scenario, 1)], None, lambda _text: None, has_libvirt=False)

    outcome = explain_take(take, scenario)

    assert outcome.is_recognised
    assert outcome.report.findings[0].confidence >= 0.9
