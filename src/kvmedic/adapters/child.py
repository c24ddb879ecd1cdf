"""Children that may be lost: each has a deadline; one stuck in the kernel is left, never waited for."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from kvmedic.adapters.files import gap_of_errno, too_large
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.reading_list import LARGEST_FILE_BYTES

_READER = Path(__file__).with_name("child_reader.py")
_LONGEST_HEADER_BYTES = 64
_GRACE_S = 0.05
LONGEST_START_S = 20.0
"""An interpreter starts in 20 ms here, and in seconds on a host under software emulation."""
MOST_LEFT_BEHIND = 3
"""More stuck readers than this would themselves be a burden to the host."""

left_behind: list[subprocess.Popen[bytes]] = []
"""Children that did not die when told to: they sleep in the kernel. Kept, so that nobody waits for them."""


def end_child(process: subprocess.Popen[bytes]) -> bool:
    """Kill a child of ours and reap it if it dies at once; whether it did. Never waits for longer."""
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGKILL)
    try:
        process.wait(timeout=_GRACE_S)
    except subprocess.TimeoutExpired:
        left_behind.append(process)
        return False
    return True


class Answers:
    """Reads a pipe of a child until a moment of the monotonic clock."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._descriptor = pipe.fileno()
        self._held = bytearray()
        os.set_blocking(self._descriptor, False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._descriptor, selectors.EVENT_READ)

    def close(self) -> None:
        """Let go of the selector; the pipe belongs to the caller."""
        self._selector.close()

    def chunk(self, until: float) -> bytes:
        """The next bytes, none at the end; TimeoutError when nothing comes until then."""
        if not self._selector.select(max(0.0, until - time.monotonic())):
            raise TimeoutError
        return os.read(self._descriptor, 1024 * 1024)

    def take(self, length: int, until: float) -> bytes:
        """Exactly ``length`` bytes; EOFError when the child ends before."""
        while len(self._held) < length:
            self._more(until)
        return self._cut(length)

    def line(self, until: float) -> bytes:
        """Up to and without the next line feed; EOFError when there is none in reach."""
        while (end := self._held.find(b"\n", 0, _LONGEST_HEADER_BYTES)) < 0:
            if len(self._held) > _LONGEST_HEADER_BYTES:
                raise EOFError
            self._more(until)
        return self._cut(end + 1)[:-1]

    def _more(self, until: float) -> None:
        part = self.chunk(until)
        if not part:
            raise EOFError
        self._held += part

    def _cut(self, length: int) -> bytes:
        found = bytes(self._held[:length])
        del self._held[:length]
        return found


def read_in_child(
    root: Path,
    paths: Sequence[str],
    *,
    deadline_s: float,
    patience_s: float = 0.5,
    limit_bytes: int = LARGEST_FILE_BYTES,
) -> Mapping[str, bytes | Missing]:
    """Files whose reading may never return, each by ``patience_s``, all together by ``deadline_s``.

    A path that did not answer is a gap, and so is every path that was not reached any more. The time that
    a child takes to start does not count: nothing that hangs can have kept it.
    """
    found: dict[str, bytes | Missing] = {}
    left = list(paths)
    while left and deadline_s > 0 and len(left_behind) < MOST_LEFT_BEHIND:
        answers, spent_s = _read_until_stuck(root, left, deadline_s, patience_s, limit_bytes)
        found.update(answers)
        deadline_s -= spent_s
        left = [path for path in left if path not in found]
    return found | {path: _not_tried(path) for path in left}


def run_command(
    arguments: Sequence[str], *, deadline_s: float, limit_bytes: int = LARGEST_FILE_BYTES
) -> bytes | Missing:
    """The standard output of a command that ends well and in time, else the gap; its name is the source."""
    source = " ".join(arguments)
    until = time.monotonic() + deadline_s
    try:
        process = subprocess.Popen(
            arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
    except OSError as error:
        return gap_of_errno(error.errno, source)
    assert process.stdout is not None  # noqa: S101
    with process.stdout as pipe:
        found = _output(Answers(pipe), source, until, limit_bytes)
        return _after_the_end(process, found, source, until)


def _output(answers: Answers, source: str, until: float, limit_bytes: int) -> bytes | Missing:
    parts: list[bytes] = []
    size = 0
    try:
        while part := answers.chunk(until):
            parts.append(part)
            size += len(part)
            if size > limit_bytes:
                return too_large(source, limit_bytes)
    except TimeoutError:
        return Missing(source=source, reason=Reason.TIMED_OUT, detail="did not answer in time")
    finally:
        answers.close()
    return b"".join(parts)


def _after_the_end(
    process: subprocess.Popen[bytes], found: bytes | Missing, source: str, until: float
) -> bytes | Missing:
    if isinstance(found, Missing):
        end_child(process)
        return found
    try:
        code = process.wait(timeout=max(_GRACE_S, until - time.monotonic()))
    except subprocess.TimeoutExpired:
        end_child(process)
        return Missing(source=source, reason=Reason.TIMED_OUT, detail="did not end in time")
    if code:
        return Missing(source=source, reason=Reason.UNREACHABLE, detail=f"ended with status {code}")
    return found


def _read_until_stuck(
    root: Path, paths: Sequence[str], deadline_s: float, patience_s: float, limit_bytes: int
) -> tuple[Mapping[str, bytes | Missing], float]:
    """What one child reads before it ends or gets stuck (that path is a gap), and the seconds it took, up."""
    process = _start_reader(root, paths, limit_bytes)
    assert process.stdout is not None  # noqa: S101
    found: dict[str, bytes | Missing] = {}
    path = paths[0]
    began = time.monotonic()
    with process.stdout as pipe:
        answers = Answers(pipe)
        try:
            answers.line(began + LONGEST_START_S)
            began = time.monotonic()
            for path in paths:
                patient_until = min(began + deadline_s, time.monotonic() + patience_s)
                found[path] = _one_answer(answers, path, patient_until, limit_bytes)
        except TimeoutError:
            found[path] = _stuck(path, process)
        except (EOFError, ValueError):
            found[path] = Missing(source=path, reason=Reason.UNREACHABLE, detail="its reader died")
        finally:
            answers.close()
            end_child(process)
    return found, max(time.monotonic() - began, _GRACE_S)


def _one_answer(answers: Answers, path: str, until: float, limit_bytes: int) -> bytes | Missing:
    _, error, length = (int(word) for word in answers.line(until).split())
    data = answers.take(length, until)
    if error:
        return gap_of_errno(error, path)
    return data if length <= limit_bytes else too_large(path, limit_bytes)


def _start_reader(root: Path, paths: Sequence[str], limit_bytes: int) -> subprocess.Popen[bytes]:
    """The paths go through a memory file: a pipe would block once 64 KiB of them are waiting."""
    wishes = os.memfd_create("kvmedic-paths", os.MFD_CLOEXEC)
    try:
        os.write(wishes, b"\0".join(os.fsencode(root / path) for path in paths))
        os.lseek(wishes, 0, os.SEEK_SET)
        return subprocess.Popen(
            [sys.executable, "-I", "-S", str(_READER), str(limit_bytes)],
            stdin=wishes,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    finally:
        os.close(wishes)


def _stuck(path: str, process: subprocess.Popen[bytes]) -> Missing:
    detail = f"did not answer; its reader, process {process.pid}, was ended or is stuck in the kernel"
    return Missing(source=path, reason=Reason.TIMED_OUT, detail=detail)


def _not_tried(path: str) -> Missing:
    detail = "not read: others of its kind did not answer in time"
    return Missing(source=path, reason=Reason.TIMED_OUT, detail=detail)
