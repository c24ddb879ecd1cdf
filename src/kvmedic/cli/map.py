"""``kvmedic map``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console

from kvmedic.app.map import MapView, map_json, map_of, pictures_after
from kvmedic.cli.terminal import progress_on_stderr, stdout_terminal, write_out
from kvmedic.errors import OutputError, UsageError
from kvmedic.model.request import CollectRequest
from kvmedic.render.picture import MapText, render_map_png, render_map_svg
from kvmedic.render.picture_drawing import panel_of
from kvmedic.wiring import open_source

Flag = Parameter(negative=())


def map(  # noqa: A001  the verb people type
    target: str | None = None,
    *,
    full: Annotated[bool, Flag] = False,
    png: Path | None = None,
    svg: Path | None = None,
    json: Annotated[bool, Flag] = False,
) -> int:
    """Show physical memory: who owns which block, what is stranded, what each remedy would free.

    Changes nothing. Needs root on a living host.

    Parameters
    ----------
    target
        Nothing (this host), or a bundle that holds a page map.
    full
        Read every page of the host; without it blocks are sampled, and the error is shown.
    png
        Also write the picture, with one after each remedy, as PNG.
    svg
        The same as SVG.
    json
        The map as JSON.
    """
    _refuse_nowhere(png, svg)
    request = CollectRequest(is_deep=full, interval_s=0.0, page_map="full" if full else "sampled")
    with progress_on_stderr() as progress:
        view = map_of(open_source(target), request, progress)
    _write_pictures(view, png, svg)
    if json:
        write_out(map_json(view).decode(), encoding="utf-8")
    else:
        _show(view)
    return 0


def _refuse_nowhere(*pictures: Path | None) -> None:
    """Before the map is read, which may take minutes. UsageError where a picture could not be written."""
    for path in pictures:
        if path is not None and (path.is_dir() or not path.parent.is_dir()):
            raise UsageError(
                f"{path} is no place for a picture", hint="Give the name of a file in a folder that is there."
            )


def _write_pictures(view: MapView, png: Path | None, svg: Path | None) -> None:
    if png is None and svg is None:
        return
    panels = [panel_of(after.forecast, after.page_map) for after in pictures_after(view.page_map)]
    if png is not None:
        _write(png, render_map_png(view.page_map, view.host, panels))
    if svg is not None:
        _write(svg, render_map_svg(view.page_map, view.host, panels).encode())


def _write(path: Path, picture: bytes) -> None:
    try:
        path.write_bytes(picture)
    except OSError as error:
        raise OutputError(
            f"{path} could not be written: {(error.strerror or 'error').lower()}",
            hint="Choose a place with room where you may write.",
        ) from error


def _show(view: MapView) -> None:
    terminal = stdout_terminal()
    console = Console(
        width=terminal.width,
        force_terminal=terminal.has_colour,
        no_color=not terminal.has_colour,
        highlight=False,
    )
    with console.capture() as capture:
        console.print(MapText(view.page_map, view.host))
    write_out("".join(f"{line.rstrip()}\n" for line in capture.get().splitlines()))
