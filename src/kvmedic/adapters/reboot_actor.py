"""Reboots another host once it is seen to be empty, and waits until it is back, under another boot id and
healthy.

Emptiness is looked at right before the order, on the host itself: libvirt's list and the processes. A host
whose
emptiness nobody can see is not rebooted. The cordon mark is lost with /run, so it is put back as soon as
the host answers; lifting it is a step of its own, after this one.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from kvmedic.adapters import bmc
from kvmedic.adapters.cordon import read_cordon, write_cordon
from kvmedic.adapters.domain_step import action_of
from kvmedic.adapters.host_shell import HostShell
from kvmedic.errors import (
    ActionRefusedError,
    KvmedicError,
    OutcomeUnknownError,
    PreconditionFailedError,
)
from kvmedic.model.plan import RebootHost, Step
from kvmedic.model.policy import BoardController
from kvmedic.model.run import Intent, Sight
from kvmedic.ports import Progress

POLL_S = 3.0
SILENT_SHARE = 0.5
"""After this share of the timeout a host that did not come back is reset through its controller, once."""
BOOT_ID = "cat /proc/sys/kernel/random/boot_id"
GUESTS = """
for c in /proc/[0-9]*/comm; do
  read -r name < "$c" || continue
  pid=${c%/comm}
  case $name in qemu-system-*|qemu-kvm|kvm|kvm-spice) echo "process ${pid#/proc/} ($name)" ;; esac
done 2>/dev/null
command -v virsh >/dev/null || { echo "virsh is missing, so libvirt's list cannot be read"; exit 0; }
names=$(timeout 60 virsh -r -q list --name 2>/dev/null) || { echo "libvirt does not answer"; exit 0; }
for name in $names; do echo "domain $name"; done
echo seen
"""
REBOOT = """
if [ -d /run/systemd/system ]; then order="systemctl reboot"
elif command -v shutdown >/dev/null; then order="shutdown -r now"
else exit 9; fi
sync
( sleep 1; $order ) </dev/null >/dev/null 2>&1 &
echo ordered
"""


class RebootActor:
    """The actor of reboot-host. ``is_healthy`` gives the reasons why the host is not, empty when it is."""

    def __init__(
        self, shell: HostShell, board: BoardController | None, ailments: Callable[[], tuple[str, ...]]
    ) -> None:
        self._shell, self._board, self._ailments = shell, board, ailments

    def look(self, step: Step, intent: Intent | None) -> Sight:
        """Which boot it is in. Before the order: PreconditionFailedError unless it is cordoned and empty."""
        action = action_of(step, RebootHost)
        now = self._boot_id()
        if now == action.boot_id:
            self._check_empty()
        ailments = () if now == action.boot_id else self._ailments()
        return Sight(
            is_reached=now != action.boot_id and not ailments,
            facts={"boot_id": now, "ailments": "; ".join(ailments)},
            restores={"boot_id": now},
        )

    def act(self, step: Step, intent: Intent, progress: Progress) -> None:
        """Orders the reboot where it is still in the old boot, then waits."""
        action = action_of(step, RebootHost)
        if self._boot_id() == action.boot_id:
            self._check_empty()
            self._order(action.via)
        self._wait(action, progress)

    def undo(self, step: Step, intent: Intent, progress: Progress) -> None:
        """A reboot cannot be taken back."""
        raise ActionRefusedError("a reboot cannot be taken back; nothing was touched")

    def _order(self, via: str) -> None:
        if via != "ssh":
            bmc.reset(self._the_board())
            return
        said = self._shell.run(REBOOT)
        if "ordered" not in said.out:
            raise ActionRefusedError(
                f"{self._shell.shown} has neither systemd nor shutdown; nothing was touched",
                hint="Reboot it by its controller: kvmedic plan --via redfish.",
            )

    def _the_board(self) -> BoardController:
        if self._board is None:
            raise ActionRefusedError("the policy names no bmc for this host; nothing was touched")
        return self._board

    def _wait(self, action: RebootHost, progress: Progress) -> None:
        begun, is_reset, why = time.monotonic(), action.via != "ssh", "it does not answer"
        while (elapsed := time.monotonic() - begun) < action.timeout_s:
            progress(f"waiting for the host to come back ({elapsed:.0f} s; {why})", None)
            time.sleep(POLL_S)
            why = self._missing_yet(action)
            if not why:
                return
            if not is_reset and self._board is not None and elapsed > action.timeout_s * SILENT_SHARE:
                is_reset = self._reset_a_silent_host(action)
        raise OutcomeUnknownError(
            f"the host is not back and healthy after {action.timeout_s:g} s: {why}",
            hint="Look at its console; kvmedic apply --resume looks again. It stays cordoned.",
        )

    def _missing_yet(self, action: RebootHost) -> str:
        """What is still to be waited for; empty when nothing is."""
        try:
            if self._boot_id() == action.boot_id:
                return "it is still in the old boot"
            if read_cordon(self._shell) is None:
                write_cordon(self._shell, "kvmedic reboot-host: not yet seen to be healthy")
            return "; ".join(self._ailments())
        except KvmedicError:
            return "it does not answer"

    def _reset_a_silent_host(self, action: RebootHost) -> bool:
        """It was empty and cordoned when the order was given; one that still answers is looked at again. One
        reset, no more."""
        try:
            if self._boot_id() != action.boot_id or self._guests():
                return False
        except KvmedicError:
            pass
        bmc.reset(self._the_board())
        return True

    def _boot_id(self) -> str:
        said = self._shell.run(BOOT_ID)
        if said.code or not said.out.strip():
            raise PreconditionFailedError(f"the boot id of {self._shell.shown} could not be read")
        return said.out.strip()

    def _guests(self) -> list[str]:
        """What still runs there, as far as it is seen: on its way down a host stops libvirt first."""
        lines = self._shell.run(GUESTS).out.splitlines()
        return [line for line in lines if line.startswith(("process ", "domain "))]

    def _check_empty(self) -> None:
        if read_cordon(self._shell) is None:
            raise PreconditionFailedError(
                "the host is not cordoned, so guests may come at any moment; nothing was touched"
            )
        lines = self._shell.run(GUESTS).out.splitlines()
        left = [line for line in lines if line != "seen"]
        if left or "seen" not in lines:
            raise PreconditionFailedError(
                f"the host is not seen to be empty ({', '.join(left) or 'no answer'}); nothing was touched",
                hint="Move or stop what is left, then kvmedic apply --resume goes on.",
            )
