"""The store of runs: one append-only file a run, each line chained to the one before by its hash.

A line holds its own text's SHA-256 over (hash of the line before + entry), so that a line that is changed,
removed or put in shows. Lines are fsynced before a step acts. Files are 0600 below a 0700 folder.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from kvmedic.errors import EvidenceError, PreconditionFailedError, UsageError
from kvmedic.model.record import Record
from kvmedic.model.run import (
    Approval,
    Done,
    Entry,
    Intent,
    Refusal,
    Reopened,
    Run,
    RunBegun,
    RunEnded,
    RunLine,
    Soaked,
    Undone,
    Verified,
)

_ENTRIES = (Intent, Done, Refusal, Approval, Reopened)

DEFAULT_STATE = Path("/var/lib/kvmedic")
STATE_VARIABLE = "KVMEDIC_STATE"
FIRST = "0" * 64


class _Chained(Record, frozen=True, kw_only=True):
    """``entry`` as it was written: a later version that knows more fields must find the same hash."""

    entry: msgspec.Raw
    sha256: str

    def line(self) -> RunLine:
        entry: RunLine = msgspec.json.decode(self.entry, type=RunLine)
        return entry


class Seal(Record, frozen=True, kw_only=True):
    """What a whole chain comes to."""

    lines: int
    sha256: str


def _digest(before: str, entry: msgspec.Raw) -> str:
    return hashlib.sha256(before.encode() + bytes(entry)).hexdigest()


def state_folder() -> Path:
    """Where this host's runs are kept: /var/lib/kvmedic, or what KVMEDIC_STATE names."""
    return Path(os.environ.get(STATE_VARIABLE) or DEFAULT_STATE)


class RunStore:
    """All runs of this host, below one folder."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = state_folder() / "runs" if folder is None else folder

    def append(self, run: str, entry: RunLine) -> None:
        """Adds one line to a run and makes sure that it is on the disk."""
        _make_folder(self.folder)
        before = next(reversed([chained.sha256 for chained, _ in self._chain(run)]), FIRST)
        raw = msgspec.Raw(msgspec.json.encode(entry))
        line = msgspec.json.encode(_Chained(entry=raw, sha256=_digest(before, raw))) + b"\n"
        path = self._path(run)
        if path.exists():
            _append_whole(path, line)
        else:
            _begin_whole(path, line)

    def exists(self, run: str) -> bool:
        """Whether a run of this name was begun."""
        return self._path(run).exists()

    def lines(self, run: str) -> tuple[RunLine, ...]:
        """All lines of one run; an EvidenceError where the chain is broken."""
        return tuple(entry for _, entry in self._chain(run))

    def entries(self, run: str) -> tuple[Entry, ...]:
        """The steps' entries of one run, in order."""
        return tuple(line for line in self.lines(run) if isinstance(line, _ENTRIES))

    def load(self, run: str) -> Run:
        """One run as a record. UsageError where there is none of this name."""
        self._check_there(run)
        found = _as_run(self.lines(run))
        if found.id != run:
            raise _broken(self._path(run), 1, f"it is the record of {found.id}")
        return found

    def _check_there(self, run: str) -> None:
        if not self._path(run).exists():
            raise UsageError(f"no run {run!r}", hint="See kvmedic runs for their names.")

    def text(self, run: str) -> str:
        """The record of one run as it was written; only a chain that is unbroken. UsageError: no such run."""
        self.load(run)
        return self._path(run).read_text()

    def names(self) -> list[str]:
        """The names of all runs, sorted."""
        try:
            found = [path.name for path in self.folder.iterdir()]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise EvidenceError(
                f"{self.folder} cannot be read: {error.strerror}", hint="The records of runs are root's."
            ) from error
        return sorted(name.removesuffix(".jsonl") for name in found if name.endswith(".jsonl"))

    def seal(self, run: str) -> Seal:
        """The length and last hash of a run's chain: kept elsewhere, they show a chain that was cut.

        UsageError where there is no such run.
        """
        self._check_there(run)
        chain = list(self._chain(run))
        return Seal(lines=len(chain), sha256=chain[-1][0].sha256 if chain else FIRST)

    def all(self) -> tuple[Run, ...]:
        """All runs, oldest first."""
        return tuple(sorted((self.load(name) for name in self.names()), key=lambda run: run.begun_at))

    def readable(self) -> tuple[tuple[Run, ...], tuple[EvidenceError, ...]]:
        """The runs that can be read, oldest first, and what is wrong with each of the others."""
        found: list[Run] = []
        broken: list[EvidenceError] = []
        for name in self.names():
            try:
                found.append(self.load(name))
            except EvidenceError as error:
                broken.append(error)
        return tuple(sorted(found, key=lambda run: run.begun_at)), tuple(broken)

    def _path(self, run: str) -> Path:
        if not run or "/" in run or run.startswith("."):
            raise UsageError(f"{run!r} is no name of a run", hint="See kvmedic runs for their names.")
        return self.folder / f"{run}.jsonl"

    def _chain(self, run: str) -> Iterator[tuple[_Chained, RunLine]]:
        path = self._path(run)
        if not path.exists():
            return
        before = FIRST
        content = path.read_bytes()
        if not content:
            raise _broken(path, 1, "it is empty")
        for number, raw in enumerate(content.splitlines(), start=1):
            try:
                chained = msgspec.json.decode(raw, type=_Chained)
                entry = chained.line()
            except msgspec.DecodeError as error:
                raise _broken(path, number, str(error)) from error
            if chained.sha256 != _digest(before, chained.entry):
                raise _broken(path, number, "its hash does not follow from the line before")
            before = chained.sha256
            yield chained, entry


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise PreconditionFailedError(
            f"no journal can be kept in {folder}: {error.strerror}; nothing was touched",
            hint="Acting takes root; KVMEDIC_STATE names another folder.",
        ) from error


