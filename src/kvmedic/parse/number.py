"""Files of sysfs and procfs that hold one number, such as nr_hugepages or mc0/ce_count."""

from __future__ import annotations

from kvmedic.parse.lines import only_line


def parse_number(text: str, source: str) -> int:
    """The number in a file of one number (it may be negative: ksm/general_profit)."""
    line = only_line(text, source, "a number")
    return line.signed(line.text.strip(), "a number")


def parse_word(text: str, source: str) -> str:
    """The text of a file of one line, without the blanks around it."""
    return only_line(text, source, "a word").text.strip()
