"""Writes a bundle: a tar.gz or a folder that only its owner can read, whole or not at all."""

from __future__ import annotations

import os
import re
import shutil
import tarfile
from collections.abc import Mapping
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from kvmedic.errors import EvidenceError, UsageError

_FILE_MODE, _FOLDER_MODE = 0o600, 0o700
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")
_KEY_BYTES = 32


def new_pseudonym_key() -> bytes:
    """A key for one bundle; it is stored nowhere, so that nobody can take the pseudonyms back."""
    return os.urandom(_KEY_BYTES)


def bundle_name(host: str, taken_at: float | None) -> str:
    """The name of a bundle's top folder: the host and the moment in UTC."""
    moment = datetime.fromtimestamp(taken_at, UTC).strftime("%Y%m%dT%H%M%SZ") if taken_at else "undated"
    return f"kvmedic-{_UNSAFE.sub('_', host)[:64]}-{moment}"


def write_bundle(files: Mapping[str, bytes], path: Path, *, name: str, taken_at: float | None) -> None:
    """Write the files to ``path``: a gzipped tar where it ends in .tar.gz or .tgz, else a new folder.

    UsageError where it exists already; EvidenceError where it cannot be written. A failure leaves nothing.
    """
    if path.exists() or path.is_symlink():
        raise UsageError(
            f"{path} exists already", hint="Choose another name; a bundle never replaces a file."
        )
    try:
        if path.name.endswith((".tar.gz", ".tgz")):
            _write_archive(files, path, name, taken_at)
        else:
            _write_folder(files, path)
    except OSError as error:
        raise EvidenceError(
            f"{path} could not be written: {(error.strerror or 'error').lower()}",
            hint="Choose a place with room where you may write.",
        ) from error


def _write_archive(files: Mapping[str, bytes], path: Path, name: str, taken_at: float | None) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, _FILE_MODE)
    try:
        with (
            os.fdopen(descriptor, "wb") as file,
            tarfile.open(fileobj=file, mode="w:gz", compresslevel=6) as tar,
        ):
            for inner, data in files.items():
                entry = tarfile.TarInfo(f"{name}/{inner}")
                entry.size, entry.mode, entry.mtime = len(data), _FILE_MODE, int(taken_at or 0)
                tar.addfile(entry, BytesIO(data))
    except OSError:
        path.unlink()
        raise


def _write_folder(files: Mapping[str, bytes], path: Path) -> None:
    path.mkdir(mode=_FOLDER_MODE)
    try:
        for inner, data in files.items():
            place = path / inner
            for parent in reversed(place.relative_to(path).parents[:-1]):
                (path / parent).mkdir(mode=_FOLDER_MODE, exist_ok=True)
            descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, _FILE_MODE)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
    except OSError:
        shutil.rmtree(path, ignore_errors=True)
        raise
