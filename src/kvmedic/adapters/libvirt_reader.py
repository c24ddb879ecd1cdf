"""libvirt as evidence, read in a disposable child: what was told before a hang is kept, the rest is a gap.

A daemon that hangs takes its client with it, and a client's timeout frees no worker of the daemon; so the
child asks little, in the order of risk, and is killed at the deadline. The daemon is never started by us:
without a socket, or on a systemd host without a running daemon (whose socket would start one), it is absent.
"""

from __future__ import annotations

import importlib.util
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from kvmedic.adapters.libvirt_child import NO_BINDING
from kvmedic.adapters.libvirt_frames import Frame, FrameReader
from kvmedic.adapters.libvirt_virsh import read_statistics_with_virsh, read_with_virsh
from kvmedic.errors import ParseError
from kvmedic.model.gap import Missing, Reason
from kvmedic.parse.safe_domain_xml import safe_domain_xml

SYSTEM = "qemu:///system"
STATE = "kvmedic/libvirt/state"
ANSWER = "kvmedic/libvirt/answer"
STATISTICS = "sos_commands/virsh/virsh_-r_domstats"
SOCKETS = ("/run/libvirt/libvirt-sock-ro", "/run/libvirt/virtqemud-sock-ro")
DAEMONS = frozenset({"libvirtd", "virtqemud"})
LARGEST_BYTES = 64 * 1024 * 1024
_CHILD = Path(__file__).with_name("libvirt_child.py")
_PYTHONS = ("/usr/bin/python3", "/usr/libexec/platform-python")
_XML = "sos_commands/virsh/virsh_-r_dumpxml_"
_GRACE_S = 0.2
LONGEST_START_S = 20.0
"""An interpreter starts in 30 ms here, and in 3 to 7 s on a host under software emulation."""

Files = dict[str, bytes | Missing]


def read_libvirt(deadline_s: float, uri: str | None = None) -> Files:
    """Files of evidence about libvirt and its domains, within ``deadline_s`` seconds (and 0.2 of clean-up).

    Always holds "kvmedic/libvirt/state": "answers VERSION URI", "hung DETAIL" or "absent DETAIL", or a gap
    where we may not ask. Secrets are taken out before anything is returned. ``uri`` is for tests and other
    drivers; without it, it is qemu:///system, and only where a daemon is there to answer.
    """
    if uri is None and (absence := _absence()):
        return {STATE: f"absent {absence}\n".encode()}
    for python in _pythons():
        outcome = _Child([python, "-I", str(_CHILD), uri or SYSTEM]).listen(deadline_s)
        if outcome is not None:
            return without_secret_values(outcome)
    return without_secret_values(read_with_virsh(time.monotonic() + deadline_s, uri or SYSTEM))


def read_statistics(deadline_s: float, uri: str | None = None) -> Files:
    """The statistics of the running domains once more, for rates: one file, or the gap in its place."""
    if uri is None and (absence := _absence()):
        return {STATISTICS: Missing(source=STATISTICS, reason=Reason.NOT_FOUND, detail=absence)}
    for python in _pythons():
        told = _Child([python, "-I", str(_CHILD), uri or SYSTEM, "statistics"]).listen(deadline_s)
        if told is not None:
            break
    else:
        told = read_statistics_with_virsh(time.monotonic() + deadline_s, uri or SYSTEM)
    return {path: content for path, content in told.items() if path.startswith(STATISTICS)} or {
        STATISTICS: _reason_in(told)
    }


def _reason_in(told: Files) -> Missing:
    """Why the statistics are not there: the gap of the answer, or of the connection."""
    gaps = (told.get(path) for path in (ANSWER, STATE))
    detail = next((gap.detail for gap in gaps if isinstance(gap, Missing)), "libvirt did not tell them again")
    return Missing(source=STATISTICS, reason=Reason.TIMED_OUT, detail=detail)


def without_secret_values(files: Mapping[str, bytes | Missing]) -> Files:
    """The same files, definitions reduced to what is known to be safe; an unreadable one becomes a gap."""
    return {
        path: _cleaned(path, content) if path.startswith(_XML) else content for path, content in files.items()
    }


