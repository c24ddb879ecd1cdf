"""The stranded-memory story on real guests: found, measured twice, told from what only looks like it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from tests.live.conftest import BALLOON_BYTES, MakeGuest
from tests.live.kvmedic_command import check_here, check_nested, domain_of, findings_about

from kvmedic.adapters.live_host import LiveHost
from kvmedic.adapters.madvise import batches, make_cold
from kvmedic.adapters.page_map import read_stranded_ranges
from kvmedic.adapters.page_map_of_host import request_of
from kvmedic.lab.guest import Guest
from kvmedic.lab.libvirt_host import LibvirtHost
from kvmedic.lab.nested_host import NestedHost
from kvmedic.model.gap import Missing
from kvmedic.model.page_map_request import DomainProcess
from kvmedic.model.request import CollectRequest

pytestmark = pytest.mark.live

HUGE = Path("/sys/kernel/mm/transparent_hugepage/hugepages-2048kB/stats/nr_anon_partially_mapped")
HUGE_BYTES = 2 << 20
STRANDED = "balloon-stranded-memory"


def readings(domain: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {reading["method"]: reading for reading in domain["stranded"]}


def test_check_names_the_domain_whose_balloon_stranded_memory(
    libvirt_host: LibvirtHost, fragmented_guest: Guest
) -> None:
    report = check_here(libvirt_host, "--page-map", "full")
    domain = domain_of(report, fragmented_guest.name)

    assert STRANDED in findings_about(report, fragmented_guest.name)
    assert domain["stranded_method"] == "page-map"
    assert domain["stranded_bytes"] == pytest.approx(BALLOON_BYTES, rel=0.05)
    assert domain["balloon_actual_bytes"] == 760 << 20


def test_both_methods_agree_within_five_percent_or_their_stated_error(
    libvirt_host: LibvirtHost, fragmented_guest: Guest
) -> None:
    found = readings(domain_of(check_here(libvirt_host, "--page-map", "full"), fragmented_guest.name))
    exact, accounted = found["page-map"], found["lru-accounting"]
    difference = abs(exact["bytes"] - accounted["bytes"])

    assert difference <= max(exact["bytes"] * 0.05, accounted["error_bytes"])


def test_the_sampled_map_is_right_within_its_stated_error(
    libvirt_host: LibvirtHost, fragmented_guest: Guest
) -> None:
    found = readings(domain_of(check_here(libvirt_host), fragmented_guest.name))
    sampled = found["sampled-page-map"]

    assert abs(sampled["bytes"] - BALLOON_BYTES) <= max(sampled["error_bytes"] * 2, BALLOON_BYTES * 0.05)


def test_blocks_match_the_kernels_own_counter_and_what_a_release_frees(
    libvirt_host: LibvirtHost, make_guest: MakeGuest
) -> None:
    if not HUGE.exists():
        pytest.fail("this kernel does not count partially mapped folios; test on 6.10 or later")
    before = int(HUGE.read_text())
    guest = make_guest(orders=("punch 600",), actual_mib=760)
    grown = int(HUGE.read_text()) - before
    domain = domain_of(check_here(libvirt_host, "--page-map", "full"), guest.name)
    blocks = readings(domain)["page-map"]["blocks"]

    assert blocks == pytest.approx(grown, rel=0.02)

    release(domain["pid"])
    after = check_here(libvirt_host, "--page-map", "full")
    freed = domain["memcg_bytes"] - domain_of(after, guest.name)["memcg_bytes"]

    assert freed == pytest.approx(domain["stranded_bytes"], rel=0.05)
    assert STRANDED not in findings_about(after, guest.name)


def release(pid: int) -> None:
    """Releases with the product's own call."""
    wish = CollectRequest(is_deep=False, interval_s=0, page_map="none")
    evidence = LiveHost().collect(wish, lambda *_: None)
    request = request_of(evidence, "full", only=DomainProcess(name="guest", pid=pid))
    ranges = read_stranded_ranges(request, pid)
    assert not isinstance(ranges, Missing), ranges
    pidfd = os.pidfd_open(pid)
    try:
        for batch in batches(ranges):
            make_cold(pidfd, batch)
    finally:
        os.close(pidfd)


