"""XML of libvirt, read within bounds: no document types, no entities of its own, no bottomless nesting."""

from __future__ import annotations

from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from kvmedic.errors import ParseError

LARGEST_CHARACTERS = 4 * 1024 * 1024
DEEPEST = 64
_REFUSED = ("<!DOCTYPE", "<!ENTITY")


def parse_tree(text: str, source: str) -> Element:
    """The root element. A ParseError for what is no XML, declares a document type, or is too big or deep.

    libvirt writes no document type; without one there are no entities to expand or to fetch.
    """
    if len(text) > LARGEST_CHARACTERS:
        raise ParseError(source, 1, "", f"at most {LARGEST_CHARACTERS} characters of XML")
    for mark in _REFUSED:
        if mark in text:
            at = text.index(mark)
            raise ParseError(
                source, text.count("\n", 0, at) + 1, text[at : at + 80], "XML without a document type"
            )
    try:
        root = ElementTree.fromstring(text)  # noqa: S314  (what makes it unsafe is refused above)
    except (ElementTree.ParseError, UnicodeEncodeError) as error:
        raise _not_xml(text, source, error) from error
    _check_depth(root, source)
    return root


def local_name(name: str) -> str:
    """An element's or attribute's name without its namespace."""
    return name.rpartition("}")[2]


def namespace_of(name: str) -> str:
    """The namespace of an element's name; empty where it has none."""
    return name[1:].partition("}")[0] if name.startswith("{") else ""


def _check_depth(root: Element, source: str) -> None:
    level = [root]
    for _ in range(DEEPEST):
        level = [child for element in level for child in element]
        if not level:
            return
    raise ParseError(source, 1, root.tag, f"XML nested at most {DEEPEST} deep")


def _not_xml(text: str, source: str, error: Exception) -> ParseError:
    line = error.position[0] if isinstance(error, ElementTree.ParseError) else 1
    lines = text.split("\n")
    shown = lines[line - 1] if 0 < line <= len(lines) else ""
    return ParseError(source, max(line, 1), shown, f"well-formed XML ({error})")
