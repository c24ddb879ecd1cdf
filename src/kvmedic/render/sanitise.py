"""Makes untrusted text harmless, once for every format: names and log lines come from strangers.

``clean_report`` is the door: no control character, no bidirectional override, no invisible character and no
lone surrogate gets past it; each becomes a visible escape such as ``\\x1b``. Then each format escapes its own
syntax.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import msgspec

from kvmedic.model.report import Report

_UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Controls, format characters (bidi, zero width, tags), surrogates, private, unassigned, line separators."""
_MARKDOWN = re.compile(r"([\\`*_\[\]|~$])")
_LINE_START = re.compile(r"^(\s*\d*)([-+=.)])(?=[\s=\-]|$)")
_PLAIN = re.compile(r"[ -~]*")


def clean(text: str) -> str:
    """``text`` as one safe line: whatever is invisible or moves a cursor is shown as its escape."""
    if _PLAIN.fullmatch(text):
        return text
    return "".join(_shown(character) for character in text)


def _shown(character: str) -> str:
    if unicodedata.category(character) not in _UNSAFE_CATEGORIES:
        return " " if unicodedata.category(character) == "Zs" else character
    return escape_of(character)


def escape_of(character: str) -> str:
    """The visible escape of one character: \\x1b, \\u202e, \\U000e0041."""
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def clean_report(report: Report) -> Report:
    """The same report with every string cleaned, so that no renderer can forget one."""
    return msgspec.convert(_cleaned(msgspec.to_builtins(report)), Report)


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {key: _cleaned(item) for key, item in value.items()}
    return [_cleaned(item) for item in value] if isinstance(value, list | tuple) else value


def for_json(encoded: str) -> str:
    """JSON text in which what a terminal could obey is a \\u escape; it decodes to the same value."""
    if encoded.isascii() and "\x7f" not in encoded:
        return encoded
    return "".join(_json_character(character) for character in encoded)


def _json_character(character: str) -> str:
    if character == "\n" or unicodedata.category(character) not in _UNSAFE_CATEGORIES:
        return character
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def without_surrogates(value: Any) -> Any:
    """Builtins whose strings can be encoded: a byte that was no UTF-8 is shown as its escape."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode() if not value.isascii() else value
    if isinstance(value, dict):
        return {key: without_surrogates(item) for key, item in value.items()}
    return [without_surrogates(item) for item in value] if isinstance(value, list | tuple) else value


def for_markdown(text: str) -> str:
    """Cleaned text that Markdown (GitHub's too) shows letter by letter: no markup, HTML, link or mention."""
    marked = (
        text.strip().replace("&", "&amp;").replace("#", "&#35;").replace("<", "&lt;").replace(">", "&gt;")
    )
    marked = marked.replace("@", "&#64;").replace("://", "&#58;//").replace("www.", "www&#46;")
    return _LINE_START.sub(r"\1\\\2", _MARKDOWN.sub(r"\\\1", marked))


def for_label(text: str) -> str:
    """Cleaned text inside the quotes of a metric's label."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def for_nagios(text: str) -> str:
    """Cleaned text of a plugin's output: no bar, which would begin performance data, and no markup."""
    return text.replace("|", "/").replace("<", "(").replace(">", ")")


def shortened(text: str, longest: int) -> str:
    """``text`` cut to ``longest`` characters, the cut shown."""
    return text if len(text) <= longest else text[: max(longest - 1, 0)] + "…"
