"""A plan that somebody edited: what does not hang together is never begun."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from run_samples import BALLOON, RELEASE, plan, step

from kvmedic.cli.main import main
from kvmedic.execute.plan_check import faults_of

GOOD = plan(step(1, RELEASE), step(2, BALLOON))


def test_a_plan_as_it_was_made_hangs_together() -> None:
    assert faults_of(GOOD) == ()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"hosts": ()}, "bound to no host"),
        ({"steps": ()}, "no steps"),
        ({"steps": (step(1), step(1))}, "not numbered 1, 2, 3"),
        ({"steps": (step(2),)}, "not numbered 1, 2, 3"),
        ({"expires_at": "tomorrow"}, "'tomorrow', which is no time"),
        ({"expires_at": "2026-11-25T12:00:00"}, "no time with a zone"),
        ({"domains": ()}, "step 1 is about domain web-1, which the plan is not bound to"),
        ({"steps": (step(1, msgspec.structs.replace(BALLOON, domain_uuid="u-9")),)}, "not bound to"),
        (
            {"steps": (step(1, msgspec.structs.replace(RELEASE, pid=1)),)},
            "another process than that of web-1",
        ),
    ],
)
def test_what_does_not_hang_together_is_said_and_nothing_begun(
    change: Any,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("KVMEDIC_STATE", str(tmp_path / "state"))
    file = tmp_path / "plan.json"
    file.write_bytes(msgspec.json.encode(msgspec.structs.replace(GOOD, **change)))

    assert main(["apply", str(file)]) == 2
    told = capsys.readouterr().err
    assert "is not a plan that can be carried out" in told
    assert said in told
    assert not (tmp_path / "state" / "runs").exists()
