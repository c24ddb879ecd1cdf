"""From the word an operator gives to the source of evidence it means."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from kvmedic.adapters.bundle import ArchiveSource, FolderSource, roots_in
from kvmedic.adapters.decompress import expanded
from kvmedic.adapters.live_host import LibvirtReader, LiveHost, PageMapReader
from kvmedic.adapters.log_file import STANDARD_INPUT, LogFile, LogFolder, StandardInput, loose_logs
from kvmedic.adapters.priority import lower_own_priority
from kvmedic.adapters.ssh import SshHost, parse_ssh_target
from kvmedic.errors import EvidenceError, KvmedicError, UsageError
from kvmedic.parse.tar_header import BLOCK_BYTES, parse_tar_header
from kvmedic.ports import EvidenceSource

_SSH = "ssh://"
_HINT = "A target is ssh://user@host, a bundle or sosreport, a log file, - for a pipe, or nothing: this host."


def open_target(
    name: str | None,
    *,
    read_libvirt: LibvirtReader | None = None,
    read_statistics: LibvirtReader | None = None,
    read_page_map: PageMapReader | None = None,
) -> EvidenceSource:
    """The source that ``name`` means; None or an empty name is this host.

    UsageError for a name that means nothing, EvidenceError for a file that cannot be read.
    """
    if not name:
        return LiveHost(
            read_libvirt=read_libvirt,
            read_statistics=read_statistics,
            read_page_map=read_page_map,
            take_manners=lower_own_priority,
        )
    if name == STANDARD_INPUT:
        return StandardInput()
    if name.startswith(_SSH):
        return SshHost(parse_ssh_target(name))
    if "://" in name:
        raise UsageError(f"{name} is not a target that kvmedic knows", hint=_HINT)
    return _open_path(Path(name))


def _open_path(path: Path) -> EvidenceSource:
    try:
        if path.is_dir():
            return _open_folder(path)
        if not path.exists():
            raise UsageError(f"there is no file or folder {path}", hint=_HINT)
        if not path.is_file():
            raise UsageError(
                f"{path} is neither a file nor a folder", hint="Send it through a pipe, with - as target."
            )
        return ArchiveSource(path) if is_tar(path) else LogFile(path)
    except OSError as error:
        raise EvidenceError(
            f"{path} could not be read: {(error.strerror or 'error').lower()}",
            hint="Check its permissions, or run as its owner.",
        ) from error


def _open_folder(path: Path) -> EvidenceSource:
    if not roots_in(path) and next(loose_logs(path), None) is not None:
        return LogFolder(path)
    return FolderSource(path)


def is_tar(path: Path) -> bool:
    """Whether the file, once expanded, begins with a tar header.

    Where the beginning is damaged or missing, the name decides who tells the operator what is wrong with it.
    """
    is_named_so = ".tar" in path.name or path.suffix in {".tgz", ".txz", ".tbz", ".tzst"}
    with path.open("rb", buffering=0) as file:
        plain = expanded(iter(lambda: file.read(BLOCK_BYTES * 16), b""), path.name)
        try:
            head = b"".join(islice(_until(plain, BLOCK_BYTES), 64))[:BLOCK_BYTES]
            is_so = len(head) == BLOCK_BYTES and parse_tar_header(head, path.name) is not None
        except KvmedicError:
            is_so = False
        return is_so or is_named_so


def _until(pieces: Iterator[bytes], length: int) -> Iterator[bytes]:
    have = 0
    for piece in pieces:
        yield piece
        have += len(piece)
        if have >= length:
            return
