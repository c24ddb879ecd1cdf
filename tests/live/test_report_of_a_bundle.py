"""A bundle of a host with a real guest gives the report of the host itself; the collector its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from kvmedic_command import domain_of, findings_about, report_of

from kvmedic.adapters.collector import collector_script
from kvmedic.lab.guest import Guest
from kvmedic.lab.libvirt_host import LibvirtHost

BOTH_REPORTS = """
import json, sys
from pathlib import Path
import msgspec
from kvmedic.adapters.capture_writer import write_bundle
from kvmedic.app.capture import contents_of
from kvmedic.app.check import check_target
from kvmedic.model.request import CollectRequest
from kvmedic.wiring import open_source

REQUEST = CollectRequest(is_deep=True, interval_s=0.5, page_map="sampled")
quiet = lambda _phrase, _share: None

class Once:
    def __init__(self, evidence):
        self.evidence = evidence
    def collect(self, _request, _progress):
        return self.evidence

evidence = open_source(None).collect(REQUEST, quiet)
contents = contents_of(evidence, tool_version="test", is_deep=True, pseudonym_key=None)
place = Path(sys.argv[1])
write_bundle(contents.files, place, name="bundle", taken_at=contents.taken_at)
reports = [check_target(source, REQUEST, quiet) for source in (Once(evidence), open_source(str(place)))]
print(json.dumps([msgspec.json.decode(msgspec.json.encode(report)) for report in reports]))
"""


def test_the_whole_report_is_the_same_live_and_from_the_bundle(
    libvirt_host: LibvirtHost, fragmented_guest: Guest, tmp_path: Path
) -> None:
    words = [*libvirt_host.command_prefix, sys.executable, "-c", BOTH_REPORTS, str(tmp_path / "host.tar.gz")]
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=120)
    live, bundled = json.loads(done.stdout)
    assert domain_of(live, fragmented_guest.name)["stranded_bytes"] > 0
    assert (live.pop("target")["kind"], bundled.pop("target")["kind"]) == ("host", "bundle")
    assert told_of(live) == told_of(bundled)


def told_of(report: dict[str, Any]) -> dict[str, Any]:
    """The report with the words of gaps that name the kind of target made one."""
    text = json.dumps(report).replace("not in this bundle", "not on this host")
    told: dict[str, Any] = json.loads(text)
    return told


def test_the_collectors_bundle_tells_the_same_of_the_guest(
    libvirt_host: LibvirtHost, fragmented_guest: Guest, tmp_path: Path
) -> None:
    bundle = tmp_path / "host.tar"
    words = [*libvirt_host.command_prefix, "sh", "-s", "--", "--interval", "0.2"]
    with bundle.open("wb") as out:
        subprocess.run(words, input=collector_script().encode(), stdout=out, check=True, timeout=120)
    kvmedic = Path(sys.executable).parent / "kvmedic"
    done = subprocess.run(
        [str(kvmedic), "check", "--json", str(bundle)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    report = report_of(done)
    domain = domain_of(report, fragmented_guest.name)
    about_libvirt = [gap for gap in report["gaps"] if "libvirt" in gap["source"] or "virsh" in gap["source"]]
    assert domain["source"] == "libvirt", (report["host"]["libvirt"], about_libvirt)
    assert domain["pid"] == fragmented_guest.pid
    assert domain["balloon_actual_bytes"] == fragmented_guest.actual_bytes()
    assert domain["stranded_method"] == "lru-accounting"
    assert domain["pending_changes"] == []
    assert "balloon-stranded-memory" in findings_about(report, fragmented_guest.name)
