"""``kvmedic capture``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from kvmedic import __version__
from kvmedic.app.capture import BundleContents, prepare_capture
from kvmedic.cli.collect_wishes import collect_request
from kvmedic.cli.terminal import progress_on_stderr, write_out
from kvmedic.errors import UsageError
from kvmedic.model.request import CollectRequest
from kvmedic.render.sanitise import clean
from kvmedic.units import human_bytes
from kvmedic.wiring import collector, new_pseudonym_key, open_source, save_bundle

Flag = Parameter(negative=())


def capture(
    target: str | None = None,
    *,
    output: Annotated[Path | None, Parameter(name=("--output", "-o"))] = None,
    script: Annotated[bool, Flag] = False,
    list: Annotated[bool, Flag] = False,  # noqa: A002  the word people type
    deep: Annotated[bool, Flag] = False,
    interval: float = 2.0,
    pseudonyms: Annotated[bool, Flag] = False,
) -> int:
    """Write a bundle that a colleague can check elsewhere: by allow-list, secrets removed, mode 0600.

    Parameters
    ----------
    target
        Nothing (this host), ssh://user@host, or a bundle to be written again with pseudonyms.
    output
        The file (.tar.gz) or the folder to write; without it a file here, named by host and time.
    script
        Print the collector instead: one POSIX shell script, for hosts where nothing may be installed.
    list
        Only list what the bundle would hold; write nothing.
    deep
        Also read what takes locks of the kernel: pagetypeinfo, slabinfo, smaps_rollup.
    interval
        Seconds between the two readings that rates need; 0 reads once.
    pseudonyms
        Replace the names of hosts and domains, UUIDs and addresses by stable made-up ones.
    """
    if script:
        write_out(collector(), encoding="utf-8")
        return 0
    if not list:
        _refuse_nowhere(output)
    request = collect_request(deep=deep, interval=interval, page_map="sampled")
    contents = _collected(target, request, pseudonyms=pseudonyms)
    _list(contents)
    if not list:
        _write(contents, output)
    return 0


def _refuse_nowhere(output: Path | None) -> None:
    """Before anything is read. UsageError where the bundle could not be written there."""
    if output is not None and output.exists():
        raise UsageError(
            f"{output} exists already", hint="Choose another name; a bundle never replaces a file."
        )
    if output is not None and not output.absolute().parent.is_dir():
        raise UsageError(f"{output} is no place for a bundle", hint="Give a name in a folder that is there.")


def _collected(target: str | None, request: CollectRequest, *, pseudonyms: bool) -> BundleContents:
    with progress_on_stderr() as progress:
        return prepare_capture(
            open_source(target),
            request,
            progress,
            tool_version=__version__,
            pseudonym_key=new_pseudonym_key() if pseudonyms else None,
        )


def _list(contents: BundleContents) -> None:
    for path, size in contents.listing():
        write_out(f"{size:>10,}  {clean(path)}\n")
    total = human_bytes(contents.size_bytes())
    write_out(f"{len(contents.files):,} files, {total} before compression\n")


def _write(contents: BundleContents, output: Path | None) -> None:
    path = save_bundle(contents, output)
    write_out(f"written to {path} (mode 0600)\nExamine it anywhere: kvmedic check {path}\n")
