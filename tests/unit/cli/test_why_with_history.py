"""``kvmedic why`` on a host's folder and on a sosreport with all the history that a host keeps."""

from __future__ import annotations

import json
import tarfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kvmedic.cli.main import main

DAYS = (21, 22, 23, 24)
SECRET = "hunter2"  # noqa: S105 (no secret)
KILL = (
    "qemu-system-x86 invoked oom-killer: gfp_mask=0x100cca(GFP_HIGHUSER_MOVABLE), order=0, oom_score_adj=0",
    (
        "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,"
        "task_memcg=/qemu.slice/101.scope,task=kvm,pid=4201,uid=0"
    ),
    "Out of memory: Killed process 4201 (kvm) total-vm:8704000kB, anon-rss:8396800kB, file-rss:0kB",
)
SAR = (
    "Linux 6.8.12-4-pve (pve1) \t11/24/26 \t_x86_64_\t(16 CPU)\n\n"
    "02:00:01    kbmemfree   kbavail kbmemused\n"
    "02:10:01       900000  12582912   2100480\n"
    "02:50:01       200000   4194304   2100480\n"
    "03:00:01       100000    314572   2100480\n"
)


def night(day: int) -> str:
    head = f"Nov {day} 03:00:"
    job = f"{head}01 pve1 CRON[77]: (root) CMD (/usr/local/bin/reindex --password {SECRET})\n"
    return job + "".join(f"{head}12 pve1 kernel: [{day * 86400}.000000] {line}\n" for line in KILL)


def task(day: int, minute: int, kind: str, status: str, subject: str = "101") -> str:
    began = int(datetime(2026, 11, day, 3 if minute < 50 else 2, minute, tzinfo=UTC).timestamp())
    head = f"UPID:pve1:003D2ED6:01835485:{began:08X}:{kind}:{subject}:ops@pve:"
    return f"{head} {began + 1800:08X} {status}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    host = tmp_path / "sosreport-pve1"
    tasks = "".join(
        task(day, 55, "vzdump", "job errors", "")
        + task(day, 5, "qmstart", "OK")
        + task(day, 20, "qmstart", "OK")
        for day in DAYS
    )
    files = {
        "var/log/syslog": "".join(map(night, DAYS)),
        "var/log/pve/tasks/index": tasks,
        "sos_commands/sar/sar24": SAR,
        "etc/pve/qemu-server/101.conf": "name: web01\nmemory: 8192\n",
        "etc/hostname": "pve1\n",
        "proc/uptime": "10 10\n",
    }
    for name, text in files.items():
        (host / name).parent.mkdir(parents=True, exist_ok=True)
        (host / name).write_text(text)
    return host


def report_on(target: Path, capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, Any]:
    main(["why", str(target), "--json", *options])
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    return told


def test_history_is_told_beside_the_failure(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = report_on(folder, capsys)

    first = report["findings"][0]
    assert (first["cause"], first["subject"]["name"]) == ("host-memory-exhausted", "web01")
    fall = "available memory fell from 12.0 GiB to 307 MiB in 50 min (sysstat, 11 s before it)"
    assert fall in [line["text"] for line in first["because"]]
    assert report["recurrence"]["sentence"] == (
        "this is the 4th time in 3 d (every 1.0 days); "
        "the guest was started 2 times in the day before, without effect; "
        "always at the same time of the day (03:00), "
        "each time within 2 min of cron job reindex (by root): a coincidence, no proof"
    )
    timeline = [(entry["at"], entry["text"]) for entry in report["timeline"]]
    assert ("2026-11-24T02:55:00Z", "a backup began, and did not end before it") in timeline
    assert ("2026-11-24T03:00:01Z", fall) in timeline
    assert ("2026-11-24T03:00:01Z", "cron job reindex began (by root)") in timeline
    assert ("2026-11-24T03:05:00Z", "web01: QEMU started (qmstart by ops@pve)") in timeline
    assert [finding["cause"] for finding in report["findings"]].index("backup-job") > 0
    assert SECRET not in json.dumps(report)


def test_an_archive_of_it_gives_the_same_story(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archive = folder.parent / "sosreport-pve1.tar.xz"
    with tarfile.open(archive, "w:xz") as tar:
        tar.add(folder, arcname=folder.name)

    one, other = report_on(folder, capsys), report_on(archive, capsys)

    for part in ("findings", "timeline", "recurrence", "advice", "incidents"):
        assert one[part] == other[part]


@pytest.mark.parametrize("asked", ["101", "web01"])
def test_a_guest_of_proxmox_can_be_asked_about_by_id_and_by_name(
    folder: Path, capsys: pytest.CaptureFixture[str], asked: str
) -> None:
    report = report_on(folder, capsys, "--domain", asked)

    assert report["findings"][0]["subject"]["name"] == "web01"
