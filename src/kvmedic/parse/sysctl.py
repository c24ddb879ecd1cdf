"""Kernel settings: files below /proc/sys, and what ``sysctl -a`` prints of them."""

from __future__ import annotations

from collections.abc import Mapping

from kvmedic.parse.lines import numbered_lines


def parse_sysctl_value(text: str) -> str:
    """The value in a file below /proc/sys: fields by one blank (the kernel separates them by tabs)."""
    return " ".join(text.split())


def name_of_sysctl(path: str) -> str:
    """The name that sysctl gives to "proc/sys/vm/swappiness": "vm.swappiness"."""
    return path.removeprefix("proc/sys/").replace(".", "\0").replace("/", ".").replace("\0", "/")


def parse_sysctl_listing(text: str) -> Mapping[str, str]:
    """The settings in the output of ``sysctl -a``; its warnings ("sysctl: …") are no rows."""
    rows = (line.text.partition("=") for line in numbered_lines(text, "sysctl -a"))
    return {
        name.strip(): parse_sysctl_value(value)
        for name, equals, value in rows
        if equals and name.strip() and " " not in name.strip()
    }
