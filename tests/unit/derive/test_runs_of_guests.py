"""A start or an end that several logs tell is one happening; guests of Proxmox have their names."""

from __future__ import annotations

import pytest

from kvmedic.derive.chronicle import assemble_chronicle
from kvmedic.derive.clocks import ClockFacts
from kvmedic.derive.proxmox import names_of_proxmox
from kvmedic.derive.snapshot import assemble_snapshot
from kvmedic.model.case import Chronicle
from kvmedic.model.evidence import Evidence, Target
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.log_event import QemuEvent
from kvmedic.parse.logs import read_events

QEMU_LOG = "var/log/libvirt/qemu/web01.log"
AUDIT_LOG = "var/log/audit/audit.log"
AT = 1795485600
"""2026-11-24 02:00:00 UTC."""


def audit(op: str, reason: str, at_s: float) -> str:
    return (
        f"type=VIRT_CONTROL msg=audit({at_s:.3f}:9): pid=981 uid=0 auid=4294967295 ses=4294967295 "
        f'msg=\'virt=kvm op={op} reason={reason} vm="web01" uuid=0f0f0f0f-1e1e-2d2d-3c3c-4b4b4b4b4b4b '
        'vm-pid=4201 exe="/usr/sbin/libvirtd" hostname=? addr=? terminal=? res=success\'\n'
    )


def evidence(files: dict[str, bytes | Missing]) -> Evidence:
    unknown = Missing(source="logs", reason=Reason.NOT_COLLECTED, detail="only logs")
    return Evidence(
        target=Target(kind="log", name="x"), taken_at=unknown, interval_s=unknown, files=files, again={}
    )


def chronicle(texts: dict[str, str], names: dict[str, str] | None = None) -> Chronicle:
    readings = [read_events(name, [text.encode()]) for name, text in texts.items()]
    facts = ClockFacts(now_s=AT + 9e5, zone_offset_s=None, booted_at_s=None)
    snapshot = assemble_snapshot(evidence({}))
    return assemble_chronicle(readings, snapshot, facts, guest_logs=frozenset(), names_by_id=names or {})


def runs(told: Chronicle) -> list[tuple[str, str | None, str]]:
    return [
        (h.event.kind, h.event.reason, h.event.lines[0].source)
        for h in told.happenings
        if isinstance(h.event, QemuEvent)
    ]


@pytest.mark.parametrize("order", [(QEMU_LOG, AUDIT_LOG), (AUDIT_LOG, QEMU_LOG)])
def test_the_same_start_and_end_in_two_logs_are_told_once_by_qemus_own(order: tuple[str, str]) -> None:
    texts = {
        QEMU_LOG: (
            "2026-11-24 02:00:00.000+0000: starting up libvirt version: 9.0.0, qemu version: 7.2.9\n"
            "2026-11-24 02:30:00.600+0000: shutting down, reason=crashed\n"
        ),
        AUDIT_LOG: audit("start", "booted", AT + 1.2) + audit("stop", "failed", AT + 1800.9),
    }

    told = runs(chronicle({name: texts[name] for name in order}))

    assert told == [("started", None, QEMU_LOG), ("stopped", "crashed", QEMU_LOG)]


def test_two_starts_in_one_log_are_two() -> None:
    text = audit("start", "booted", AT) + audit("start", "booted", AT + 5)

    assert len(runs(chronicle({AUDIT_LOG: text}))) == 2


def test_the_id_of_a_guest_of_proxmox_stands_for_its_name() -> None:
    conf = "etc/pve/qemu-server/100.conf"
    names = names_of_proxmox(evidence({conf: b"name: web01\nmemory: 2048\n", "proc/uptime": b"1 1\n"}))
    index = f"UPID:pve1:003D2ED6:01835485:{AT:08X}:qmstart:100:root@pam: {AT + 3:08X} OK\n"

    told = chronicle({"var/log/pve/tasks/index": index}, names)

    assert names == {"100": "web01"}
    assert [happening.domain for happening in told.happenings] == ["web01"]
    assert told.happenings[0].at_s == AT
