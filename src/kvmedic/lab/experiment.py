"""One experiment: a failure in a fresh host, found, repaired by one remedy, measured, loaded again."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from kvmedic import __version__
from kvmedic.errors import ActionError, UsageError
from kvmedic.lab.bed import Bed
from kvmedic.lab.experiment_loads import LOADS
from kvmedic.lab.experiment_remedies import NOT_HERE, REMEDIES, TO_ANOTHER_HOST
from kvmedic.lab.experiment_trial import SAFE_HERE, Trial, host_mib, kernel_of, open_trial
from kvmedic.lab.results import Applied, Cycle, Ground, Probe, Reading, Result
from kvmedic.lab.run import find_scenario
from kvmedic.lab.scenario import Scenario
from kvmedic.model.record import Record
from kvmedic.model.report import Report
from kvmedic.units import MIB

Say = Callable[[str], None]
ASKED = 64
FOUND = (0, 1, 3)


class Wanted(Record, frozen=True, kw_only=True):
    """One experiment that is wanted. ``kernel``: an installed kernel that begins so."""

    scenario: str
    remedy: str
    repetition: int
    ground: Ground
    kernel: str | None
    cycles: int
    variant: int
    has_maps: bool
    """Draw the map of physical memory before and after the remedy."""
    keeps_host: bool
    """Leave the host and its guests running at the end."""


def check_wanted(wanted: Wanted) -> Scenario:
    """The scenario. Raises UsageError for what is unknown, or not done on this machine's own kernel."""
    scenario = find_scenario(wanted.scenario)
    if wanted.remedy not in REMEDIES:
        raise UsageError(f"there is no remedy {wanted.remedy}", hint=f"There are: {', '.join(REMEDIES)}.")
    if wanted.ground == "here" and wanted.remedy in TO_ANOTHER_HOST:
        raise UsageError(f"{wanted.remedy} needs a second host", hint="Use nested hosts (--ground nested).")
    if wanted.ground == "here" and (wanted.scenario not in SAFE_HERE or wanted.remedy in NOT_HERE):
        raise UsageError(
            f"{wanted.scenario} with {wanted.remedy} would change this machine's own kernel",
            hint="Use a nested host (--ground nested).",
        )
    return scenario


class Done(Record, frozen=True, kw_only=True):
    """An experiment that came about; ``pictures``: maps as SVG, by moment."""

    result: Result
    pictures: dict[str, str]


def run_experiment(wanted: Wanted, say: Say) -> Done:
    """Run it; unless wanted, nothing of it is left. ActionError when the failure does not come about."""
    scenario = check_wanted(wanted)
    began = time.monotonic()
    with Bed() as bed:
        say(f"{wanted.scenario} × {wanted.remedy} ({wanted.ground}): bed {bed.ledger.bed_id}")
        trial = open_trial(
            bed,
            scenario,
            ground=wanted.ground,
            kernel=wanted.kernel,
            variant=wanted.variant,
            has_destination=wanted.remedy in TO_ANOTHER_HOST,
            say=say,
        )
        with trial.ends:
            result = _measured(trial, scenario, wanted, say)
        if wanted.keeps_host:
            say(f"kept: kvmedic lab clean {bed.ledger.bed_id} takes it away; it is in {bed.folder}")
            bed.keep()
    result = msgspec.structs.replace(result, total_seconds=round(time.monotonic() - began, 1))
    return Done(result=result, pictures=trial.pictures)


class _Broken(Record, frozen=True, kw_only=True):
    """The failure, as it was before the remedy."""

    calm: Reading
    before: Reading
    found: tuple[str, ...]


class _Mended(Record, frozen=True, kw_only=True):
    """What the remedy did."""

    applied: Applied
    after: Reading
    destination: Reading | None
    gap_before_s: float
    downtime_s: float


