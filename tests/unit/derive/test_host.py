"""Who the host is."""

from __future__ import annotations

import gzip

import pytest
from host_samples import evidence
from hypothesis import given, settings
from hypothesis import strategies as st

from kvmedic.derive.host import derive_host
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.snapshot import HostFacts

RELEASE = "proc/sys/kernel/osrelease"
CONFIG = b"CONFIG_NUMA=y\nCONFIG_NO_PAGE_MAPCOUNT=y\nCONFIG_SND=m\n"
VENDOR, PRODUCT = "sys/class/dmi/id/sys_vendor", "sys/class/dmi/id/product_name"
EDAC = "sys/devices/system/edac/mc"


def host(files: dict[str, bytes]) -> HostFacts:
    """The facts of a host that shows ``files``."""
    return derive_host(evidence(files))[0]


def test_the_name_is_the_host_s_own_and_else_the_target_s() -> None:
    assert host({"proc/sys/kernel/hostname": b"kvm7\n"}).name == "kvm7"
    assert host({"etc/hostname": b"kvm8\n"}).name == "kvm8"
    assert host({}).name == "sample"


@pytest.mark.parametrize(
    "files",
    [
        {RELEASE: b"6.1.0-56-amd64\n"},
        {"proc/version": b"Linux version 6.1.0-56-amd64 (x) #1\n"},
        {"sos_commands/kernel/uname_-a": b"Linux kvm7 6.1.0-56-amd64 #1 SMP\n"},
    ],
)
def test_the_kernel_release_comes_from_whatever_was_collected(files: dict[str, bytes]) -> None:
    assert host(files).kernel_release == "6.1.0-56-amd64"


def test_the_configuration_is_that_of_the_running_release() -> None:
    of_release = {RELEASE: b"6.1.0\n", "boot/config-6.1.0": CONFIG}
    of_another = {RELEASE: b"6.1.0\n", "boot/config-5.10.0": CONFIG}

    assert host(of_release).kernel_configuration == {"CONFIG_NUMA": "y", "CONFIG_NO_PAGE_MAPCOUNT": "y"}
    assert isinstance(host(of_another).kernel_configuration, Missing)


def test_the_packed_configuration_serves_as_well() -> None:
    packed = host({"proc/config.gz": gzip.compress(CONFIG)}).kernel_configuration

    assert not isinstance(packed, Missing)
    assert packed["CONFIG_NUMA"] == "y"


def test_a_damaged_file_of_boot_gives_way_to_the_packed_one() -> None:
    files = {RELEASE: b"6.1.0\n", "boot/config-6.1.0": b"\x7fELF\n", "proc/config.gz": gzip.compress(CONFIG)}

    assert not isinstance(host(files).kernel_configuration, Missing)


def test_a_packed_configuration_that_is_damaged_is_a_gap() -> None:
    damaged = host({"proc/config.gz": gzip.compress(CONFIG)[:-9]}).kernel_configuration

    assert isinstance(damaged, Missing)
    assert damaged.reason is Reason.NOT_UNDERSTOOD


@pytest.mark.parametrize(
    ("files", "is_virtual"),
    [
        ({"proc/cpuinfo": b"flags\t: fpu hypervisor\n"}, True),
        ({"proc/cpuinfo": b"flags\t: fpu\n", VENDOR: b"QEMU\n"}, False),
        ({VENDOR: b"QEMU\n", PRODUCT: b"KVM Virtual Machine\n"}, True),
        ({VENDOR: b"Microsoft Corporation\n", PRODUCT: b"Virtual Machine\n"}, True),
    ],
)
def test_a_virtual_machine_is_known_by_its_cpu_or_its_make(files: dict[str, bytes], is_virtual: bool) -> None:
    assert host(files).is_virtual_machine is is_virtual


def test_a_make_of_real_machines_proves_nothing() -> None:
    assert isinstance(
        host({VENDOR: b"Dell Inc.\n", PRODUCT: b"PowerEdge R740\n"}).is_virtual_machine, Missing
    )


def test_the_hardware_is_vendor_and_product() -> None:
    assert (
        host({VENDOR: b"Dell Inc.\n", PRODUCT: b"PowerEdge R740\n"}).hardware_name
        == "Dell Inc. PowerEdge R740"
    )
    assert host({VENDOR: b"Dell Inc.\n"}).hardware_name == "Dell Inc."


@pytest.mark.parametrize(
    ("files", "version"),
    [
        ({"proc/self/mounts": b"cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n"}, 2),
        ({"proc/self/mounts": b"cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n"}, 1),
        ({"sys/fs/cgroup/memory/memory.usage_in_bytes": b"1\n"}, 1),
        ({"sys/fs/cgroup/cgroup.controllers": b"memory\n"}, 2),
    ],
)
def test_the_cgroup_version_is_where_memory_is(files: dict[str, bytes], version: int) -> None:
    assert host(files).cgroup_version == version


