"""From the flags of a page frame to its class, for millions of frames at a time.

A frame gets a code of one byte: five bits of primary use (smaller wins), whether it is locked, whether it
is the tail of a compound page, whether a domain maps it. Two look-up tables, for bits 0–15 and bits 16–33
of /proc/kpageflags, and a minimum give it: the kernel's read costs ten times as much.
Bits: include/uapi/linux/kernel-page-flags.h, include/linux/kernel-page-flags.h, fs/proc/page.c.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from kvmedic.model.page_map import PageClass

Flags: TypeAlias = NDArray[np.uint64]
Codes: TypeAlias = NDArray[np.uint8]
Counts: TypeAlias = NDArray[np.int64]

TAIL, LOCKED, OWNED = 1, 2, 128
CODES = 256


class Primary(IntEnum):
    """The use a frame's flags prove; where several do, the smallest is true.

    SLAB and PGTABLE frames of recent kernels show ANON and KSM too (their words overlap in struct page),
    so they come first.
    """

    HWPOISON = 0
    HOLE = 1
    OFFLINE = 2
    BUDDY = 3
    SLAB = 4
    PGTABLE = 5
    HUGETLB = 6
    ZERO_PAGE = 7
    RESERVED = 8
    KSM = 9
    ANON_HEAD = 10
    ANON = 11
    SHMEM = 12
    FILE_BUSY = 13
    FILE_IDLE = 14
    KERNEL = 15
    COMPOUND_TAIL = 16
    NOTHING = 17
    NO_OPINION = 31


_DIRTY, _LRU, _SLAB, _WRITEBACK, _BUDDY, _MMAP, _ANON = 4, 5, 7, 8, 10, 11, 12
_SWAPBACKED, _HEAD = 14, 15
HEAD_BIT, TAIL_BIT = np.uint64(1 << _HEAD), np.uint64(1 << 16)
ANON_BIT, BUDDY_BIT, SLAB_BIT = np.uint64(1 << _ANON), np.uint64(1 << _BUDDY), np.uint64(1 << _SLAB)
HUGE_BIT, PGTABLE_BIT, NOPAGE_BIT = np.uint64(1 << 17), np.uint64(1 << 26), np.uint64(1 << 20)
LOCKED_BITS = np.uint64(1 << 18 | 1 << 33)
_NOT_ANON = SLAB_BIT | BUDDY_BIT | HUGE_BIT | PGTABLE_BIT | NOPAGE_BIT

# bit − 16: the table of the upper half begins at bit 16
_UPPER = (
    (19, Primary.HWPOISON),
    (20, Primary.HOLE),
    (23, Primary.OFFLINE),
    (26, Primary.PGTABLE),
    (17, Primary.HUGETLB),
    (24, Primary.ZERO_PAGE),
    (32, Primary.RESERVED),
    (21, Primary.KSM),
    (16, Primary.COMPOUND_TAIL),
)
_UNEVICTABLE, _MLOCKED = 18, 33
_LOWER_BITS, _UPPER_BITS = 16, 18


def _lower_table() -> Codes:
    """Codes by bits 0–15."""
    value = np.arange(1 << _LOWER_BITS, dtype=np.uint32)

    def has(bit: int) -> NDArray[np.bool_]:
        return np.asarray((value >> np.uint32(bit)) & np.uint32(1) == 1)

    on_lru = has(_LRU)
    is_busy = has(_MMAP) | has(_DIRTY) | has(_WRITEBACK)
    rules = (
        (value == 0, Primary.NOTHING),
        (has(_BUDDY), Primary.BUDDY),
        (has(_SLAB), Primary.SLAB),
        (has(_ANON) & has(_HEAD), Primary.ANON_HEAD),
        (has(_ANON), Primary.ANON),
        (on_lru & has(_SWAPBACKED), Primary.SHMEM),
        (on_lru & is_busy, Primary.FILE_BUSY),
        (on_lru, Primary.FILE_IDLE),
    )
    codes = np.select([rule for rule, _ in rules], [int(use) for _, use in rules], int(Primary.KERNEL))
    return (codes << 2).astype(np.uint8)


def _upper_table() -> Codes:
    """Codes by bits 16–33; what is not known there is not looked at."""
    value = np.arange(1 << _UPPER_BITS, dtype=np.uint32)

    def has(bit: int) -> NDArray[np.bool_]:
        return np.asarray((value >> np.uint32(bit - 16)) & np.uint32(1) == 1)

    codes = np.full(value.size, Primary.NO_OPINION << 2, dtype=np.uint8)
    for bit, use in reversed(_UPPER):
        codes[has(bit)] = use << 2
    codes |= has(16).astype(np.uint8) * np.uint8(TAIL)
    codes |= (has(_UNEVICTABLE) | has(_MLOCKED)).astype(np.uint8) * np.uint8(LOCKED)
    return codes


LOWER: Codes = _lower_table()
UPPER: Codes = _upper_table()


class Classifier:
    """Buffers for one thread that classifies up to ``most`` frames at a time."""

    def __init__(self, most: int) -> None:
        self._index = np.empty(most, dtype=np.int64)
        self._upper = np.empty(most, dtype=np.uint8)
        self._codes = np.empty(most, dtype=np.uint8)

    def codes(self, flags: Flags) -> Codes:
        """The code of each frame; valid until the next call."""
        n = flags.size
        index, upper, codes = self._index[:n], self._upper[:n], self._codes[:n]
        bits = flags.view(np.int64)
        np.right_shift(bits, 16, out=index)
        np.bitwise_and(index, (1 << _UPPER_BITS) - 1, out=index)
        np.take(UPPER, index, out=upper, mode="clip")
        np.bitwise_and(bits, (1 << _LOWER_BITS) - 1, out=index)
        np.take(LOWER, index, out=codes, mode="clip")
        np.minimum(codes, upper, out=codes)
        np.bitwise_and(upper, TAIL | LOCKED, out=upper)
        np.bitwise_or(codes, upper, out=codes)
        return codes

    def count(self, codes: Codes, block_pages: int) -> Counts:
        """Frames by (block, code), for whole blocks."""
        blocks = codes.size // block_pages
        index = self._index[: codes.size].reshape(blocks, block_pages)
        base = (np.arange(blocks, dtype=np.int64) * CODES)[:, None]
        np.add(codes.reshape(blocks, block_pages), base, out=index)
        counted = np.bincount(index.reshape(-1), minlength=blocks * CODES)
        return counted.reshape(blocks, CODES)


def is_large_anonymous(flags: Flags) -> NDArray[np.bool_]:
    """Whether each frame belongs to an anonymous folio of more than one page."""
    anonymous = (flags & (_NOT_ANON | ANON_BIT)) == ANON_BIT
    return np.asarray(anonymous & ((flags & (HEAD_BIT | TAIL_BIT)) != 0))


CLASSES: tuple[PageClass, ...] = tuple(PageClass)
CLASS_INDEX = {page_class: index for index, page_class in enumerate(CLASSES)}
HOLE = len(CLASSES)
IDLE_FILE = HOLE + 1
"""Extra columns of folded counts: frames without memory; page cache that a drop would surely free."""
COLUMNS = IDLE_FILE + 1

_PLAIN = {
    Primary.HWPOISON: PageClass.HWPOISON,
    Primary.OFFLINE: PageClass.OFFLINE,
    Primary.BUDDY: PageClass.FREE,
    Primary.SLAB: PageClass.SLAB,
    Primary.PGTABLE: PageClass.PAGE_TABLES,
    Primary.HUGETLB: PageClass.HUGETLB,
    Primary.ZERO_PAGE: PageClass.KERNEL,
    Primary.RESERVED: PageClass.RESERVED,
    Primary.KSM: PageClass.KSM,
    Primary.SHMEM: PageClass.SHMEM,
    Primary.FILE_BUSY: PageClass.PAGE_CACHE,
    Primary.FILE_IDLE: PageClass.PAGE_CACHE,
    Primary.KERNEL: PageClass.KERNEL,
    Primary.COMPOUND_TAIL: PageClass.KERNEL,
    Primary.NOTHING: PageClass.UNCLASSIFIED,
}
_LOCKABLE = {Primary.ANON_HEAD, Primary.ANON, Primary.SHMEM, Primary.FILE_BUSY, Primary.FILE_IDLE}


def class_of(code: int) -> PageClass | None:
    """The class that a code stands for; None for a hole or a code that no frame has."""
    primary = (code & ~OWNED) >> 2
    if primary not in _VALUES or primary == Primary.HOLE:
        return None
    use = Primary(primary)
    is_owned, is_locked = bool(code & OWNED), bool(code & LOCKED)
    if use in (Primary.ANON, Primary.ANON_HEAD):
        is_large = use is Primary.ANON_HEAD or bool(code & TAIL)
        if is_owned:
            return PageClass.GUEST_THP if is_large else PageClass.GUEST
        if not is_locked:
            return PageClass.THP if is_large else PageClass.ANONYMOUS
    if use is Primary.SHMEM and is_owned:
        return PageClass.GUEST
    if is_locked and use in _LOCKABLE and not is_owned:
        return PageClass.UNEVICTABLE
    return _PLAIN.get(use)


_VALUES = {int(use) for use in Primary}


def _fold_matrix() -> Counts:
    matrix = np.zeros((CODES, COLUMNS), dtype=np.int64)
    for code in range(CODES):
        page_class = class_of(code)
        matrix[code, HOLE if page_class is None else CLASS_INDEX[page_class]] = 1
        is_idle = (code & ~OWNED) >> 2 == Primary.FILE_IDLE and page_class is PageClass.PAGE_CACHE
        matrix[code, IDLE_FILE] = int(is_idle)
    return matrix


FOLD: Counts = _fold_matrix()
LARGE_CODES: NDArray[np.bool_] = np.array(
    [
        (code & ~OWNED) >> 2 == Primary.ANON_HEAD
        or ((code & ~OWNED) >> 2 == Primary.ANON and bool(code & TAIL))
        for code in range(CODES)
    ]
)
"""Codes of frames in large anonymous folios, locked or not, mapped by a domain or not."""
ANONYMOUS_CODES: NDArray[np.int64] = np.flatnonzero(
    [(code & ~OWNED) >> 2 in (Primary.ANON_HEAD, Primary.ANON, Primary.SHMEM) for code in range(CODES)]
)
"""Codes of frames that can be a guest's memory (hugetlb apart)."""


def fold(by_code: Counts) -> Counts:
    """Counts by code → counts by class, with the columns ``HOLE`` and ``IDLE_FILE`` behind the classes."""
    used = np.flatnonzero(by_code.any(axis=0))
    return by_code[:, used] @ FOLD[used]
