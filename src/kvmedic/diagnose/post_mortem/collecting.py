"""What to collect so that the next answer is surer: the logs that were not read, and the traces a cause
leaves.
"""

from __future__ import annotations

from collections.abc import Iterator

from kvmedic.diagnose.post_mortem.oom_kinds import any_ooms, is_hearsay
from kvmedic.diagnose.post_mortem.recurring import SHORTAGE
from kvmedic.model.case import Case
from kvmedic.model.finding import Finding

ENOUGH = 0.8
_BY_CAUSE = {
    "host-reset-unlogged": ("the hardware's event log: ipmitool sel list", "/sys/fs/pstore and /var/crash"),
    "host-panic": ("the crash dump's log: /var/crash/*/vmcore-dmesg.txt",),
    "qemu-killed": ("the audit log of that minute: ausearch -ts TIME -m ANOM_ABEND,OBJ_PID",),
    "qemu-crash": ("the core dump: coredumpctl list qemu-system-x86_64",),
    "hugepages-exhausted": ("the pools by node at the next failure: numastat -m | grep -i huge",),
    "memory-fragmented": ("/proc/buddyinfo and /proc/pagetypeinfo at the next failure",),
}


def things_to_collect(case: Case, findings: list[Finding]) -> tuple[str, ...]:
    """Nothing where the first cause is sure; else what is missing."""
    is_well = not case.scene and bool(case.logs) and not case.is_asked
    if is_well or (findings and findings[0].confidence >= ENOUGH):
        return ()
    return tuple(dict.fromkeys(_things(case, findings)))


def _things(case: Case, findings: list[Finding]) -> Iterator[str]:
    is_hearsay_only = any(is_hearsay(report) for _, report in any_ooms(case))
    if is_hearsay_only or not case.has_log_of("kernel"):
        yield "the kernel's log of that boot: journalctl -k -b -1 (or /var/log/kern.log)"
    if not case.has_log_of("qemu") and not case.is_guest_log:
        yield "QEMU's log of the guest: /var/log/libvirt/qemu/NAME.log"
    if not case.has_log_of("daemons") and not case.is_guest_log:
        yield "libvirt's log of that hour: journalctl -u libvirtd -u virtqemud"
    if not case.samples and any(finding.cause in SHORTAGE for finding in findings[:2]):
        yield "how memory goes before the next failure: let sysstat sample it (sar -r)"
    for finding in findings[:2]:
        yield from _BY_CAUSE.get(finding.cause, ())
    if case.is_guest_log:
        yield "the host's own logs of the same time: only they show what the host did"
    else:
        yield "the state of the host at the next failure: kvmedic capture"
