"""QEMU ended by a signal that leaves a core, as the kernel and the audit system tell it."""

from __future__ import annotations

import pytest
from log_samples import dmesg, read, the_event

from kvmedic.model.log_event import QemuEvent

FATAL = """\
potentially unexpected fatal signal {signal}.
CPU: 1 PID: 4201 Comm: {comm} Not tainted 6.1.0-18-amd64 #1  Debian 6.1.76-1
Hardware name: Dell Inc. PowerEdge R740/0923K0, BIOS 2.19.1 06/04/2023
RIP: 0033:0x7f2a8e0a9e2c
"""
ABEND = (
    "audit: type=1701 audit(1795489212.100:77): auid=4294967295 uid=107 gid=107 ses=4294967295 "
    'pid=4201 comm="qemu-system-x86" exe="/usr/bin/qemu-system-x86_64" sig={signal} res=1\n'
)


@pytest.mark.parametrize(("signal", "kind"), [(6, "assertion"), (11, "segfault")])
@pytest.mark.parametrize("text", [FATAL, ABEND])
def test_the_signal_and_the_process_are_told(text: str, signal: int, kind: str) -> None:
    event = the_event(QemuEvent, dmesg(text.format(signal=signal, comm="qemu-system-x86")))

    assert (event.kind, event.signal, event.pid) == (kind, signal, 4201)
    assert event.comm == "qemu-system-x86"


@pytest.mark.parametrize("text", [FATAL.replace("{comm}", "bash"), ABEND.replace("qemu-system-x86", "bash")])
def test_other_programs_are_none_of_our_business(text: str) -> None:
    assert read(dmesg(text.format(signal=11, comm="bash"))).events == ()
