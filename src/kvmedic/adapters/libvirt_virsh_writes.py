"""The calls of a libvirt session where no Python can import its binding: ``virsh``, one child a call.

Definitions go through standard input, never through a file or an argument: they may hold secrets.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from typing import Any

from kvmedic.errors import ActionRefusedError, OutcomeUnknownError

_ENVIRONMENT = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C.UTF-8"}
_LOST = (
    "client socket is closed",
    "end of file while reading",
    "cannot recv data",
    "broken pipe",
    "keepalive",
)
_HINT = "See whether libvirtd answers: virsh list."


def call_virsh(wish: Mapping[str, Any], deadline_s: float) -> Any:
    """The answer to one call. ActionRefusedError: nothing changed; OutcomeUnknownError: look again."""
    uuid = str(wish.get("uuid", ""))
    match wish["call"]:
        case "state":
            return _state(wish, uuid, deadline_s)
        case "definition":
            return _virsh(wish, deadline_s, "dumpxml", "--inactive", "--security-info", uuid)
        case "define":
            return _virsh(wish, deadline_s, "define", "--validate", "/dev/stdin", text=str(wish["xml"]))
        case "set_balloon":
            return _virsh(wish, deadline_s, "setmem", uuid, f"{wish['kib']}KiB", "--live")
        case "limits":
            return {key: _limits(wish, uuid, key, deadline_s) for key in ("live", "config")}
        case "set_limit":
            return _set_limit(wish, uuid, deadline_s)
        case "shut_down":
            return _virsh(wish, deadline_s, "shutdown", uuid)
        case "start":
            return _virsh(wish, deadline_s, "start", uuid)
    raise ActionRefusedError(f"virsh knows no call {wish['call']!r}", hint=_HINT)


def _virsh(wish: Mapping[str, Any], deadline_s: float, *words: str, text: str | None = None) -> str:
    argv = ["virsh", "-q", "-c", str(wish["uri"]), *words]
    try:
        done = subprocess.run(
            argv,
            input=text or "",
            capture_output=True,
            text=True,
            errors="replace",
            timeout=deadline_s,
            env=_ENVIRONMENT,
            check=False,
        )
    except FileNotFoundError as error:
        raise ActionRefusedError(
            "neither a Python binding of libvirt nor virsh is installed", hint="Install python3-libvirt."
        ) from error
    except subprocess.TimeoutExpired as error:
        raise OutcomeUnknownError(
            f"virsh {words[0]} gave no answer within {deadline_s:g} s", hint=_HINT
        ) from error
    if done.returncode == 0:
        return done.stdout
    said = done.stderr.strip().removeprefix("error: ").replace("\n", "; ")
    if any(mark in said.lower() for mark in _LOST):
        raise OutcomeUnknownError(f"virsh {words[0]} broke off: {said}", hint=_HINT)
    raise ActionRefusedError(f"libvirt refused: {said}", hint=_HINT)


def _state(wish: Mapping[str, Any], uuid: str, deadline_s: float) -> dict[str, Any]:
    info = _pairs(_virsh(wish, deadline_s, "dominfo", uuid), ":")
    is_active = info.get("State") not in ("shut off", "crashed", None)
    stats = _virsh(wish, deadline_s, "dommemstat", uuid) if is_active else ""
    number = info.get("Id", "-")
    return {
        "name": info.get("Name", ""),
        "id": int(number) if number.isdigit() else -1,
        "state": info.get("State", "no state"),
        "is_active": is_active,
        "is_persistent": info.get("Persistent") == "yes",
        "has_managed_save": info.get("Managed save") == "yes",
        "maximum_kib": int(info.get("Max memory", "0").split()[0]),
        "actual_kib": _figure(stats, "actual"),
        "usable_kib": _figure(stats, "usable"),
    }


def _figure(stats: str, name: str) -> int | None:
    found = re.search(rf"^{name} ([0-9]+)$", stats, re.MULTILINE)
    return int(found[1]) if found else None


def _limits(wish: Mapping[str, Any], uuid: str, key: str, deadline_s: float) -> dict[str, int | None]:
    rows = _pairs(_virsh(wish, deadline_s, "memtune", uuid, f"--{key}"), ":")
    return {name: int(value) if value.isdigit() else None for name, value in rows.items()}


def _set_limit(wish: Mapping[str, Any], uuid: str, deadline_s: float) -> None:
    for key in ("live", "config"):
        if key in wish:
            size = "-1" if wish[key] is None else str(wish[key])
            _virsh(wish, deadline_s, "memtune", uuid, "--hard-limit", size, f"--{key}")


def _pairs(text: str, mark: str) -> dict[str, str]:
    rows = (line.partition(mark) for line in text.splitlines() if mark in line)
    return {name.strip(): value.strip() for name, _, value in rows}
