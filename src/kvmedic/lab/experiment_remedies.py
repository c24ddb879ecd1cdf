"""Every remedy of the experiments: by kvmedic where it has it, else by hand, as the popular advice says."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from kvmedic.errors import ActionRefusedError, OutcomeUnknownError
from kvmedic.lab.experiment_trial import Trial
from kvmedic.lab.nested_host import NestedHost
from kvmedic.lab.nested_shell import Finished
from kvmedic.lab.results import Applied
from kvmedic.lab.stage import boot_of, try_quietly
from kvmedic.model.run import Verification

IDLE_S, BOOT_S = 20.0, 240.0
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


class Operator(Protocol):
    """Who runs kvmedic: somebody on the host with the failure, or beside its fleet."""

    @property
    def plan_file(self) -> str:
        """Where the plan is written."""
        ...

    def kvmedic(self, *words: str) -> Finished:
        """One command."""
        ...

    def journal(self) -> str:
        """What kvmedic noted of its runs."""
        ...


def through_kvmedic(trial: Trial, remedy: str, *words: str, operator: Operator | None = None) -> Applied:
    """plan and apply, and the verdict that kvmedic came to itself."""
    operator = operator or trial
    ask = ("plan", *words, "--remedy", remedy)
    began = time.monotonic()
    commands = [f"kvmedic {shlex.join(ask).replace(trial.guest.name, trial.label)} -o plan.json"]
    done = operator.kvmedic(*ask, "-o", operator.plan_file)
    verification = None
    if done.returncode == 0:
        commands.append("kvmedic apply plan.json --yes")
        done = operator.kvmedic("apply", operator.plan_file, "--yes")
        verification = _verification(operator.journal())
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


def migrate(trial: Trial) -> Applied:
    """migrate-domain to an empty host beside, by an operator who reaches both."""
    other = trial.other
    if other is None:
        raise ActionRefusedError("there is no host to move to", hint="Use nested hosts.")
    applied = through_kvmedic(
        trial, "migrate-domain", other.target, "--domain", trial.guest.name, operator=other
    )
    if other.moved(trial.guest) is None:
        trial.notes.append("the guest did not move")
        return applied
    told = other.sh(f"virsh -q domjobinfo --completed {trial.guest.name}")
    wanted = ("Time elapsed", "Total downtime", "Data processed", "Memory processed")
    lines = [" ".join(line.split()) for line in told.splitlines() if line.startswith(wanted)]
    trial.notes.append(f"libvirt, of the move: {'; '.join(lines) or 'nothing'}")
    return applied


def release(trial: Trial) -> Applied:
    """release-stranded-memory."""
    return through_kvmedic(trial, "release-stranded-memory", "--domain", trial.guest.name)


def release_and_tune(trial: Trial) -> Applied:
    """release-stranded-memory, and khugepaged told not to fill what is empty."""
    return through_kvmedic(trial, "release-stranded-memory", "--domain", trial.guest.name, "--tune-host")


def tune_host(trial: Trial) -> Applied:
    """tune-host alone."""
    return through_kvmedic(trial, "tune-host")


def tune_and_inflate_again(trial: Trial) -> Applied:
    """tune-host; then the balloon empties and fills by hand, and what that strands is released."""
    tuned = tune_host(trial)
    if tuned.exit_code:
        return tuned
    began, mib = time.monotonic(), trial.guest.wish.memory_mib
    for size in (mib, trial.target_mib):
        trial.guest.set_balloon(size, timeout_s=300)
    by_hand_s = time.monotonic() - began
    sizes = tuple(f"virsh setmem {trial.label} {size}M --live" for size in (mib, trial.target_mib))
    released = release(trial)
    return msgspec.structs.replace(
        released,
        commands=(*tuned.commands, *sizes, *released.commands),
        seconds=round(tuned.seconds + by_hand_s + released.seconds, 1),
    )


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
    """Until the guest has carried out its orders again, as at each boot; noted if it never does."""
    ends = len(trial.guest.console().split("READY boot"))
    try:
        trial.stage.wait_until(
            lambda: len(trial.guest.console().split("READY boot")) > ends, "a new start of the guest", BOOT_S
        )
        trial.beat_again()
    except OutcomeUnknownError:
        trial.notes.append(f"the guest was not back after {BOOT_S:.0f} s: {trial.guest.console()[-200:]!r}")


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
    "tune-and-inflate-again": tune_and_inflate_again,
    "free-page-reporting": free_page_reporting,
    "migrate": migrate,
}
TO_ANOTHER_HOST = ("migrate",)
"""They need a second host."""
NOT_HERE = (
    "reboot-host",
    "release-and-tune",
    "tune-host",
    "tune-and-inflate-again",
    "compact-memory",
    *TO_ANOTHER_HOST,
)
"""They change this machine's own kernel, or need hosts with memory of their own: only in nested hosts."""
