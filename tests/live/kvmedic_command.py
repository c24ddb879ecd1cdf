"""Runs kvmedic as an operator would, in the namespaces of a private libvirt or in a nested host."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from kvmedic.lab.libvirt_host import LibvirtHost
from kvmedic.lab.nested_host import NestedHost

KVMEDIC = Path(sys.executable).parent / "kvmedic"
FOUND_OR_NOT = (0, 1, 3)
"""Exit codes of an examination that took place."""


def kvmedic_here(host: LibvirtHost, *words: str, timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
    """The command on this machine, with the private libvirt as its libvirt."""
    return subprocess.run(
        [*host.command_prefix, str(KVMEDIC), *words],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
        env={**os.environ, "NO_COLOR": "1"},
    )


def check_here(host: LibvirtHost, *words: str) -> dict[str, Any]:
    """The report of ``check --json`` there."""
    return report_of(kvmedic_here(host, "check", "--json", "--interval", "0.2", *words))


def report_of(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The JSON that a command printed; its errors shown where there is none."""
    assert done.returncode in FOUND_OR_NOT, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def check_nested(host: NestedHost, *words: str) -> dict[str, Any]:
    """The report of ``check --json`` inside a nested host."""
    command = shlex.join([str(KVMEDIC), "check", "--json", "--interval", "0.2", *words])
    done = host.run(command, timeout_s=300)
    assert done.returncode in FOUND_OR_NOT, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def domain_of(report: dict[str, Any], name: str) -> dict[str, Any]:
    """The row of one domain."""
    return next(domain for domain in report["domains"] if domain["name"] == name)


def findings_about(report: dict[str, Any], name: str) -> dict[str, dict[str, Any]]:
    """The findings about one domain, by cause."""
    return {f["cause"]: f for f in report["findings"] if f["subject"]["name"] == name}