def _begin_whole(path: Path, line: bytes) -> None:
    """A journal is there with its first line, or not at all: a kill in between must not leave it empty."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    _append_whole(new, line)
    new.rename(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _append_whole(path: Path, line: bytes) -> None:
    """Appends the line and fsyncs, or leaves the file as it was: a full disk must not break the chain."""
    handle = _opened(path)
    try:
        length = os.fstat(handle).st_size
        try:
            written = os.write(handle, line)
            if written != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(handle)
        except OSError as error:
            os.ftruncate(handle, length)
            if length == 0:
                path.unlink(missing_ok=True)
            raise _unwritable(path, error) from error
    finally:
        os.close(handle)


def _opened(path: Path) -> int:
    try:
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> PreconditionFailedError:
    return PreconditionFailedError(
        f"the journal {path} cannot be written: {error.strerror}",
        hint="Nothing more is done without a journal; make room, then kvmedic apply --resume.",
    )


def _broken(path: Path, number: int, detail: str) -> EvidenceError:
    return EvidenceError(
        f"{path}:{number}: the journal was changed or cut: {detail}",
        hint=f"Look at the host, then keep it elsewhere: nothing is applied while it is in {path.parent}.",
    )


def _as_run(lines: tuple[RunLine, ...]) -> Run:
    begun = lines[0]
    if not isinstance(begun, RunBegun):
        raise EvidenceError("a run's journal does not begin with its beginning")
    ends = [line for line in lines if isinstance(line, RunEnded)]
    verified = [line.verification for line in lines if isinstance(line, Verified)]
    soaks = [line for line in lines if isinstance(line, Soaked)]
    return Run(
        id=begun.run,
        plan_id=begun.plan_id,
        by=begun.by,
        begun_at=begun.at,
        ended_at=ends[-1].at if ends else None,
        state=ends[-1].state if ends else "running",
        remedies=begun.remedies,
        subject=begun.subject,
        steps=begun.plan.steps,
        entries=tuple(line for line in lines if isinstance(line, _ENTRIES)),
        undone=tuple(line for line in lines if isinstance(line, Undone)),
        verification=verified[-1] if verified else None,
        soak=soaks[-1] if soaks else None,
    )