def test_an_unknown_cgroup_version_is_a_gap() -> None:
    assert isinstance(host({}).cgroup_version, Missing)


def test_settings_come_from_files_and_from_a_listing_and_files_win() -> None:
    sysctls = host(
        {
            "sos_commands/kernel/sysctl_-a": b"vm.swappiness = 10\nvm.panic_on_oom = 0\n",
            "proc/sys/vm/swappiness": b"60\n",
            "proc/sys/vm/lowmem_reserve_ratio": b"256\t256\t32\n",
            "proc/sys/kernel/random/boot_id": b"an-id\n",
            "proc/sys/kernel/huge": b"x" * 5000,
        }
    ).sysctls

    assert sysctls == {"vm.lowmem_reserve_ratio": "256 256 32", "vm.panic_on_oom": "0", "vm.swappiness": "60"}


def test_a_setting_that_was_denied_is_left_out_and_is_not_empty() -> None:
    denied = Missing(source="proc/sys/vm/swappiness", reason=Reason.DENIED, detail="permission denied")

    assert derive_host(evidence({"proc/sys/vm/swappiness": denied}))[0].sysctls == {}


def test_memory_errors_are_counted_by_controller_and_module() -> None:
    errors = host(
        {
            f"{EDAC}/mc0/ce_count": b"3\n",
            f"{EDAC}/mc0/dimm1/dimm_ue_count": b"0\n",
            f"{EDAC}/mc0/size_mb": b"1\n",
        }
    )

    assert errors.memory_errors == {"mc0/ce_count": 3, "mc0/dimm1/dimm_ue_count": 0}


def test_no_controller_is_a_gap_and_not_zero_errors() -> None:
    assert isinstance(host({}).memory_errors, Missing)
    assert isinstance(host({f"{EDAC}/mc0/ce_count": b"many\n"}).memory_errors, Missing)


def test_tasks_in_d_state_and_boot_are_read() -> None:
    facts = host(
        {
            "kvmedic/process/d_state": b"12 CPU 0/KVM folio_wait_bit\n",
            "proc/uptime": b"904.62 1.0\n",
            "proc/loadavg": b"0.50 0.1 0.1 1/2 3\n",
            "kvmedic/libvirt/state": b"answers 9.0.0 qemu:///system\n",
        }
    )

    assert facts.d_state_tasks == ("CPU 0/KVM",)
    assert (facts.uptime_s, facts.load_1min, facts.libvirt_version) == (904.62, 0.5, "9.0.0")


@pytest.mark.parametrize(
    ("state", "reason", "detail"),
    [
        (b"hung no answer within 5 s\n", Reason.TIMED_OUT, "no answer within 5 s"),
        (b"absent no socket\n", Reason.UNREACHABLE, "no socket"),
        (b"answers\n", Reason.NOT_UNDERSTOOD, "answers"),
    ],
)
def test_libvirt_that_does_not_answer_has_a_gap_for_a_version(
    state: bytes, reason: Reason, detail: str
) -> None:
    version = host({"kvmedic/libvirt/state": state}).libvirt_version

    assert version == Missing(source="kvmedic/libvirt/state", reason=reason, detail=detail)


def test_a_sosreport_tells_libvirt_s_version_as_virsh_printed_it() -> None:
    printed = b"Using library: libvirt 8.0.0\nUsing API: QEMU 8.0.0\n"

    assert host({"sos_commands/virsh/virsh_-r_version": printed}).libvirt_version == "8.0.0"


def test_every_gap_is_named() -> None:
    facts, gaps = derive_host(evidence({}))
    unknown = {name for name in facts.__struct_fields__ if isinstance(getattr(facts, name), Missing)}

    assert unknown == set(facts.__struct_fields__) - {"name", "sysctls"}
    assert {gap.source for gap in gaps} >= {"kernel configuration", EDAC, "proc/uptime", "proc/cpuinfo"}


PATHS = (
    *(RELEASE, "proc/version", "proc/cpuinfo", "proc/self/mounts", "proc/config.gz", VENDOR, PRODUCT),
    *(f"{EDAC}/mc0/ce_count", "proc/sys/vm/swappiness", "kvmedic/process/d_state", "proc/uptime"),
)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from(PATHS), st.binary(max_size=100)))
def test_no_bytes_make_it_raise(files: dict[str, bytes]) -> None:
    derive_host(evidence(files))
