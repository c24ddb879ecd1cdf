"""/proc/slabinfo (mm/slab_common.c, version 2.1): the slab caches; its second line names the columns."""

from __future__ import annotations

from kvmedic.model.memory import SlabUse
from kvmedic.parse.lines import Line, after_the_end, numbered_lines

_VERSION = "slabinfo - version:"
_NEEDED = ("<active_objs>", "<num_objs>", "<objsize>", "<pagesperslab>", "<num_slabs>")


def parse_slabinfo(text: str, source: str, page_size_bytes: int) -> tuple[SlabUse, ...]:
    """Every cache. Its memory is its slabs × pages per slab × ``page_size_bytes``."""
    lines = numbered_lines(text, source)
    version = next(lines, None)
    if version is None or not version.text.startswith(_VERSION):
        raise version.error(_VERSION) if version else after_the_end(text, source, _VERSION)
    heading = next(lines, None)
    if heading is None:
        raise after_the_end(text, source, "a heading of columns")
    columns = _columns(heading)
    return tuple(_parse_row(line, columns, page_size_bytes) for line in lines)


def _columns(heading: Line) -> list[str]:
    words = heading.text.split()
    if words[:2] != ["#", "name"] or not set(_NEEDED) <= set(words):
        raise heading.error("a heading '# name <active_objs> <num_objs> <objsize> …'")
    return words[2:]


def _parse_row(line: Line, columns: list[str], page_size_bytes: int) -> SlabUse:
    words = line.text.rsplit(maxsplit=len(columns))
    if len(words) != len(columns) + 1:
        raise line.error(f"a name and {len(columns)} columns")
    by_column = dict(zip(columns, words[1:], strict=True))
    active, total, size, pages, slabs = (line.whole(by_column[column], column) for column in _NEEDED)
    return SlabUse(
        name=words[0].strip(),
        active_objects=active,
        total_objects=total,
        object_size_bytes=size,
        total_bytes=slabs * pages * page_size_bytes,
    )
