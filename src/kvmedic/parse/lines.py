"""Numbered lines of a source, and numbers read strictly: what every parser of kernel files stands on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from kvmedic.errors import ParseError

_WHOLE = re.compile(r"[0-9]{1,20}")
_SIGNED = re.compile(r"-?[0-9]{1,20}")
_DECIMAL = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,9})?")


class Line(NamedTuple):
    """A line with the place it stands in, so that a refusal can name both."""

    source: str
    number: int
    text: str

    def error(self, expected: str) -> ParseError:
        """The error that says ``expected`` should have stood on this line."""
        return ParseError(self.source, self.number, self.text, expected)

    def whole(self, word: str, what: str) -> int:
        """``word`` as a number of 0 or more; ``what`` names it in the ParseError.

        At most 20 digits, which is what an unsigned long of the kernel can print; no sign, no underscore,
        no digits of other scripts (which ``int`` would take).
        """
        if not _WHOLE.fullmatch(word):
            raise self.error(what)
        return int(word)

    def signed(self, word: str, what: str) -> int:
        """``word`` as a number that may carry a minus sign."""
        if not _SIGNED.fullmatch(word):
            raise self.error(what)
        return int(word)

    def decimal(self, word: str, what: str) -> float:
        """``word`` as a number that may have decimals, as the kernel prints with "%lu.%02lu"."""
        if not _DECIMAL.fullmatch(word):
            raise self.error(what)
        return float(word)


def numbered_lines(text: str, source: str) -> Iterator[Line]:
    """The lines of ``text`` that are not blank, numbered from 1; only "\\n" ends a line, as in the kernel."""
    for number, line in enumerate(text.split("\n"), start=1):
        if line and not line.isspace():
            yield Line(source, number, line)


def only_line(text: str, source: str, expected: str) -> Line:
    """The one line of a file that holds one value; a ParseError where there is none, or more."""
    lines = numbered_lines(text, source)
    first = next(lines, None)
    if first is None:
        raise ParseError(source, 1, "", expected)
    second = next(lines, None)
    if second is not None:
        raise second.error("nothing after the first line")
    return first


def after_the_end(text: str, source: str, expected: str) -> ParseError:
    """The error for a file that ended before ``expected`` was found."""
    return ParseError(source, text.count("\n") + 1, "", expected)
