"""One scenario from start to end: make the failure, ask ``why`` about it, and leave nothing behind."""

from __future__ import annotations

import subprocess
import tempfile
import time
from pathlib import Path

import msgspec

from kvmedic.app.check import check_target
from kvmedic.app.why import explain_target
from kvmedic.errors import ActionRefusedError, UsageError
from kvmedic.lab.compose import compose
from kvmedic.lab.corpus import save_take
from kvmedic.lab.incident import Incident
from kvmedic.lab.renderings import FORMATS, end_of
from kvmedic.lab.scenario import Scenario
from kvmedic.lab.scenarios import SCENARIOS
from kvmedic.lab.take import Take
from kvmedic.lab.takes import Say, make_takes
from kvmedic.lab.truth import TRUTH, Truth
from kvmedic.model.case import Window
from kvmedic.model.record import Record
from kvmedic.model.report import Report
from kvmedic.model.request import CollectRequest
from kvmedic.wiring import open_source

HOST = "lab-host"
OUTCOME = ".outcome.json"
WHOLE = Window(domain=None, since_s=None, until_s=None, boot=None, zone_offset_s=0.0)


class Outcome(Record, frozen=True, kw_only=True):
    """What a scenario was, and what ``why`` said of what it left."""

    scenario: str
    truth: Truth
    report: Report

    @property
    def is_recognised(self) -> bool:
        """The first finding names the truth; where nothing failed, there is none."""
        named = [finding.cause for finding in self.report.findings]
        if self.truth.cause is None:
            return not named
        return bool(named) and named[0] in (self.truth.cause, *self.truth.also)


def find_scenario(name: str) -> Scenario:
    """The scenario of that id. Raises UsageError for an unknown one."""
    if name not in SCENARIOS:
        raise UsageError(f"there is no scenario {name}", hint="See kvmedic lab list.")
    return SCENARIOS[name]


def run_scenario(
    scenario: Scenario, *, variant: int, kernel: str | None, save: Path | None, say: Say, keep: bool = False
) -> Outcome:
    """Make one failure in a disposable host, and ask why. ``save``: keep the raw take there.

    ``keep``: leave the host running.
    """
    started = time.monotonic()
    for take in make_takes([(scenario, variant)], kernel, say, keeps_host=keep):
        outcome = explain_take(take, scenario)
        if save is not None:
            say(f"saved {save_take(take, save)}")
            save_row(outcome, take, time.monotonic() - started, save)
        return outcome
    raise ActionRefusedError(
        f"{scenario.id} did not come about", hint="Run it again; say which kernel it was."
    )


class Row(Record, frozen=True, kw_only=True):
    """One line of a lab report: what was made, and what was said of it."""

    scenario: str
    variant: int
    kernel: str
    truth: str | None
    said: str | None
    confidence: float | None
    is_recognised: bool
    seconds: float


def save_row(outcome: Outcome, take: Take, seconds: float, folder: Path) -> None:
    """Keep the outcome beside the take, for ``lab report``."""
    first = outcome.report.findings[0] if outcome.report.findings else None
    row = Row(
        scenario=outcome.scenario,
        variant=take.variant,
        kernel=take.kernel,
        truth=outcome.truth.cause,
        said=first.cause if first else None,
        confidence=first.confidence if first else None,
        is_recognised=outcome.is_recognised,
        seconds=round(seconds, 1),
    )
    path = folder / f"{take.scenario}.{take.variant}.{take.kernel}{OUTCOME}"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(row), indent=1))


def read_rows(folder: Path) -> list[Row]:
    """Every outcome in a folder. Raises UsageError where there is none."""
    rows = [msgspec.json.decode(path.read_bytes(), type=Row) for path in sorted(folder.glob(f"*{OUTCOME}"))]
    if not rows:
        raise UsageError(f"no outcome in {folder}", hint="Run scenarios with --save first.")
    return rows


def explain_take(take: Take, scenario: Scenario) -> Outcome:
    """Ask ``why`` about a take, in the form in which an operator would have it."""
    incident = compose(take, (), scenario.proof_in, host=HOST)
    ask = explain_incident if scenario.is_incident else examine_incident
    form = "guest-log" if scenario.proof_in == "guest" else "sosreport"
    return Outcome(scenario=scenario.id, truth=TRUTH[scenario.id], report=ask(incident, form))


def examine_incident(incident: Incident, form: str) -> Report:
    """What ``check`` says of the state that the host was in."""
    name, render = FORMATS[form]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(render(incident))
        request = CollectRequest(is_deep=False, interval_s=0.0, page_map="none")
        return check_target(open_source(str(path)), request, lambda _text, _share: None)


def explain_incident(incident: Incident, form: str) -> Report:
    """What ``why`` says of an incident that lies before it in this form, an hour later."""
    name, render = FORMATS[form]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(render(incident))
        return explain_target(
            open_source(str(path)),
            WHOLE,
            lambda _text, _share: None,
            now_s=end_of(incident) + 3600.0,
            zone_offset_s=0.0,
        )


def refuse_among_guests() -> None:
    """Raises ActionRefusedError where guests of others run: the lab uses much memory and CPU."""
    found = subprocess.run(["pgrep", "-a", "qemu-system"], capture_output=True, text=True, check=False).stdout
    foreign = [line for line in found.splitlines() if "kvmedic-lab-" not in line]
    if foreign:
        raise ActionRefusedError(
            f"{len(foreign)} guests run here that the lab did not start",
            hint="Run the lab on a machine without guests, or add --among-guests.",
        )
