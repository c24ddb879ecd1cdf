"""How a page map looks: a colour and a letter for each label, and a name for each class."""

from __future__ import annotations

from typing import NamedTuple

from kvmedic.model.page_map import Label, PageClass, PageMap

Colour = tuple[int, int, int]

BACKGROUND: Colour = (15, 20, 32)
INK: Colour = (226, 232, 240)
QUIET: Colour = (148, 160, 180)
HOLE_COLOUR: Colour = (15, 20, 32)

_COLOURS: dict[PageClass, Colour] = {
    PageClass.FREE: (58, 72, 100),
    PageClass.STRANDED: (255, 45, 95),
    PageClass.ANONYMOUS: (176, 150, 118),
    PageClass.THP: (150, 122, 88),
    PageClass.PAGE_CACHE: (84, 120, 132),
    PageClass.SHMEM: (108, 140, 170),
    PageClass.SLAB: (245, 158, 11),
    PageClass.PAGE_TABLES: (250, 204, 21),
    PageClass.KERNEL: (217, 119, 6),
    PageClass.HUGETLB: (20, 184, 166),
    PageClass.UNEVICTABLE: (190, 120, 190),
    PageClass.KSM: (217, 160, 255),
    PageClass.RESERVED: (120, 96, 72),
    PageClass.OFFLINE: (70, 70, 70),
    PageClass.HWPOISON: (255, 255, 255),
    PageClass.UNCLASSIFIED: (31, 37, 50),
}
_DOMAIN_HUES: tuple[Colour, ...] = (
    (59, 130, 246),
    (34, 197, 94),
    (168, 85, 247),
    (6, 182, 212),
    (132, 204, 22),
    (99, 102, 241),
    (16, 185, 129),
    (217, 70, 239),
)
_SEVERAL_DOMAINS: Colour = (200, 210, 255)

_LETTERS: dict[PageClass, str] = {
    PageClass.FREE: ".",
    PageClass.STRANDED: "%",
    PageClass.ANONYMOUS: "a",
    PageClass.THP: "t",
    PageClass.PAGE_CACHE: "c",
    PageClass.SHMEM: "m",
    PageClass.SLAB: "s",
    PageClass.PAGE_TABLES: "p",
    PageClass.KERNEL: "k",
    PageClass.HUGETLB: "h",
    PageClass.UNEVICTABLE: "u",
    PageClass.KSM: "x",
    PageClass.RESERVED: "r",
    PageClass.OFFLINE: "o",
    PageClass.HWPOISON: "!",
    PageClass.UNCLASSIFIED: "~",
}
_DOMAIN_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

NAMES: dict[PageClass, str] = {
    PageClass.FREE: "free",
    PageClass.GUEST: "guest",
    PageClass.GUEST_THP: "guest, huge pages",
    PageClass.STRANDED: "stranded",
    PageClass.ANONYMOUS: "other processes",
    PageClass.THP: "other huge pages",
    PageClass.PAGE_CACHE: "page cache",
    PageClass.SHMEM: "shared memory",
    PageClass.SLAB: "slab",
    PageClass.PAGE_TABLES: "page tables",
    PageClass.KERNEL: "kernel",
    PageClass.HUGETLB: "hugetlb",
    PageClass.UNEVICTABLE: "locked",
    PageClass.KSM: "shared by KSM",
    PageClass.RESERVED: "reserved",
    PageClass.OFFLINE: "offline",
    PageClass.HWPOISON: "broken memory",
    PageClass.UNCLASSIFIED: "unclassified",
}


class Look(NamedTuple):
    """Colour and letter by label number, and the label numbers of each domain's kinds of memory."""

    colours: tuple[Colour, ...]
    letters: tuple[str, ...]


def look_of(page_map: PageMap) -> Look:
    """The look of one map: domains take their hues and letters in its order."""
    domains = domains_of(page_map)
    looks = [_look(label, domains) for label in page_map.labels]
    return Look(tuple(colour for colour, _ in looks), tuple(letter for _, letter in looks))


def domains_of(page_map: PageMap) -> tuple[str, ...]:
    """The domains that labels name, in order."""
    names = (label.domain for label in page_map.labels if label.page_class is PageClass.GUEST)
    return tuple(name for name in names if name is not None)


def domain_letter(number: int) -> str:
    """The letter of the domain with this number; after 26 they come again."""
    return _DOMAIN_LETTERS[number % len(_DOMAIN_LETTERS)]


def domain_colour(number: int) -> Colour:
    """The colour of the huge pages of the domain with this number."""
    return _DOMAIN_HUES[number % len(_DOMAIN_HUES)]


def class_colour(page_class: PageClass) -> Colour:
    """The colour of a class that is no guest's."""
    return _COLOURS[page_class]


def class_letter(page_class: PageClass) -> str:
    """The letter of a class that is no guest's."""
    return _LETTERS[page_class]


def _look(label: Label, domains: tuple[str, ...]) -> tuple[Colour, str]:
    if label.page_class in _COLOURS:
        return _COLOURS[label.page_class], _LETTERS[label.page_class]
    if label.domain is None:
        return _SEVERAL_DOMAINS, "&"
    number = domains.index(label.domain)
    hue = domain_colour(number)
    is_small = label.page_class is PageClass.GUEST
    return (_lighter(hue) if is_small else hue), domain_letter(number)


def _lighter(colour: Colour) -> Colour:
    red, green, blue = (round(part + (255 - part) * 0.45) for part in colour)
    return red, green, blue


def hexadecimal(colour: Colour) -> str:
    """The colour as SVG and rich write it."""
    return "#{:02x}{:02x}{:02x}".format(*colour)
