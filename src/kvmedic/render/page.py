"""A page of text for a terminal or a pipe: hanging indents, colours that can be left out, an ASCII twin.

Strings are never read as markup: they become ``rich.text.Text`` as they are.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

Piece = str | tuple[str, str]
"""Text, or text with a rich style."""

_ASCII = str.maketrans(
    {
        "·": "-",
        "−": "-",
        "–": "-",
        "→": "->",
        "←": "<-",
        "…": "..",
        "×": "x",
        "±": "+/-",
        "≥": ">=",
        "≤": "<=",
        "’": "'",
        "“": '"',
        "”": '"',
        "\u00a0": " ",
    }
)
_SAMPLE = "·−–→←…×±"
_NARROWEST = 34
"""A column narrower than this is unreadable; the text goes below its label instead."""


class Page:
    """Lines of text, ``width`` cells wide. ``encoding`` is what will carry them; Unicode where it can."""

    def __init__(self, *, width: int, colour: bool, encoding: str) -> None:
        self.width = max(width, 40)
        self._encoding = encoding
        self._is_plain = not _can_carry(encoding, _SAMPLE)
        self._out = io.StringIO()
        self._console = Console(
            file=self._out,
            width=self.width,
            force_terminal=colour,
            color_system="standard" if colour else None,
            no_color=not colour,
            markup=False,
            emoji=False,
            highlight=False,
            legacy_windows=False,
            _environ={},
        )

    def blank(self) -> None:
        """An empty line."""
        self._out.write("\n")

    def unbroken(self, *pieces: Piece, indent: int = 0) -> None:
        """One line that is never broken, so that a command can be copied."""
        self._emit(self._assemble((" " * indent, *pieces)))

    def paragraph(self, *pieces: Piece, indent: int = 0, hang: int = 0) -> None:
        """Text broken at words; lines after the first are ``hang`` cells further in."""
        self.entry("", *pieces, indent=indent, label_width=0, hang=hang)

    def entry(
        self, label: Piece, *pieces: Piece, indent: int = 0, label_width: int | None = None, hang: int = 0
    ) -> None:
        """A label in a column of its own and text beside it, or below it where there is no room."""
        head = self._assemble((label,))
        wide = head.cell_len + 2 if label_width is None else label_width
        start = indent + wide
        if wide and (head.cell_len > wide or self.width - start < _NARROWEST):
            self._wrapped(Text(" " * indent), indent, (label,), 0)
            start = indent + 2
            self._wrapped(Text(" " * start), start, pieces, hang)
            return
        lead = Text.assemble(" " * indent, head, " " * (wide - head.cell_len))
        self._wrapped(lead, start, pieces, hang)

    def sides(self, left: Sequence[Piece], right: Sequence[Piece]) -> None:
        """Something on the left and something on the right edge; two lines where one is too narrow."""
        one, two = self._assemble(left), self._assemble(right)
        room = self.width - one.cell_len - two.cell_len
        if room < 2:
            self.paragraph(*left)
            self.paragraph(*right, indent=2)
            return
        self._emit(Text.assemble(one, " " * room, two))

    def rows(
        self, rows: Sequence[tuple[str, str]], *, indent: int, longest: int = 26, style: str = ""
    ) -> None:
        """Labels aligned in one column, their text beside them."""
        widths = [cell_len(self._words(label)) for label, _ in rows]
        column = max((wide for wide in widths if wide <= longest), default=0) + 2
        for label, text in rows:
            self.entry((label, style), text, indent=indent, label_width=column)

    def text(self) -> str:
        """The page: no trailing blanks, one newline at its end, every character one that can be carried."""
        lines = [line.rstrip() for line in self._out.getvalue().splitlines()]
        body = "\n".join(lines).strip("\n") + "\n"
        return body.encode(self._encoding, "backslashreplace").decode(self._encoding)

    def _wrapped(self, lead: Text, start: int, pieces: Sequence[Piece], hang: int) -> None:
        body = self._assemble(pieces)
        first = body.wrap(self._console, max(self.width - start, 8), tab_size=1)
        lines = list(first)
        if hang and len(lines) > 1:
            rest = body[len(lines[0].plain) :]
            lines = [
                lines[0],
                *_left(rest).wrap(self._console, max(self.width - start - hang, 8), tab_size=1),
            ]
        for number, line in enumerate(lines or [Text("")]):
            line.rstrip()
            before = lead if number == 0 else Text(" " * (start + hang))
            self._emit(Text.assemble(before, line))

    def _assemble(self, pieces: Sequence[Piece]) -> Text:
        whole = Text(end="")
        for piece in pieces:
            words, style = (piece, "") if isinstance(piece, str) else piece
            whole.append(self._words(words), style or None)
        return whole

    def _words(self, words: str) -> str:
        return words.translate(_ASCII) if self._is_plain else words

    def _emit(self, line: Text) -> None:
        line.rstrip()
        self._console.print(line, soft_wrap=True, end="\n")


def _left(text: Text) -> Text:
    """``text`` without its leading blanks."""
    return text[len(text.plain) - len(text.plain.lstrip()) :]


def _can_carry(encoding: str, sample: str) -> bool:
    try:
        sample.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True
