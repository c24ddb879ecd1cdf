"""The kernel's configuration: /boot/config-RELEASE, or /proc/config.gz (kernel/configs.c)."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping

from kvmedic.errors import ParseError
from kvmedic.parse.lines import after_the_end, numbered_lines

_SET = re.compile(r"(CONFIG_\w+)=(.*)")
_NOT_SET = re.compile(r"# (CONFIG_\w+) is not set")
_LARGEST_BYTES = 8 * 1024 * 1024


def parse_kernel_config(text: str, source: str) -> Mapping[str, str]:
    """Each option with its value as written ("y", "m", "20", '"text"'); "n" where it is said not to be set.

    An option that the file does not mention is unknown to that kernel.
    """
    options: dict[str, str] = {}
    for line in numbered_lines(text, source):
        row = line.text.strip()
        if match := _SET.fullmatch(row):
            options[match[1]] = match[2]
        elif match := _NOT_SET.fullmatch(row):
            options[match[1]] = "n"
        elif not row.startswith("#"):
            raise line.error("CONFIG_NAME=value or a comment")
    if not options:
        raise after_the_end(text, source, "CONFIG_NAME=value")
    return options


def unpack_kernel_config(packed: bytes, source: str) -> str:
    """The text inside /proc/config.gz. A ParseError where it is not gzip, is cut, or unpacks past 8 MiB."""
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        text = unpacker.decompress(packed, _LARGEST_BYTES)
    except zlib.error as error:
        raise ParseError(source, 1, "", "a gzip file") from error
    if not unpacker.eof:
        raise ParseError(source, 1, "", f"a whole gzip file of at most {_LARGEST_BYTES} bytes")
    return text.decode(errors="replace")