def _cleaned(path: str, content: bytes | Missing) -> bytes | Missing:
    if isinstance(content, Missing):
        return content
    try:
        return safe_domain_xml(content.decode(errors="replace"), path).encode()
    except ParseError:
        return Missing(source=path, reason=Reason.NOT_UNDERSTOOD, detail="libvirt gave no readable XML")


def _absence() -> str | None:
    """Why there is nobody to ask; None when there is."""
    if not any(Path(socket).exists() for socket in SOCKETS):
        return "no read-only socket of libvirtd or virtqemud"
    if Path("/run/systemd/system").is_dir() and not _is_daemon_running():
        return "no daemon is running, and asking would start one"
    return None


def _is_daemon_running() -> bool:
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                if (entry / "comm").read_text().strip() in DAEMONS:
                    return True
            except OSError:
                continue
    return False


def _pythons() -> list[str]:
    own = [sys.executable] if importlib.util.find_spec("libvirt") else []
    return own + [python for python in _PYTHONS if os.access(python, os.X_OK)]


class _Child:
    """One run of the child. Its end is certain: killed at the deadline, left behind if even that fails."""

    def __init__(self, argv: list[str]) -> None:
        self.files: Files = {}
        self.step = "an answer"
        self.is_done = False
        self.process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
            start_new_session=True,
        )

    def listen(self, deadline_s: float) -> Files | None:
        """Take frames until the child is done or time is up. None: this Python has no libvirt binding.

        The deadline begins when the child is up: only then can libvirt be what keeps it waiting.
        """
        started_at = time.monotonic()
        try:
            is_in_time = self._take_frames(deadline_s)
        finally:
            left_behind = self._end()
        if self.process.returncode == NO_BINDING:
            return None
        if not is_in_time:
            self._hung(time.monotonic() - started_at, left_behind)
        elif not self.is_done and not isinstance(self.files.get(STATE), Missing):
            self._broke_off()
        return self.files

    def _take_frames(self, deadline_s: float) -> bool:
        """Whether the child ended, or said it was done, in time."""
        assert self.process.stdout is not None  # noqa: S101  (it was asked for)
        reader, total = FrameReader(), 0
        ends_at = time.monotonic() + LONGEST_START_S
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while not self.is_done and not reader.is_broken and total <= LARGEST_BYTES:
                if not selector.select(max(0.0, ends_at - time.monotonic())):
                    return False
                piece = os.read(self.process.stdout.fileno(), 1 << 16)
                if not piece:
                    break
                if total == 0:
                    ends_at = time.monotonic() + deadline_s
                total += len(piece)
                for frame in reader.feed(piece):
                    self._take(frame)
        return True

    def _take(self, frame: Frame) -> None:
        match frame.kind:
            case "S":
                self.step = frame.path
            case "F":
                self.files[frame.path] = frame.data
            case "G":
                reason, _, detail = frame.data.decode(errors="replace").partition(" ")
                self.files.setdefault(
                    frame.path, Missing(source=frame.path, reason=Reason(reason), detail=detail)
                )
            case "D":
                self.is_done = True

    def _end(self) -> bool:
        """Kill the child if it still runs; True when it could not be killed within the grace."""
        if self.process.stdout is not None:
            self.process.stdout.close()
        if not self.is_done:
            self.process.kill()
        try:
            self.process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self._is_still_there()
        return False

    def _is_still_there(self) -> bool:
        try:
            self.process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            return True
        return False

    def _hung(self, waited_s: float, left_behind: bool) -> None:
        known = "answered at first, then gave" if STATE in self.files else "gave"
        rest = f"; the reader (pid {self.process.pid}) could not be killed" if left_behind else ""
        detail = f"{known} no answer within {waited_s:.1f} s to: {self.step}{rest}"
        self.files[STATE] = f"hung {detail}\n".encode()
        self._gap(ANSWER, Reason.TIMED_OUT, f"libvirt {detail}")

    def _broke_off(self) -> None:
        detail = f"libvirt's reader ended before it was done, at: {self.step}"
        if STATE not in self.files:
            self._gap(STATE, Reason.UNREACHABLE, detail)
        self._gap(ANSWER, Reason.UNREACHABLE, detail)

    def _gap(self, path: str, reason: Reason, detail: str) -> None:
        self.files[path] = Missing(source=path, reason=reason, detail=detail)
