"""libvirt as evidence where no Python can import its binding: ``virsh -r``, one child after another."""

from __future__ import annotations

import re
import subprocess
import time

from kvmedic.model.gap import Missing, Reason

_STATE = "kvmedic/libvirt/state"
_FOLDER = "sos_commands/virsh/virsh_-r_"
_STATISTICS = ("domstats", "--state", "--balloon", "--nowait")
_ENVIRONMENT = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C.UTF-8"}

Files = dict[str, bytes | Missing]


class _TimeIsUpError(Exception):
    """The deadline passed while virsh was asked; the argument says what for."""


def read_with_virsh(ends_at: float, uri: str) -> Files:
    """The same files as the binding gives, until ``ends_at`` on the monotonic clock."""
    files: Files = {}
    try:
        _read_all(files, ends_at, uri)
    except FileNotFoundError:
        detail = "neither a Python binding of libvirt nor virsh is installed"
        files[_STATE] = Missing(source=_STATE, reason=Reason.NOT_FOUND, detail=detail)
    except _TimeIsUpError as error:
        detail = f"no answer in time to: virsh {error}"
        # Who has answered once is slow, or has many domains: it does not hang.
        files.setdefault(_STATE, f"hung {detail}\n".encode())
        source = "kvmedic/libvirt/answer"
        files[source] = Missing(source=source, reason=Reason.TIMED_OUT, detail=f"libvirt: {detail}")
    return files


def read_statistics_with_virsh(ends_at: float, uri: str) -> Files:
    """The statistics of the running domains alone."""
    path = f"{_FOLDER}domstats"
    try:
        return {path: _virsh(ends_at, uri, *_STATISTICS, source=path)}
    except FileNotFoundError:
        return {}
    except _TimeIsUpError as error:
        detail = f"no answer in time to: virsh {error}"
        return {path: Missing(source=path, reason=Reason.TIMED_OUT, detail=detail)}


def _read_all(files: Files, ends_at: float, uri: str) -> None:
    """The list first: it costs the daemon nothing. The version last: it may try every QEMU binary for it."""
    listed = _virsh(ends_at, uri, "list", "--all")
    files[_STATE] = listed if isinstance(listed, Missing) else f"answers unknown {uri}\n".encode()
    if isinstance(listed, Missing):
        return
    files[f"{_FOLDER}list_--all"] = listed
    files[f"{_FOLDER}domstats"] = _virsh(ends_at, uri, *_STATISTICS)
    names = _virsh(ends_at, uri, "list", "--all", "--name")
    for name in [] if isinstance(names, Missing) else names.decode(errors="replace").split("\n"):
        if name.strip():
            _read_domain(files, ends_at, uri, name)
    version = _virsh(ends_at, uri, "version", "--daemon")
    if not isinstance(version, Missing):
        files[_STATE] = f"answers {_daemon_version(version)} {uri}\n".encode()


def _read_domain(files: Files, ends_at: float, uri: str, name: str) -> None:
    suffix = re.sub(r"[^A-Za-z0-9._-]", "_", name)
    for words in (("dumpxml",), ("dumpxml", "--inactive"), ("dominfo",)):
        path = f"{_FOLDER}{'_'.join(words)}_{suffix}"
        files[path] = _virsh(ends_at, uri, *words, "--domain", name, source=path)


def _virsh(ends_at: float, uri: str, *words: str, source: str = _STATE) -> bytes | Missing:
    """What one call prints; a gap with virsh's own words where it fails."""
    argv = ["virsh", "-r", "-q", "-c", uri, *words]
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=max(0.01, ends_at - time.monotonic()),
            env=_ENVIRONMENT,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _TimeIsUpError(" ".join(words)) from error
    if done.returncode == 0:
        return done.stdout
    said = done.stderr.decode(errors="replace").strip().removeprefix("error: ")
    reason = Reason.DENIED if "denied" in said.lower() else Reason.UNREACHABLE
    return Missing(source=source, reason=reason, detail=said.replace("\n", "; ")[:200])


def _daemon_version(text: bytes) -> str:
    match = re.search(rb"daemon: ([0-9.]+)", text) or re.search(rb"libvirt ([0-9.]+)", text)
    return match[1].decode() if match else "unknown"
