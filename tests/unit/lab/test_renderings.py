"""The forms of an incident carry the same lines, and a past put before a failure keeps its times of day."""

from __future__ import annotations

import io
import json
import tarfile

import pytest

from kvmedic.lab.compose import compose, shifted
from kvmedic.lab.incident import Incident
from kvmedic.lab.renderings import FORMATS, end_of
from kvmedic.lab.take import BootLog, Take, lines_after, time_of, time_of_last_line

PROLOGUE = "[    0.000000] Linux version 6.1.0\n[    1.500000] EXT4-fs (vda): mounted\n"
FAILURE = (
    "[  100.000000] CPU 0/KVM invoked oom-killer: order=0\n[  101.000000] Out of memory: Killed process 7\n"
)
DECOY = "[   50.000000] cgroup: fork rejected by pids controller in /machine\n"


def boot(segment: str, *, end: str = "running", started_at: float = 1_750_000_000.0) -> BootLog:
    return BootLog(
        boot_id="5b0a3c4e-0000-4000-8000-000000000001",
        started_at=started_at,
        prologue=PROLOGUE,
        segment="",
        end="running",
    ).told(segment, end)  # type: ignore[arg-type]


def take(*boots: BootLog, scenario: str = "oom-overcommit") -> Take:
    files = {"proc/uptime": b"102.00 99.00\n", "var/log/libvirt/qemu/web-01.log": b"shutting down\n"}
    return Take(
        scenario=scenario,
        variant=1,
        kernel="6.1.0-56-amd64",
        made_on="libvirt",
        host="kvmedic-lab-0123abcd-host",
        boots=boots,
        files=files,
    )


@pytest.fixture
def incident() -> Incident:
    """A failure with another one before it."""
    decoys = [take(boot(DECOY), scenario="pids-limit")]
    return compose(take(boot(FAILURE)), decoys, "kernel", host="hv02")


def test_a_past_before_the_failure_leaves_the_time_of_day_of_the_failure_as_it_was(
    incident: Incident,
) -> None:
    assert end_of(incident) == pytest.approx(1_750_000_101.0)
    assert incident.boots[0].started_at < 1_750_000_000.0 - 86400
    text = incident.boots[0].text
    assert text.index("fork rejected") < text.index("invoked oom-killer")
    times = [time_of(line) or 0.0 for line in text.splitlines()]
    assert times == sorted(times)


def test_the_host_is_said_to_be_up_for_as_long_as_its_log(incident: Incident) -> None:
    uptime = float(incident.files["proc/uptime"].split()[0])

    assert uptime == pytest.approx(end_of(incident) - incident.boots[0].started_at + 1.0)


def test_all_forms_hold_every_line(incident: Incident) -> None:
    messages = [line.partition("] ")[2] for line in incident.boots[0].text.splitlines()]

    for form in ("dmesg", "syslog", "journal-short", "serial"):
        text = FORMATS[form][1](incident).decode().replace("\r", "")
        assert [line for line in messages if line not in text] == []
    told = [json.loads(line) for line in FORMATS["journal-json"][1](incident).splitlines()]
    assert [entry["MESSAGE"] for entry in told] == messages
    assert [int(entry["__REALTIME_TIMESTAMP"]) for entry in told][-1] == 1_750_000_101_000_000


def test_a_sosreport_has_the_dump_of_a_panic_and_not_its_last_words_in_the_log() -> None:
    crashed = boot(FAILURE + "[  102.000000] Kernel panic - not syncing: Out of memory\n", end="panic")
    later = boot("", started_at=1_750_000_200.0)
    incident = compose(take(crashed, later, scenario="panic"), (), "kernel", host="hv02")

    with tarfile.open(fileobj=io.BytesIO(FORMATS["sosreport"][1](incident))) as tar:
        files = {
            name.partition("/")[2]: content.read()
            for name in tar.getnames()
            if (content := tar.extractfile(name)) is not None
        }

    dump = next(data for path, data in files.items() if path.endswith("vmcore-dmesg.txt"))
    assert b"Kernel panic" in dump
    assert b"Kernel panic" not in files["var/log/kern.log"]
    assert b"Linux version" in files["sos_commands/kernel/dmesg"]
    assert {"pstore", "serial"} <= set(incident.label.formats)


def test_shifting_moves_stamps_and_nothing_else() -> None:
    assert shifted("[    1.500000] a [1.5] b\nno stamp", 10.0) == "[   11.500000] a [1.5] b\nno stamp"


def test_what_comes_after_a_moment_begins_with_the_first_later_line() -> None:
    assert lines_after(PROLOGUE + FAILURE, 1.5) == FAILURE
    assert lines_after(FAILURE, 500.0) == ""
    assert time_of_last_line(PROLOGUE) == 1.5
