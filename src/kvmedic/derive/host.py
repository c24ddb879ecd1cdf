"""Who the host is: names, kernel, boot, settings, and the errors its memory controllers counted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from kvmedic.derive.cpus import derive_cpus_online
from kvmedic.derive.kernel_configuration import derive_kernel_configuration
from kvmedic.derive.reading import read_first_of, read_with
from kvmedic.model.evidence import Evidence
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.snapshot import HostFacts
from kvmedic.parse.d_state import parse_d_state_tasks
from kvmedic.parse.kernel_identity import (
    parse_hypervisor_flag,
    parse_kernel_release,
    parse_libvirt_version,
)
from kvmedic.parse.mounts import parse_memory_mounts
from kvmedic.parse.number import parse_number, parse_word
from kvmedic.parse.sysctl import name_of_sysctl, parse_sysctl_listing, parse_sysctl_value
from kvmedic.parse.uptime import parse_load_output, parse_loadavg, parse_uptime, parse_uptime_output

_SYS_VENDOR = "sys/class/dmi/id/sys_vendor"
_PRODUCT_NAME = "sys/class/dmi/id/product_name"
_LIBVIRT_STATE = "kvmedic/libvirt/state"
_LIBVIRT_IS_SILENT = {"hung": Reason.TIMED_OUT, "absent": Reason.UNREACHABLE}
_EDAC = "sys/devices/system/edac/mc"
_SYSCTLS = "proc/sys/"
_LISTING = "sos_commands/kernel/sysctl_-a"
_LONGEST_SYSCTL = 4096
_UPTIME_OUTPUTS = ("uptime", "sos_commands/host/uptime", "sos_commands/general/uptime")
_MAKES_OF_VIRTUAL_MACHINES = (
    "QEMU",
    "KVM",
    "VMware",
    "VirtualBox",
    "Xen",
    "OpenStack",
    "Virtual Machine",
    "RHEV",
    "oVirt",
)


def derive_host(evidence: Evidence) -> tuple[HostFacts, list[Missing]]:
    """The facts of the host, and every gap in them."""
    facts = HostFacts(
        name=_name(evidence),
        kernel_release=_kernel_release(evidence),
        boot_id=read_with(evidence, "proc/sys/kernel/random/boot_id", parse_word),
        uptime_s=read_first_of(
            evidence,
            ("proc/uptime", parse_uptime),
            *((path, parse_uptime_output) for path in _UPTIME_OUTPUTS),
        ),
        cpus_online=derive_cpus_online(evidence),
        command_line=read_with(evidence, "proc/cmdline", parse_word),
        hardware_name=_hardware_name(evidence),
        is_virtual_machine=_is_virtual_machine(evidence),
        cgroup_version=_cgroup_version(evidence),
        sysctls=_sysctls(evidence),
        kernel_configuration=derive_kernel_configuration(evidence),
        libvirt_version=_libvirt_version(evidence),
        load_1min=read_first_of(
            evidence,
            ("proc/loadavg", parse_loadavg),
            *((path, parse_load_output) for path in _UPTIME_OUTPUTS),
        ),
        memory_errors=_memory_errors(evidence),
        d_state_tasks=read_with(evidence, "kvmedic/process/d_state", parse_d_state_tasks),
    )
    found = (getattr(facts, name) for name in facts.__struct_fields__)
    return facts, list(dict.fromkeys(fact for fact in found if isinstance(fact, Missing)))


def _name(evidence: Evidence) -> str:
    """The host's own name, or the name the operator knows the target by."""
    paths = ("proc/sys/kernel/hostname", "hostname", "sos_commands/host/hostname", "etc/hostname")
    found = read_first_of(evidence, *((path, parse_word) for path in paths))
    return evidence.target.name if isinstance(found, Missing) else found


def _kernel_release(evidence: Evidence) -> str | Missing:
    return read_first_of(
        evidence,
        ("proc/sys/kernel/osrelease", parse_word),
        ("proc/version", parse_kernel_release),
        ("uname", parse_kernel_release),
        ("sos_commands/kernel/uname_-a", parse_kernel_release),
    )


def _libvirt_version(evidence: Evidence) -> str | Missing:
    """From the collector's row "answers VERSION URI"; in a sosreport from what virsh printed."""
    state = read_with(evidence, _LIBVIRT_STATE, parse_word)
    if isinstance(state, Missing):
        printed = read_with(evidence, "sos_commands/virsh/virsh_-r_version", parse_libvirt_version)
        return state if isinstance(printed, Missing) else printed
    word, _, rest = state.partition(" ")
    if word == "answers" and rest[:1].isdigit():
        return rest.split()[0]
    reason = _LIBVIRT_IS_SILENT.get(word, Reason.NOT_UNDERSTOOD)
    return Missing(source=_LIBVIRT_STATE, reason=reason, detail=rest or state)


def _hardware_name(evidence: Evidence) -> str | Missing:
    vendor, product = (read_with(evidence, path, parse_word) for path in (_SYS_VENDOR, _PRODUCT_NAME))
    if isinstance(vendor, Missing):
        return vendor
    return vendor if isinstance(product, Missing) else f"{vendor} {product}"


def _is_virtual_machine(evidence: Evidence) -> bool | Missing:
    """From the CPU's flags (x86); elsewhere only a virtual make proves one, and nothing refutes it."""
    flag = read_with(evidence, "proc/cpuinfo", parse_hypervisor_flag)
    if not isinstance(flag, Missing):
        return flag
    hardware = _hardware_name(evidence)
    if not isinstance(hardware, Missing) and any(make in hardware for make in _MAKES_OF_VIRTUAL_MACHINES):
        return True
    return flag


def _cgroup_version(evidence: Evidence) -> Literal[1, 2] | Missing:
    """From the mounts; without them from the files collected: a version 2 root has cgroup.controllers."""
    mounted = read_with(evidence, "proc/self/mounts", parse_memory_mounts)
    if not isinstance(mounted, Missing):
        return mounted.cgroup_version
    names = evidence.names("sys/fs/cgroup")
    if "memory" in names:
        return 1
    return 2 if any(name.startswith(("cgroup.", "machine.slice")) for name in names) else mounted


def _sysctls(evidence: Evidence) -> Mapping[str, str]:
    """All settings that were collected, from files and a listing; long values and random ids are left out."""
    listing = read_with(evidence, _LISTING, lambda text, _: parse_sysctl_listing(text))
    settings = {} if isinstance(listing, Missing) else dict(listing)
    for path in evidence.paths(_SYSCTLS):
        value = read_with(evidence, path, lambda text, _: parse_sysctl_value(text))
        if not isinstance(value, Missing):
            settings[name_of_sysctl(path)] = value
    kept = sorted(settings.items())
    return {
        name: value
        for name, value in kept
        if len(value) <= _LONGEST_SYSCTL and not name.startswith("kernel.random.")
    }


def _memory_errors(evidence: Evidence) -> Mapping[str, int] | Missing:
    """Every count below EDAC's controllers by its path there; a gap where no controller is known."""
    paths = [path for path in evidence.paths(f"{_EDAC}/") if path.endswith("_count")]
    found = {path.removeprefix(f"{_EDAC}/"): read_with(evidence, path, parse_number) for path in paths}
    counts = {name: count for name, count in found.items() if not isinstance(count, Missing)}
    if counts:
        return counts
    gap = next((gap for gap in found.values() if isinstance(gap, Missing)), None)
    absent = Missing(source=_EDAC, reason=Reason.NOT_FOUND, detail="no memory controller reports errors here")
    return gap or absent
