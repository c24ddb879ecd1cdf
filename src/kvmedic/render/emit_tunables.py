"""The settings of a plan in the language of who owns them: sysctl.d, a tuned profile, ansible tasks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from kvmedic.model.plan import Plan, WriteTunable
from kvmedic.parse.sysctl import name_of_sysctl

EmitFormat = Literal["sysctl", "tuned", "ansible"]


def render_emitted(plan: Plan, form: EmitFormat) -> str:
    """The text to put where the owner of the settings keeps them. Empty where the plan sets nothing."""
    aims = {a.path: a for step in plan.steps if isinstance(a := step.action, WriteTunable)}
    if not aims:
        return ""
    return {"sysctl": _sysctl, "tuned": _tuned, "ansible": _ansible}[form](aims)


def _split(aims: Mapping[str, WriteTunable]) -> tuple[dict[str, str], dict[str, str]]:
    """Sysctls by name, and files below /sys by path."""
    sysctls = {name_of_sysctl(p): a.value for p, a in aims.items() if p.startswith("proc/sys/")}
    files = {f"/{p}": a.value for p, a in aims.items() if p.startswith("sys/")}
    return sysctls, files


def _reasons(aims: Mapping[str, WriteTunable]) -> list[str]:
    return [f"# /{path}: {action.reason}; costs: {action.cost}" for path, action in aims.items()]


def _sysctl(aims: Mapping[str, WriteTunable]) -> str:
    sysctls, files = _split(aims)
    lines = [*_reasons(aims), "# /etc/sysctl.d/90-kvmedic.conf"]
    lines += [f"{name} = {value}" for name, value in sysctls.items()]
    if files:
        lines += ["", "# /etc/tmpfiles.d/kvmedic.conf (sysctl cannot set what is below /sys)"]
        lines += [f"w {path} - - - - {value}" for path, value in files.items()]
    return "\n".join(lines) + "\n"


def _tuned(aims: Mapping[str, WriteTunable]) -> str:
    sysctls, files = _split(aims)
    lines = [*_reasons(aims), "# a profile that includes the active one: /etc/tuned/kvmedic/tuned.conf"]
    lines += ["[main]", "include=virtual-host"]
    if sysctls:
        lines += ["[sysctl]", *(f"{name}={value}" for name, value in sysctls.items())]
    if files:
        lines += ["[sysfs]", *(f"{path}={value}" for path, value in files.items())]
    return "\n".join(lines) + "\n"


def _ansible(aims: Mapping[str, WriteTunable]) -> str:
    sysctls, files = _split(aims)
    lines = _reasons(aims)
    for name, value in sysctls.items():
        lines += [
            f"- name: Set {name}",
            "  ansible.posix.sysctl:",
            f"    name: {name}",
            f'    value: "{value}"',
            "    sysctl_file: /etc/sysctl.d/90-kvmedic.conf",
        ]
    if files:
        lines += [
            "- name: Set kernel memory files at boot",
            "  ansible.builtin.copy:",
            "    dest: /etc/tmpfiles.d/kvmedic.conf",
            '    mode: "0644"',
            "    content: |",
            *(f"      w {path} - - - - {value}" for path, value in files.items()),
            "- name: Set them now",
            "  ansible.builtin.command: systemd-tmpfiles --create /etc/tmpfiles.d/kvmedic.conf",
        ]
    return "\n".join(lines) + "\n"
