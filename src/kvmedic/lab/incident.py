"""An incident: what a host had after a failure, and the label that tells the truth: two small files."""

from __future__ import annotations

import hashlib
import io
import json
import lzma
import tarfile
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from kvmedic.lab.take import BootEnd
from kvmedic.model.record import Record

ProofIn = Literal["kernel", "qemu", "guest", "state"]
LABEL, ARCHIVE = "label.toml", "incident.tar.xz"


class Boot(Record, frozen=True, kw_only=True):
    """One boot of the host: its kernel's words as dmesg prints them, when it began, how it ended."""

    boot_id: str
    started_at: float
    end: BootEnd
    text: str


class Label(Record, frozen=True, kw_only=True):
    """The truth about an incident, and how it was made."""

    scenario: str
    variant: int
    cause: str
    """Empty: nothing failed, nothing may be found."""
    also: tuple[str, ...]
    kernel: str
    host: str
    proof_in: ProofIn
    """Where the proof is: the host's kernel log, QEMU's log, the guest's log, or the state of the host."""
    formats: tuple[str, ...]
    decoys: tuple[str, ...]
    spliced: str
    """How it was put together, where it is not one run from its start to its end."""
    made_by: str
    """The command that makes such a failure again, in a disposable host of its own."""
    made_on: str
    """What this one was made on."""
    held_out: bool


class Incident(Record, frozen=True, kw_only=True):
    """A labelled incident. ``files``: by path, as on the host (``guest/dmesg`` is the guest's own log)."""

    name: str
    label: Label
    boots: tuple[Boot, ...]
    files: Mapping[str, bytes]


def is_held_out(name: str) -> bool:
    """One in three, by the name alone: chosen before any result is seen."""
    return hashlib.sha256(name.encode()).digest()[0] % 3 == 0


def save(incident: Incident, corpus: Path) -> Path:
    """Write an incident to a folder of its name in the corpus."""
    folder = corpus / incident.name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / LABEL).write_text(_toml(incident))
    entries = {f"boots/{index}.dmesg": boot.text.encode() for index, boot in enumerate(incident.boots)}
    entries |= {f"files/{path}": data for path, data in incident.files.items()}
    (folder / ARCHIVE).write_bytes(lzma.compress(_tar(entries), preset=9 | lzma.PRESET_EXTREME))
    return folder


def load(folder: Path) -> Incident:
    """Read an incident from its folder."""
    table = tomllib.loads((folder / LABEL).read_text())
    entries = _untar(lzma.decompress((folder / ARCHIVE).read_bytes()))
    boots = [
        Boot(
            boot_id=row["boot_id"],
            started_at=row["started_at"],
            end=row["end"],
            text=entries[f"boots/{index}.dmesg"].decode(),
        )
        for index, row in enumerate(table.pop("boot"))
    ]
    files = {path.removeprefix("files/"): data for path, data in entries.items() if path.startswith("files/")}
    label = msgspec.convert(table, Label)
    return Incident(name=folder.name, label=label, boots=tuple(boots), files=files)


def load_all(corpus: Path) -> Iterator[Incident]:
    """Every incident of a corpus, by name."""
    for path in sorted(corpus.glob(f"*/{LABEL}")):
        yield load(path.parent)


def _toml(incident: Incident) -> str:
    """The label and the boots. A JSON string or array is a TOML one."""
    rows = [f"{key} = {_value(value)}" for key, value in msgspec.structs.asdict(incident.label).items()]
    for boot in incident.boots:
        rows += ["", "[[boot]]", f"boot_id = {_value(boot.boot_id)}"]
        rows += [f"started_at = {boot.started_at}", f"end = {_value(boot.end)}"]
    return "\n".join(rows) + "\n"


def _value(value: Any) -> str:
    return json.dumps(list(value) if isinstance(value, tuple) else value)


def _tar(entries: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path, data in entries.items():
            member = tarfile.TarInfo(path)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def _untar(archive: bytes) -> dict[str, bytes]:
    entries = {}
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for member in tar:
            content = tar.extractfile(member)
            if content is not None:
                entries[member.name] = content.read()
    return entries
