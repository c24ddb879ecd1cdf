"""Changes memballoon and currentMemory of a domain's definition, and not one byte more. Pure.

An XML parser finds where the elements begin and end; the text between is kept as it is, secrets included.
What was replaced comes back as text, so that undo can put exactly that back.
"""

from __future__ import annotations

from xml.etree import ElementTree
from xml.parsers import expat

from kvmedic.errors import ParseError
from kvmedic.model.plan import RedefineDomain
from kvmedic.model.record import Record

SOURCE = "the inactive definition"
_WANTED = {
    ("domain", "memory"): "memory",
    ("domain", "currentMemory"): "currentMemory",
    ("domain", "devices", "memballoon"): "memballoon",
}
_DEVICES = ("domain", "devices")


class Span(Record, frozen=True, kw_only=True):
    """Where an element stands in the definition's bytes."""

    start: int
    end: int


class Places(Record, frozen=True, kw_only=True):
    """The elements that concern the balloon; None: there is none. ``devices_end`` is before </devices>."""

    memory: Span | None
    current: Span | None
    balloon: Span | None
    devices_end: int | None


class BalloonDefinition(Record, frozen=True, kw_only=True):
    """What a definition says of the balloon. ``current_is_maximum``: currentMemory = memory, or not given."""

    model: str
    free_page_reporting: bool
    current_is_maximum: bool
    balloon_text: str | None
    current_text: str | None


class _Finder:
    """Notes spans while expat reads. Twice the same element is refused: libvirt allows one."""

    def __init__(self, data: bytes) -> None:
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._begin
        self._parser.EndElementHandler = self._end
        self._parser.StartDoctypeDeclHandler = self._refuse
        self._path: list[str] = []
        self._starts: list[int] = []
        self._data = data
        self.spans: dict[str, Span] = {}
        self.devices_end: int | None = None

    def find(self) -> Places:
        """Reads the text. ParseError where it is no XML, or declares a document type."""
        try:
            self._parser.Parse(self._data, True)
        except expat.ExpatError as error:
            raise ParseError(SOURCE, error.lineno, "", f"well-formed XML ({error})") from error
        return Places(
            memory=self.spans.get("memory"),
            current=self.spans.get("currentMemory"),
            balloon=self.spans.get("memballoon"),
            devices_end=self.devices_end,
        )

    def _begin(self, name: str, _attributes: dict[str, str]) -> None:
        self._path.append(name)
        self._starts.append(self._parser.CurrentByteIndex)

    def _end(self, _name: str) -> None:
        path, start = tuple(self._path), self._starts.pop()
        self._path.pop()
        at = self._parser.CurrentByteIndex
        if path == _DEVICES and self._data.startswith(b"</devices", at):
            self.devices_end = at
        wanted = _WANTED.get(path)
        if wanted is None:
            return
        if wanted in self.spans:
            raise ParseError(SOURCE, self._parser.CurrentLineNumber, f"<{wanted}", f"one {wanted} only")
        self.spans[wanted] = Span(start=start, end=self._after_end_tag(wanted, start, at))

    def _after_end_tag(self, name: str, start: int, at: int) -> int:
        """expat stands before "</name>", or, for "<name/>", at the element's own beginning or behind it."""
        if self._data.startswith(f"</{name}".encode(), at):
            return self._data.index(b">", at) + 1
        return at if at > start else self._data.index(b"/>", start) + 2

    def _refuse(self, *_: object) -> None:
        raise ParseError(SOURCE, 1, "<!DOCTYPE", "XML without a document type")


def find_places(xml: str) -> Places:
    """Where the definition speaks of the balloon. ParseError where it cannot be read."""
    return _Finder(xml.encode()).find()


def read_balloon(xml: str) -> BalloonDefinition:
    """What the definition says of the balloon; libvirt adds a virtio balloon where the element is missing."""
    data, places = xml.encode(), find_places(xml)
    balloon, current, memory = (_text(data, span) for span in (places.balloon, places.current, places.memory))
    element = None if balloon is None else ElementTree.fromstring(balloon)  # noqa: S314  (no document type)
    return BalloonDefinition(
        model="virtio" if element is None else element.get("model", "virtio"),
        free_page_reporting=element is not None and element.get("freePageReporting") == "on",
        current_is_maximum=current is None or _kib(current) == _kib(memory),
        balloon_text=balloon,
        current_text=current,
    )


def is_as_wished(xml: str, wish: RedefineDomain) -> bool:
    """Whether the definition already says what ``wish`` wants."""
    now = read_balloon(xml)
    return (
        (wish.memballoon_model is None or now.model == wish.memballoon_model)
        and (wish.free_page_reporting is None or now.free_page_reporting == wish.free_page_reporting)
        and (not wish.current_memory_to_maximum or now.current_is_maximum)
    )


def edited(xml: str, wish: RedefineDomain) -> str:
    """The definition with the wished changes; every other byte is the same."""
    now = read_balloon(xml)
    balloon = now.balloon_text
    if wish.memballoon_model is not None and now.model != wish.memballoon_model:
        balloon = f"<memballoon model='{wish.memballoon_model}'/>"
    elif wish.free_page_reporting is not None and now.free_page_reporting != wish.free_page_reporting:
        balloon = _with_reporting(now.balloon_text, "on" if wish.free_page_reporting else "off")
    current = now.current_text
    if wish.current_memory_to_maximum and not now.current_is_maximum:
        current = _current_like_memory(xml)
    return replaced(xml, balloon_text=balloon, current_text=current)


def replaced(xml: str, *, balloon_text: str | None, current_text: str | None) -> str:
    """The definition with these elements in the places of its own; None leaves an element as it is."""
    data, places = xml.encode(), find_places(xml)
    changes: list[tuple[Span, str]] = []
    if balloon_text is not None:
        changes.append((places.balloon or _new_device(places), balloon_text))
    if current_text is not None and places.current is not None:
        changes.append((places.current, current_text))
    for span, text in sorted(changes, key=lambda change: -change[0].start):
        data = data[: span.start] + text.encode() + data[span.end :]
    return data.decode()


def _new_device(places: Places) -> Span:
    if places.devices_end is None:
        raise ParseError(SOURCE, 1, "", "an element devices")
    return Span(start=places.devices_end, end=places.devices_end)


def _text(data: bytes, span: Span | None) -> str | None:
    return None if span is None else data[span.start : span.end].decode()


def _kib(text: str | None) -> tuple[str, str] | None:
    """The number and unit of a memory element; libvirt prints both elements in KiB."""
    if text is None:
        return None
    element = ElementTree.fromstring(text)  # noqa: S314  (no document type)
    return element.get("unit", "KiB"), (element.text or "").strip()


def _with_reporting(text: str | None, value: str) -> str:
    if text is None:
        return f"<memballoon model='virtio' freePageReporting='{value}'/>"
    element = ElementTree.fromstring(text)  # noqa: S314  (no document type)
    element.set("freePageReporting", value)
    return ElementTree.tostring(element, encoding="unicode")


def _current_like_memory(xml: str) -> str:
    data, places = xml.encode(), find_places(xml)
    unit, number = _kib(_text(data, places.memory)) or ("KiB", "0")
    return f"<currentMemory unit='{unit}'>{number}</currentMemory>"