def _measured(trial: Trial, scenario: Scenario, wanted: Wanted, say: Say) -> Result:
    since = time.time()
    broken = _break(trial, scenario, say)
    _draw(trial, wanted, "before")
    mended = _mend(trial, wanted, say)
    _draw(trial, wanted, "after")
    trial.follow()
    cycles = tuple(
        _cycle(trial, scenario.id, number + 1, broken.before, say) for number in range(wanted.cycles)
    )
    trial.look_at(trial.home)
    return Result(
        scenario=scenario.id,
        remedy=wanted.remedy,
        repetition=wanted.repetition,
        ground=wanted.ground,
        kernel=kernel_of(trial),
        host_mib=host_mib(trial),
        is_emulated=True,
        versions=versions(),
        began_at=datetime.fromtimestamp(since, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        total_seconds=0.0,
        calm=broken.calm,
        before=broken.before,
        after=mended.after,
        destination=mended.destination,
        found=broken.found,
        applied=mended.applied,
        gap_before_s=mended.gap_before_s,
        downtime_s=mended.downtime_s,
        cycles=cycles,
        probe=_probe(trial) if wanted.ground == "nested" else None,
        notes=tuple(trial.notes),
    )


def _break(trial: Trial, scenario: Scenario, say: Say) -> _Broken:
    """Bring the failure about, and let check find it."""
    scenario.bring_about(trial.stage)
    if trial.calm is None:
        raise UsageError(f"{scenario.id} has no guest to repair", hint="Choose another scenario.")
    trial.target_mib = trial.guest.actual_bytes() // MIB
    found = _found(trial)
    say(f"check found {', '.join(found) or 'nothing'}")
    before = trial.read()  # what check itself read into the page cache of a small host is no effect
    _tell(say, "the failure is there", before)
    return _Broken(calm=trial.calm, before=before, found=found)


def _mend(trial: Trial, wanted: Wanted, say: Say) -> _Mended:
    """Apply the remedy, and read what came of it, on both hosts where the guest went to another."""
    began_s = time.monotonic()
    applied = REMEDIES[wanted.remedy](trial)
    after = trial.read()
    ended_s = time.monotonic()
    _tell(say, f"{wanted.remedy} took {applied.seconds:.0f} s, {applied.verdict or 'no verdict'}", after)
    destination = trial.read_destination()
    if destination is not None:
        _tell(say, "where the guest is now", destination)
    return _Mended(
        applied=applied,
        after=after,
        destination=destination,
        gap_before_s=trial.pulses[-1].longest_gap_s(trial.began_s, began_s - 5),
        downtime_s=trial.pulses[-1].downtime_s(began_s, ended_s),
    )


def _draw(trial: Trial, wanted: Wanted, moment: str) -> None:
    if wanted.has_maps and (svg := trial.picture()):
        trial.pictures[moment] = svg


def _found(trial: Trial) -> tuple[str, ...]:
    """The causes that check names on the host, of the guests and of itself."""
    done = trial.kvmedic("check", "--json", "--page-map", "full", "--interval", "1")
    if done.returncode not in FOUND:
        raise ActionError(f"check failed: {done.stderr.strip()[-300:]}")
    report = msgspec.json.decode(done.stdout, type=Report)
    ours = {guest.name for guest in trial.guests}
    return tuple(
        finding.cause
        for finding in report.findings
        if trial.ground == "nested" or finding.subject.name in ours
    )


def _cycle(trial: Trial, scenario: str, number: int, before: Reading, say: Say) -> Cycle:
    """The same load again; a guest that cannot be inflated any more cannot fail so."""
    if scenario not in LOADS:
        return Cycle(number=number, reading=trial.read(), is_back=None, note="no load to repeat is defined")
    seen, note = None, ""
    try:
        seen = LOADS[scenario].bring(trial)
    except ActionError as error:
        note = error.message.replace(trial.guest.name, trial.label)[-200:]
    reading = trial.read()
    is_back = LOADS[scenario].is_back(before, reading) if seen is None else seen
    _tell(say, f"cycle {number}: {'back' if is_back else note or 'held'}", reading)
    return Cycle(number=number, reading=reading, is_back=is_back, note=note)


def _probe(trial: Trial) -> Probe:
    """Ask the kernel for huge pages and give them back: it may compact for them, so it comes last."""
    began = time.monotonic()
    said = trial.sh(
        f"echo {ASKED} > /proc/sys/vm/nr_hugepages; cat /proc/sys/vm/nr_hugepages;"
        " echo 0 > /proc/sys/vm/nr_hugepages"
    )
    return Probe(
        huge_pages_asked=ASKED,
        huge_pages_got=int(said.split()[0]),
        huge_seconds=round(time.monotonic() - began, 1),
    )


def versions() -> dict[str, str]:
    """Of everything that takes part; the host's kernel is told apart."""
    return {
        "kvmedic": __version__,
        "libvirt": _said("virsh", "--version"),
        "qemu": _said("qemu-system-x86_64", "--version").split("version ")[-1].split()[0],
    }


def _said(*argv: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return done.stdout.splitlines()[0].strip() if done.stdout else "unknown"


def _tell(say: Say, what: str, reading: Reading) -> None:
    told = {
        "free": reading.mem_free_bytes,
        "stranded": reading.stranded_bytes,
        "charged": reading.charged_bytes,
        "RSS": reading.rss_bytes,
        "actual": reading.actual_bytes,
    }
    numbers = ", ".join(f"{name} {size // MIB}" for name, size in told.items() if size is not None)
    say(f"  {what}: {numbers} MiB; {reading.huge_blocks} free 2 MiB blocks")
