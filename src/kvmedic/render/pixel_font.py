"""A small pixel font, so that a PNG needs no font of the machine: capitals, digits, a few signs.

Each glyph is seven rows of five pixels; a row is written as two hexadecimal digits, the leftmost pixel 10.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ROWS, COLUMNS, ADVANCE = 7, 5, 6

_GLYPHS = {
    "A": "0e11111f111111", "B": "1e11111e11111e", "C": "0e11101010110e", "D": "1c12111111121c",
    "E": "1f10101e10101f", "F": "1f10101e101010", "G": "0e11101711110f", "H": "1111111f111111",
    "I": "0e04040404040e", "J": "0702020202120c", "K": "11121418141211", "L": "1010101010101f",
    "M": "111b1515111111", "N": "11191915131311", "O": "0e11111111110e", "P": "1e11111e101010",
    "Q": "0e11111115120d", "R": "1e11111e141211", "S": "0f10100e01011e", "T": "1f040404040404",
    "U": "1111111111110e", "V": "11111111110a04", "W": "1111111515150a", "X": "11110a040a1111",
    "Y": "11110a04040404", "Z": "1f01020408101f",
    "0": "0e11131519110e", "1": "040c040404040e", "2": "0e11010608101f", "3": "0e11010601110e",
    "4": "02060a121f0202", "5": "1f101e0101110e", "6": "0608101e11110e", "7": "1f010204080808",
    "8": "0e11110e11110e", "9": "0e11110f01020c",
    ".": "00000000000c0c", ",": "000000000c0408", ":": "000c0c000c0c00", "-": "0000001f000000",
    "−": "0000001f000000", "+": "0004041f040400", "/": "00010204081000", "%": "18190204081303",
    "(": "02040808080402", ")": "08040202020408", "_": "0000000000001f", "=": "00001f001f0000",
    "·": "00000004000000", "±": "04041f04041f00", "×": "00110a040a1100", "…": "00000000000015",
    ";": "000c0c000c0408",
    "'": "04040800000000", "#": "0a0a1f0a1f0a0a", "@": "0e11171517100e", "?": "0e110102040004",
    "!": "04040404040004", "<": "02040810080402", ">": "08040201020408", "–": "0000001f000000",
    "→": "0004021f020400", "&": "0c12140815120d", "*": "00150e1f0e1500", "~": "00000d16000000",
}  # fmt: skip
_UNKNOWN = "1f11111111111f"


def text_width(text: str, scale: int) -> int:
    """The width of a line in pixels."""
    return max(0, len(text) * ADVANCE - 1) * scale


def text_mask(text: str, scale: int) -> NDArray[np.bool_]:
    """Where the ink of a line is; letters are drawn as capitals."""
    mask = np.zeros((ROWS, max(1, len(text) * ADVANCE)), dtype=np.bool_)
    for place, letter in enumerate(text.upper()):
        if letter != " ":
            mask[:, place * ADVANCE : place * ADVANCE + COLUMNS] = _glyph(letter)
    return np.kron(mask, np.ones((scale, scale), dtype=np.bool_))


def _glyph(letter: str) -> NDArray[np.bool_]:
    rows = bytes.fromhex(_GLYPHS.get(letter, _UNKNOWN))
    return np.array([[bool(row >> (COLUMNS - 1 - column) & 1) for column in range(COLUMNS)] for row in rows])
