"""What an experiment yields: one JSON file for each scenario × remedy × repetition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from kvmedic.errors import UsageError
from kvmedic.model.record import Record

SUFFIX = ".result.json"
HUGE_ORDER = 9
Ground = Literal["nested", "here"]
"""A nested host with a kernel and memory of its own, or a private libvirt on this machine's kernel."""


class Reading(Record, frozen=True, kw_only=True):
    """The host and the QEMUs of the experiment at one moment. None: there is no guest."""

    at_s: float
    """Seconds since the experiment began."""
    mem_free_bytes: int
    mem_available_bytes: int
    free_blocks: tuple[int, ...]
    """Free blocks of each order, all zones together."""
    host_stranded_bytes: int
    """By the host's LRU accounting; here those of other programs too."""
    stranded_bytes: int | None
    """By the LRU accounting of the guests' memory groups."""
    charged_bytes: int | None
    """What the guests' memory groups hold: the host gets it only when this falls."""
    rss_bytes: int | None
    huge_bytes: int | None
    actual_bytes: int | None
    maximum_bytes: int | None
    guests: int
    """QEMUs of the experiment that run."""
    oom_kills: int

    @property
    def huge_blocks(self) -> int:
        """Free blocks of 2 MiB, larger ones counted as so many of them."""
        return sum(
            count << (order - HUGE_ORDER) for order, count in enumerate(self.free_blocks) if order >= 9
        )

    @property
    def unusable_percent(self) -> float:
        """Share of free memory that a request of 2 MiB cannot use (the kernel's unusable free index)."""
        free = sum(count << order for order, count in enumerate(self.free_blocks))
        return 100.0 if free == 0 else 100.0 * (free - (self.huge_blocks << HUGE_ORDER)) / free


class Applied(Record, frozen=True, kw_only=True):
    """How a remedy was carried out and what came of it."""

    by: Literal["kvmedic", "hand", "nobody"]
    commands: tuple[str, ...]
    seconds: float
    exit_code: int | None
    """Of kvmedic apply (or plan, where it refused)."""
    verdict: str | None
    """helped, as kvmedic verified it itself."""
    measured_freed_bytes: int | None
    """As kvmedic measured it itself."""
    because: tuple[str, ...]


class Cycle(Record, frozen=True, kw_only=True):
    """The same load once more after the remedy."""

    number: int
    reading: Reading
    is_back: bool | None
    """The failure is there again; None: the load could not be brought (said in ``note``)."""
    note: str


class Probe(Record, frozen=True, kw_only=True):
    """Asked of the host at the very end, as it changes the host: what can still be had?"""

    huge_pages_asked: int
    huge_pages_got: int
    huge_seconds: float


class Result(Record, frozen=True, kw_only=True):
    """One experiment."""

    scenario: str
    remedy: str
    repetition: int
    ground: Ground
    kernel: str
    host_mib: int | None
    """Memory of the nested host. None: this machine's own."""
    is_emulated: bool
    """No hardware KVM: durations and downtimes are those of software emulation."""
    versions: dict[str, str]
    began_at: str
    total_seconds: float
    calm: Reading
    """When the last guest was ready and its balloon empty."""
    before: Reading
    """The failure was there."""
    after: Reading
    """The remedy was applied (and the guests were back)."""
    destination: Reading | None
    """After a migration: the host that the guest went to."""
    found: tuple[str, ...]
    """Causes that ``check`` named before the remedy."""
    applied: Applied
    gap_before_s: float
    """The longest silence of a guest that beats once a second, before the remedy."""
    downtime_s: float
    """The longest silence from the remedy on, less one beat; 0: none longer than 3 s."""
    cycles: tuple[Cycle, ...]
    probe: Probe | None
    notes: tuple[str, ...]

    @property
    def given_back_bytes(self) -> int | None:
        """By how much the memory that the guests' groups hold fell through the remedy (negative: it rose)."""
        if self.before.charged_bytes is None:
            return None
        return self.before.charged_bytes - (self.after.charged_bytes or 0)

    @property
    def returned(self) -> int | None:
        """In how many cycles the failure was back; None: the load was never brought."""
        told = [cycle.is_back for cycle in self.cycles if cycle.is_back is not None]
        return sum(told) if told else None


def numbered(result: Result, folder: Path) -> Result:
    """The result with the first repetition, from its own on, that no result in the folder has."""
    while (folder / f"{name_of(result)}{SUFFIX}").exists():
        result = msgspec.structs.replace(result, repetition=result.repetition + 1)
    return result


def save_result(result: Result, folder: Path) -> Path:
    """Write one result; its name tells what it is."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name_of(result)}{SUFFIX}"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")
    return path


def name_of(result: Result) -> str:
    """A name that no other experiment of a folder has."""
    kernel = result.kernel.split("-")[0]
    return f"{result.scenario}.{result.remedy}.{result.ground}-{kernel}.{result.repetition}"


def save_pictures(result: Result, pictures: Mapping[str, str], folder: Path) -> None:
    """Keep the maps of physical memory (SVG) beside the result, by moment."""
    for moment, svg in pictures.items():
        (folder / f"{name_of(result)}.{moment}.svg").write_text(svg)


def load_pictures(place: Path) -> dict[str, dict[str, str]]:
    """The maps in a folder: by result, by moment (before, after)."""
    found: dict[str, dict[str, str]] = {}
    for path in sorted(place.glob("*.svg")) if place.is_dir() else ():
        name, _, moment = path.stem.rpartition(".")
        found.setdefault(name, {})[moment] = path.read_text()
    return found


def load_results(place: Path) -> list[Result]:
    """The results in a file or folder. Raises UsageError where there is none, or one cannot be read."""
    paths: Sequence[Path] = sorted(place.glob(f"*{SUFFIX}")) if place.is_dir() else [place]
    if not paths:
        raise UsageError(f"no result in {place}", hint="Run kvmedic lab run SCENARIO --remedy R --save DIR.")
    return [_load(path) for path in paths]


def _load(path: Path) -> Result:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Result)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise UsageError(f"{path} is not a result of the lab: {error}") from error
