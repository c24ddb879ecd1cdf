"""Who the host says it is: /proc/version, the flags of /proc/cpuinfo, and libvirt's version."""

from __future__ import annotations

import re

from kvmedic.parse.lines import after_the_end, numbered_lines, only_line

_RELEASE = re.compile(r"Linux (?:version |\S+ )(\S+) ")
_RELEASE_EXPECTED = "Linux version RELEASE"


def parse_kernel_release(text: str, source: str) -> str:
    """The release in /proc/version ("Linux version 6.1.0-56-amd64 …") or in the output of ``uname -a``."""
    line = only_line(text, source, _RELEASE_EXPECTED)
    match = _RELEASE.match(line.text)
    if match is None:
        raise line.error(_RELEASE_EXPECTED)
    return match[1]


def parse_hypervisor_flag(text: str, source: str) -> bool:
    """Whether /proc/cpuinfo of an x86 shows the flag "hypervisor": this host is itself a virtual machine.

    A ParseError where there is no row of flags (other architectures have no such flag).
    """
    for line in numbered_lines(text, source):
        name, colon, flags = line.text.partition(":")
        if colon and name.strip() == "flags":
            return "hypervisor" in flags.split()
    raise after_the_end(text, source, "a row 'flags : …'")


def parse_libvirt_version(text: str, source: str) -> str:
    """The version of the library in the output of ``virsh version``."""
    for line in numbered_lines(text, source):
        name, colon, version = line.text.partition(":")
        if colon and name.strip() == "Using library":
            return version.strip().removeprefix("libvirt ")
    raise after_the_end(text, source, "Using library: libvirt VERSION")
