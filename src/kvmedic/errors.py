"""The exceptions of kvmedic, one tree; each leaf has a permanent code, which is also the exit code.

KvmedicError
 ├─ UsageError             (2)   the operator asked for something we cannot do
 ├─ EvidenceError          (13)  a source could not be read or understood
 │   ├─ ParseError         (14)  a text is not what its source should say (source, line number, line)
 │   └─ HostileInputError  (15)  an archive or a log tries to leave its bounds
 ├─ ActionError            (16)  a change did not happen, or may not have
 │   ├─ PreconditionFailed (10)  nothing was changed: the world moved on, or it is unsafe
 │   ├─ ActionRefused      (17)  the host said no; nothing was changed
 │   ├─ OutcomeUnknown     (11)  contact was lost; look before doing anything
 │   ├─ Waiting            (18)  a disruptive step waits for an answer, and nobody can be asked here
 │   └─ Stopped            (19)  the operator stopped the run; nothing is half done, and it can be resumed
 ├─ OutputError            (21)  what was found could not be written
 └─ InvariantError         (20)  a bug in this program; never caught below the command line

Expected absence is not here: a source that cannot be read is a ``model.gap.Missing`` value.
Messages are lower case without a full stop; the hint is one whole sentence that says what to do next.
"""

from __future__ import annotations

from typing import ClassVar


class KvmedicError(Exception):
    """Anything kvmedic reports to its operator. ``hint`` says what to do next."""

    code: ClassVar[int] = 10

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\nHINT: {self.hint}" if self.hint else self.message


class UsageError(KvmedicError):
    """The operator asked for something that cannot be done; nothing was touched."""

    code = 2


class EvidenceError(KvmedicError):
    """A source as a whole could not be read: no such archive, no such host."""

    code = 13


class ParseError(EvidenceError):
    """A text is not what its source should say.

    ``source`` is a path of evidence, ``line_number`` counts from 1, ``line`` is the offending text
    (shortened), ``expected`` says in words what should have stood there.
    """

    code = 14
    longest_line: ClassVar[int] = 160

    def __init__(self, source: str, line_number: int, line: str, expected: str) -> None:
        self.source = source
        self.line_number = line_number
        self.line = line[: self.longest_line]
        self.expected = expected
        super().__init__(f"{source}:{line_number}: expected {expected}, found {self.line!r}")


class HostileInputError(EvidenceError):
    """An archive or a log would lead out of its bounds (paths, devices, sizes); it was not read further."""

    code = 15


class ActionError(KvmedicError):
    """A change did not happen, or may not have."""

    code = 16


class PreconditionFailedError(ActionError):
    """Nothing was changed: the world has moved on since the plan, or the change is unsafe now."""

    code = 10


class ActionRefusedError(ActionError):
    """The host said no; nothing was changed."""

    code = 17


class OutcomeUnknownError(ActionError):
    """Contact was lost while a change was under way; look before doing anything."""

    code = 11


class WaitingError(ActionError):
    """A disruptive step waits for an answer and nobody can be asked; the run stands still, resumable."""

    code = 18


class StoppedError(ActionError):
    """The operator stopped the run where that does no harm; what was under way was taken back. Resumable."""

    code = 19


class OutputError(KvmedicError):
    """What was found could not be told: standard output is closed, or the disk behind it is full."""

    code = 21


class InvariantError(KvmedicError):
    """A bug in this program; please report it."""

    code = 20
