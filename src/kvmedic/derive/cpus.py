"""How many CPUs the host runs on."""

from __future__ import annotations

from kvmedic.derive.reading import read_with
from kvmedic.model.evidence import Evidence
from kvmedic.model.gap import Missing
from kvmedic.parse.cpu_list import count_of_list, parse_cpu_list

ONLINE = "sys/devices/system/cpu/online"


def derive_cpus_online(evidence: Evidence) -> str | Missing:
    """The online CPUs as the kernel lists them ("0-3,8")."""
    return read_with(evidence, ONLINE, parse_cpu_list)


def count_cpus(evidence: Evidence) -> int | Missing:
    """How many CPUs are online."""
    online = derive_cpus_online(evidence)
    return online if isinstance(online, Missing) else count_of_list(online)
