"""The collector: one POSIX shell script for hosts where nothing may be installed, from the reading list."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files

from kvmedic import __version__
from kvmedic.model import reading_list
from kvmedic.parse import safe_domain_xml
from kvmedic.parse.known_safe import is_reduced
from kvmedic.parse.qemu_command_line import SAFE_KEYS, SAFE_OPTIONS

_TEMPLATE = "collector.sh"
_WIDTH = 150


def collector_script() -> str:
    """The whole script, ready for ``sh``: what ``capture --script`` prints and what ssh runs."""
    script = files("kvmedic.adapters").joinpath(_TEMPLATE).read_text(encoding="utf-8")
    for name, words in _lists().items():
        script = script.replace(f"@{name}@", _wrapped(words))
    return script.replace("@VERSION@", __version__)


def _lists() -> dict[str, Iterable[str]]:
    again = set(reading_list.AGAIN)
    host = (pattern for pattern in reading_list.HOST if pattern not in again and not is_reduced(pattern))
    sysinfo = {"sysinfo", "system", "entry"}
    return {
        "HOST": host,
        "AGAIN": reading_list.AGAIN,
        "DEEP": reading_list.DEEP,
        "PROCESS": reading_list.PROCESS,
        "PROCESS_AGAIN": reading_list.PROCESS_AGAIN,
        "CGROUP": reading_list.CGROUP,
        "CGROUP_AGAIN": reading_list.CGROUP_AGAIN,
        "LOGS": (pattern for pattern in reading_list.LOGS if not pattern.startswith(("sos_", "kvmedic/"))),
        "SADF": reading_list.SADF,
        "SADF_ACTIVITIES": reading_list.SADF_ACTIVITIES,
        "JOURNAL": " + ".join(reading_list.JOURNAL_MATCHES).split(),
        "DAEMONS": sorted(reading_list.DAEMONS),
        "XML_ELEMENTS": sorted((safe_domain_xml.WITH_TEXT | safe_domain_xml.WITHOUT_TEXT) - sysinfo),
        "XML_ATTRIBUTES": sorted(safe_domain_xml.ATTRIBUTES),
        "QEMU_OPTIONS": sorted(SAFE_OPTIONS),
        "QEMU_KEYS": sorted(SAFE_KEYS),
    }


def _wrapped(words: Iterable[str]) -> str:
    """Words over several lines, as a shell splits them again; none holds a blank or a quote."""
    lines = [""]
    for word in words:
        if len(lines[-1]) + len(word) >= _WIDTH:
            lines.append("")
        lines[-1] += f" {word}" if lines[-1] else word
    return "\n".join(lines)
