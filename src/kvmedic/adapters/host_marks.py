"""Reads the marks of a host: sysctl.d and tuned, configuration management, guardians, realtime pollers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from kvmedic.adapters.rt_tasks import realtime_tasks_on_isolated_cpus
from kvmedic.model.marks import HostMarks, SettingOwner

OWN_FILES = frozenset({"90-kvmedic.conf", "kvmedic.conf"})
SYSCTL_FOLDERS = (
    "etc/sysctl.d",
    "run/sysctl.d",
    "usr/local/lib/sysctl.d",
    "usr/lib/sysctl.d",
    "lib/sysctl.d",
)
TMPFILES_FOLDERS = ("etc/tmpfiles.d", "run/tmpfiles.d", "usr/lib/tmpfiles.d")
MANAGERS = (
    ("etc/puppetlabs", "puppet"),
    ("etc/puppet/puppet.conf", "puppet"),
    ("etc/chef/client.rb", "chef"),
    ("etc/salt/minion", "salt"),
    ("var/lib/cfengine3", "cfengine"),
    ("etc/ansible/facts.d", "ansible"),
)
QUESTIONS = (
    ("etc/ceph/ceph.conf", "ceph-noout-set"),
    ("etc/corosync/corosync.conf", "ha-maintenance-on"),
    ("etc/pve/ha/resources.cfg", "ha-maintenance-on"),
)
BALLOONERS = {"pvestatd": "pvestatd (Proxmox)", "vdsmd": "MOM (oVirt)", "momd": "MOM (oVirt)"}
_LARGEST = 256 * 1024


def read_marks(root: Path = Path("/")) -> HostMarks:
    """The marks. What cannot be read marks nothing: these are warnings, not gates."""
    return HostMarks(
        setting_owners=tuple(_setting_owners(root)),
        tuned_profile=_text(root / "etc/tuned/active_profile").strip() or None,
        configuration_managers=tuple(
            f"{name} (/{path})" for path, name in MANAGERS if (root / path).exists()
        ),
        realtime_tasks=realtime_tasks_on_isolated_cpus(root),
        auto_ballooners=tuple(_ballooners(root)),
        questions={key: f"/{path}" for path, key in QUESTIONS if (root / path).exists()},
    )


def _setting_owners(root: Path) -> Iterator[SettingOwner]:
    for path in (root / "etc/sysctl.conf", *_files(root, SYSCTL_FOLDERS)):
        for line in _text(path).splitlines():
            key, equals, value = line.partition("=")
            if equals and not key.lstrip().startswith(("#", ";")):
                name = key.strip().lstrip("-").replace("/", ".")
                yield SettingOwner(key=name, owner=_shown(root, path), value=value.strip())
    for path in _files(root, TMPFILES_FOLDERS):
        for line in _text(path).splitlines():
            words = line.split()
            if len(words) >= 2 and words[0].startswith("w") and words[1].startswith(("/sys/", "/proc/")):
                written = words[-1] if len(words) >= 7 else None
                yield SettingOwner(key=words[1].lstrip("/"), owner=_shown(root, path), value=written)


def _files(root: Path, folders: tuple[str, ...]) -> Iterator[Path]:
    """The files that count: a name in an earlier folder hides it in later ones (sysctl.d(5))."""
    seen: set[str] = set(OWN_FILES)
    for folder in folders:
        with suppress(OSError):
            for path in sorted((root / folder).glob("*.conf")):
                if path.name not in seen:
                    seen.add(path.name)
                    yield path


def _shown(root: Path, path: Path) -> str:
    return f"/{path.relative_to(root)}"


def _text(path: Path) -> str:
    try:
        with path.open(errors="replace") as file:
            return file.read(_LARGEST)
    except OSError:
        return ""


def _ballooners(root: Path) -> Iterator[str]:
    found: set[str] = set()
    for path in (root / "proc").glob("[0-9]*/comm"):
        found.add(_text(path).strip())
    yield from dict.fromkeys(text for name, text in BALLOONERS.items() if name in found)
