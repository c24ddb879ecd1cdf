"""journalctl's and dmesg's less usual forms, and what people put before the lines of a log."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from log_samples import read, the_event

from kvmedic.model.log_event import OomReport

AT = 1795489200
REPORT = (
    "CPU 0/KVM invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0",
    "Mem-Info:",
    "Node 0 Normal free:54000kB boost:0kB min:54600kB low:68250kB high:81900kB managed:13371488kB",
    "Out of memory: Killed process 77 (qemu-kvm) total-vm:9kB, anon-rss:8kB, file-rss:0kB, shmem-rss:0kB",
)
STAMPED = tuple(f"[ 1000.{index:06d}] {line}" for index, line in enumerate(REPORT))
WALL = f"{datetime.fromtimestamp(AT, UTC):%a %Y-%m-%d %H:%M:%S}"


def lines_of(before: str, lines: tuple[str, ...] = REPORT) -> str:
    return "".join(f"{before}{line}\n" for line in lines)


def entries() -> list[dict[str, str]]:
    return [
        {
            "__REALTIME_TIMESTAMP": str(AT * 1_000_000), "_TRANSPORT": "kernel", "MESSAGE": line,
            "SYSLOG_IDENTIFIER": "kernel", "_HOSTNAME": "node7", "_BOOT_ID": "0" * 32,
        }
        for line in REPORT
    ]  # fmt: skip


def verbose() -> str:
    return "".join(
        f"{WALL}.000123 UTC [s=739ad463348b4ceca5a9e69c95a3c93f;i=4ece7;b=6c7c6013a26343b29e964691ff25d04c]\n"
        f"    _TRANSPORT=kernel\n    MESSAGE={line}\n    _HOSTNAME=node7\n    SYSLOG_IDENTIFIER=kernel\n"
        for line in REPORT
    )


FORMS: dict[str, Callable[[], str | bytes]] = {
    "short-full": lambda: lines_of(f"{WALL} UTC node7 kernel: "),
    "short-unix": lambda: lines_of(f"{AT}.000123 node7 kernel: "),
    "short-delta": lambda: lines_of("[ 1000.000000 <    0.000400 >] node7 kernel: "),
    "dmesg with deltas": lambda: lines_of("[ 1000.000000 <    0.000400>] "),
    "dmesg with relative times": lambda: lines_of("[  +0.000004] "),
    "verbose": verbose,
    "json-pretty": lambda: "".join(f"{json.dumps(entry, indent=8)}\n" for entry in entries()),
    "json-seq": lambda: "".join(f"\x1e{json.dumps(entry)}\n" for entry in entries()),
    "json-sse": lambda: "".join(f"data: {json.dumps(entry)}\n\n" for entry in entries()),
    "an array of entries": lambda: json.dumps(entries()).replace("}, {", "},\n{"),
    "dmesg's own JSON": lambda: json.dumps(
        {"dmesg": [{"pri": 4, "time": 1000.5, "msg": line} for line in REPORT]}, indent=3
    ),
    "UTF-16": lambda: lines_of("", STAMPED).encode("utf-16"),
    "carriage returns alone": lambda: lines_of("", STAMPED).replace("\n", "\r"),
    "numbered": lambda: "".join(f"{number:6d}\t{line}\n" for number, line in enumerate(STAMPED)),
    "with the name of the file": lambda: lines_of(
        "/var/log/kern.log:Nov 20 03:00:00 node7 kernel: ", STAMPED
    ),
    "added lines": lambda: lines_of("+", STAMPED),
    "a list": lambda: lines_of("* ", STAMPED),
    "a container's log": lambda: lines_of("2026-11-20T03:00:00.123456789Z stderr F ", STAMPED),
    "with a zone behind the time": lambda: lines_of("Nov 20 03:00:00 CET node7 kernel: ", STAMPED),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_every_form_says_the_same(form: Callable[[], str | bytes]) -> None:
    told = the_event(OomReport, form())

    assert told.order == 0
    assert told.requester is not None
    assert told.requester.comm == "CPU 0/KVM"
    assert told.mem_info is not None
    assert told.mem_info.zones[0].min_bytes == 54600 << 10
    assert [victim.pid for victim in told.victims] == [77]


@pytest.mark.parametrize(
    "form", ["short-full", "short-unix", "verbose", "json-pretty", "json-seq", "json-sse"]
)
def test_the_journals_forms_tell_when(form: str) -> None:
    told = the_event(OomReport, FORMS[form]())

    assert told.at.is_zone_known
    assert told.at.wall_s == pytest.approx(AT, abs=1)


@pytest.mark.parametrize("form", ["verbose", "json-pretty", "dmesg's own JSON"])
def test_the_number_of_a_line_is_that_of_its_entry(form: str) -> None:
    text = FORMS[form]()
    assert isinstance(text, str)
    lines = text.split("\n")
    reading = read(text)

    number = reading.events[0].lines[-1].line_number
    assert number is not None
    assert "Killed process 77" in "\n".join(lines[number - 1 : number + 8])
