"""Every remedy of the experiments: by kvmedic where it has it, else by hand, as the popular advice says."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Mapping

import msgspec

from kvmedic.errors import ActionRefusedError
from kvmedic.lab.experiment_trial import Trial
from kvmedic.lab.nested_host import NestedHost
from kvmedic.lab.results import Applied
from kvmedic.lab.stage import boot_of, try_quietly
from kvmedic.model.run import Verification

IDLE_S = 20.0
OWN_CYCLE = "busybox poweroff -f"
"""The lab's guests have no daemon that hears ACPI: they are shut down from inside."""


def do_nothing(_trial: Trial) -> Applied:
    """Wait: does it mend itself?"""
    time.sleep(IDLE_S)
    return by_hand("nobody", (f"wait {IDLE_S:.0f} s",), IDLE_S)


def reboot_the_guest(trial: Trial) -> Applied:
    """The reset that panels offer; QEMU lives on, and the guest shapes its memory as at its start."""
    began = time.monotonic()
    trial.host.virsh("reset", trial.guest.name)
    _wait_for_boot(trial)
    return by_hand("hand", (f"virsh reset {trial.label}",), time.monotonic() - began)


def reboot_host(trial: Trial) -> Applied:
    """The host's power button; its guests die and are started again with the same load."""
    if not isinstance(trial.host, NestedHost):
        raise ActionRefusedError("this machine is not rebooted", hint="Use a nested host.")
    began, boot = time.monotonic(), trial.stage.boot.boot_id
    trial.host.reset()
    trial.host.wait_until_up(since_boot_id=boot, timeout_s=400)
    trial.stage.boot = boot_of(trial.host)
    trial.start_again()
    trial.beat_again()
    return by_hand("hand", ("power button (QMP system_reset)", "virsh start"), time.monotonic() - began)


def through_kvmedic(trial: Trial, remedy: str, *words: str) -> Applied:
    """plan and apply, and the verdict that kvmedic came to itself."""
    plan_file = f"{trial.state}.plan.json"
    ask = ("plan", "--remedy", remedy, *words, "-o", plan_file)
    began = time.monotonic()
    commands = [f"kvmedic {shlex.join(ask[:-2]).replace(trial.guest.name, trial.label)} -o plan.json"]
    done = trial.kvmedic(*ask)
    verification = None
    if done.returncode == 0:
        commands.append("kvmedic apply plan.json --yes")
        done = trial.kvmedic("apply", plan_file, "--yes")
        verification = _verification(trial.sh(f"cat {trial.state}/runs/*.jsonl"))
    said = tuple(done.stderr.strip().splitlines()[-3:]) if done.returncode else ()
    return Applied(
        by="kvmedic",
        commands=tuple(commands),
        seconds=round(time.monotonic() - began, 1),
        exit_code=done.returncode,
        verdict=verification.helped if verification else None,
        measured_freed_bytes=verification.measured_freed_bytes if verification else None,
        because=(*(verification.because if verification else ()), *said),
    )


def release(trial: Trial) -> Applied:
    """release-stranded-memory."""
    return through_kvmedic(trial, "release-stranded-memory", "--domain", trial.guest.name)


def release_and_tune(trial: Trial) -> Applied:
    """release-stranded-memory, and khugepaged told not to fill what is empty."""
    return through_kvmedic(trial, "release-stranded-memory", "--domain", trial.guest.name, "--tune-host")


def tune_host(trial: Trial) -> Applied:
    """tune-host alone."""
    return through_kvmedic(trial, "tune-host")


def compact(trial: Trial) -> Applied:
    """compact-memory by kvmedic; where it refuses, as people do it: echo 1 > compact_memory."""
    applied = through_kvmedic(trial, "compact-memory")
    if applied.exit_code in (0, 12) or trial.ground == "here":
        return applied
    began = time.monotonic()
    trial.sh("echo 1 > /proc/sys/vm/compact_memory")
    commands = (*applied.commands, "echo 1 > /proc/sys/vm/compact_memory")
    trial.notes.append(f"kvmedic did not compact (exit {applied.exit_code}); it was done by hand")
    return by_hand("hand", commands, time.monotonic() - began)


def deflate(trial: Trial) -> Applied:
    """deflate-balloon to the maximum."""
    return through_kvmedic(trial, "deflate-balloon", "--domain", trial.guest.name)


def disable_balloon(trial: Trial) -> Applied:
    """disable-balloon, and the power cycle that it needs."""
    return _with_power_cycle(trial, "disable-balloon")


def free_page_reporting(trial: Trial) -> Applied:
    """enable-free-page-reporting, and the power cycle that it needs."""
    return _with_power_cycle(trial, "enable-free-page-reporting")


def _with_power_cycle(trial: Trial, remedy: str) -> Applied:
    applied = through_kvmedic(trial, remedy, "--domain", trial.guest.name)
    if applied.exit_code not in (0, 11, 12):
        return applied
    began = time.monotonic()
    try_quietly(lambda: trial.guest.agent.ask(f"sh {OWN_CYCLE}", timeout_s=5))
    trial.stage.wait_until(
        lambda: "shut off" in trial.stage.sh(f"virsh domstate {trial.guest.name}"), "off", 90
    )
    trial.host.virsh("start", trial.guest.name)
    _wait_for_boot(trial)
    cycle = ("shut down from inside", f"virsh start {trial.label}")
    seconds = round(applied.seconds + time.monotonic() - began, 1)
    return msgspec.structs.replace(applied, commands=(*applied.commands, *cycle), seconds=seconds)


def _wait_for_boot(trial: Trial) -> None:
    """Until the guest has carried out its orders again, which it takes at each boot."""
    ends = len(trial.guest.console().split("READY boot"))
    deadline_s = 300.0
    trial.stage.wait_until(
        lambda: len(trial.guest.console().split("READY boot")) > ends, "a new start of the guest", deadline_s
    )
    trial.beat_again()


def _verification(journal: str) -> Verification | None:
    """The last verdict in a run's journal."""
    lines = [msgspec.json.decode(line)["entry"] for line in journal.splitlines() if line.strip()]
    told = [line["verification"] for line in lines if line["type"] == "verified"]
    return msgspec.convert(told[-1], Verification) if told else None


def by_hand(who: str, commands: tuple[str, ...], seconds: float) -> Applied:
    """What was done without kvmedic, and so has no verdict of its own."""
    return Applied(
        by="nobody" if who == "nobody" else "hand",
        commands=commands,
        seconds=round(seconds, 1),
        exit_code=None,
        verdict=None,
        measured_freed_bytes=None,
        because=(),
    )


REMEDIES: Mapping[str, Callable[[Trial], Applied]] = {
    "do-nothing": do_nothing,
    "reboot-the-guest": reboot_the_guest,
    "reboot-host": reboot_host,
    "disable-balloon": disable_balloon,
    "deflate-balloon": deflate,
    "compact-memory": compact,
    "release-stranded-memory": release,
    "release-and-tune": release_and_tune,
    "tune-host": tune_host,
    "free-page-reporting": free_page_reporting,
}
NOT_HERE = ("reboot-host", "release-and-tune", "tune-host", "compact-memory")
"""They change this machine's own kernel: only in a nested host."""