def test_after_a_deflate_and_new_use_the_answer_is_still_right(
    libvirt_host: LibvirtHost, make_guest: MakeGuest
) -> None:
    guest = make_guest(orders=("punch 600",), actual_mib=760)
    guest.set_balloon(1024, timeout_s=120)
    guest.agent.ask_or_fail("touch 240")
    found = readings(domain_of(check_here(libvirt_host, "--page-map", "full"), guest.name))
    exact, accounted = found["page-map"], found["lru-accounting"]

    assert exact["bytes"] > BALLOON_BYTES // 2
    assert abs(exact["bytes"] - accounted["bytes"]) <= max(exact["bytes"] * 0.05, accounted["error_bytes"])


def test_a_contiguous_guest_is_cleared(libvirt_host: LibvirtHost, contiguous_guest: Guest) -> None:
    report = check_here(libvirt_host, "--page-map", "full")

    assert STRANDED not in findings_about(report, contiguous_guest.name)
    assert domain_of(report, contiguous_guest.name)["stranded_bytes"] < BALLOON_BYTES * 0.1


def test_a_guest_without_a_driver_has_an_answer_of_its_own(
    libvirt_host: LibvirtHost, driverless_guest: Guest
) -> None:
    libvirt_host.virsh("setmem", driverless_guest.name, "400M", "--live")
    found = findings_about(check_here(libvirt_host), driverless_guest.name)

    assert "balloon-unresponsive" in found
    assert STRANDED not in found


def test_file_cache_in_the_group_is_not_taken_for_stranded(
    libvirt_host: LibvirtHost, cached_guest: Guest
) -> None:
    domain = domain_of(check_here(libvirt_host, "--page-map", "full"), cached_guest.name)
    found = readings(domain)

    assert found["page-map"]["bytes"] == pytest.approx(BALLOON_BYTES, rel=0.05)
    assert found["lru-accounting"]["bytes"] == pytest.approx(BALLOON_BYTES, rel=0.08)


def test_shared_memory_gets_its_own_answer(libvirt_host: LibvirtHost, shared_memory_guest: Guest) -> None:
    report = check_here(libvirt_host, "--page-map", "full")

    assert STRANDED not in findings_about(report, shared_memory_guest.name)


def test_a_balloon_on_hugetlb_gives_the_host_nothing(libvirt_host: LibvirtHost, hugetlb_guest: Guest) -> None:
    found = findings_about(check_here(libvirt_host), hugetlb_guest.name)

    assert "balloon-ineffective" in found
    assert STRANDED not in found


def test_check_leaves_guests_running_and_untouched(
    libvirt_host: LibvirtHost, fragmented_guest: Guest
) -> None:
    before = (fragmented_guest.actual_bytes(), libvirt_host.virsh("dumpxml", fragmented_guest.name))
    check_here(libvirt_host, "--deep", "--page-map", "full")
    after = (fragmented_guest.actual_bytes(), libvirt_host.virsh("dumpxml", fragmented_guest.name))

    assert before == after
    assert fragmented_guest.agent.ask_or_fail("ping")


def test_the_same_on_cgroup_v2_and_another_kernel(nested_host: NestedHost, nested_guest: Guest) -> None:
    report = check_nested(nested_host, "--page-map", "full")
    domain = domain_of(report, nested_guest.name)
    found = readings(domain)

    assert report["host"]["cgroup_version"] == 2
    assert report["host"]["kernel_release"].startswith("6.1")
    assert STRANDED in findings_about(report, nested_guest.name)
    assert domain["stranded_bytes"] == pytest.approx(BALLOON_BYTES, rel=0.1)
    assert abs(found["page-map"]["bytes"] - found["lru-accounting"]["bytes"]) <= max(
        found["page-map"]["bytes"] * 0.05, found["lru-accounting"]["error_bytes"]
    )
