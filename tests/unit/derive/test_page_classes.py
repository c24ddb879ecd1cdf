"""Classes of page frames by their flags, with the traps that real kernels set."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmedic.derive.page_classes import (
    CLASSES,
    COLUMNS,
    HOLE,
    IDLE_FILE,
    OWNED,
    Classifier,
    class_of,
    fold,
    is_large_anonymous,
)
from kvmedic.model.page_map import PageClass

LOCKED, REFERENCED, UPTODATE, DIRTY, LRU, SLAB, BUDDY, MMAP, ANON = (
    1 << n for n in (0, 2, 3, 4, 5, 7, 10, 11, 12)
)
SWAPBACKED, HEAD, TAIL, HUGE, UNEVICTABLE = (1 << n for n in (14, 15, 16, 17, 18))
HWPOISON, NOPAGE, KSM, THP, OFFLINE, ZERO, IDLE, PGTABLE = (1 << n for n in (19, 20, 21, 22, 23, 24, 25, 26))
RESERVED, MLOCKED, PRIVATE = 1 << 32, 1 << 33, 1 << 35
ANONYMOUS = LRU | ANON | SWAPBACKED


def classify(flags: int, owned: bool = False) -> PageClass | None:
    """The class of one frame."""
    code = int(Classifier(1).codes(np.array([flags], dtype=np.uint64))[0])
    return class_of(code | OWNED if owned else code)


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (0, PageClass.UNCLASSIFIED),
        (PRIVATE, PageClass.UNCLASSIFIED),
        (1 << 40 | 1 << 47, PageClass.UNCLASSIFIED),
        (BUDDY, PageClass.FREE),
        (SLAB | ANON | KSM | TAIL, PageClass.SLAB),
        (BUDDY | ANON | KSM, PageClass.FREE),
        (PGTABLE | ANON | KSM, PageClass.PAGE_TABLES),
        (PGTABLE | MMAP, PageClass.PAGE_TABLES),
        (ANONYMOUS, PageClass.ANONYMOUS),
        (ANONYMOUS | THP | HEAD, PageClass.THP),
        (ANONYMOUS | THP | TAIL, PageClass.THP),
        (ANON | TAIL, PageClass.THP),
        (ANONYMOUS | KSM, PageClass.KSM),
        (ANONYMOUS | MLOCKED | UNEVICTABLE, PageClass.UNEVICTABLE),
        (LRU | UPTODATE, PageClass.PAGE_CACHE),
        (LRU | UPTODATE | MMAP | DIRTY, PageClass.PAGE_CACHE),
        (LRU | UPTODATE | SWAPBACKED, PageClass.SHMEM),
        (LRU | UPTODATE | UNEVICTABLE, PageClass.UNEVICTABLE),
        (HUGE | HEAD | UPTODATE, PageClass.HUGETLB),
        (HUGE | TAIL | ANON, PageClass.HUGETLB),
        (RESERVED, PageClass.RESERVED),
        (RESERVED | MMAP, PageClass.RESERVED),
        (ZERO | RESERVED, PageClass.KERNEL),
        (HEAD, PageClass.KERNEL),
        (TAIL, PageClass.KERNEL),
        (MMAP, PageClass.KERNEL),
        (OFFLINE, PageClass.OFFLINE),
        (HWPOISON | LRU | ANON, PageClass.HWPOISON),
        (NOPAGE, None),
        (IDLE, PageClass.UNCLASSIFIED),
    ],
)
def test_flags_give_the_class_that_they_prove(flags: int, expected: PageClass | None) -> None:
    assert classify(flags) is expected


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (ANONYMOUS, PageClass.GUEST),
        (ANONYMOUS | MLOCKED, PageClass.GUEST),
        (ANONYMOUS | HEAD, PageClass.GUEST_THP),
        (ANONYMOUS | TAIL | MLOCKED, PageClass.GUEST_THP),
        (LRU | SWAPBACKED | UPTODATE, PageClass.GUEST),
        (HUGE | HEAD, PageClass.HUGETLB),
        (ANONYMOUS | KSM, PageClass.KSM),
        (BUDDY, PageClass.FREE),
        (SLAB, PageClass.SLAB),
    ],
)
def test_what_a_domain_maps_is_a_guests_unless_its_flags_say_otherwise(
    flags: int, expected: PageClass
) -> None:
    assert classify(flags, owned=True) is expected


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=64))
def test_any_flags_have_exactly_one_class_and_unknown_bits_change_nothing(words: list[int]) -> None:
    flags = np.array(words, dtype=np.uint64)
    known = flags & np.uint64((1 << 34) - 1)
    classifier = Classifier(flags.size)
    codes = classifier.codes(flags).copy()
    assert (codes == classifier.codes(known)).all()
    counted = fold(classifier.count(codes, flags.size))[0]
    assert counted[: HOLE + 1].sum() == flags.size
    assert counted.size == COLUMNS


def test_idle_cache_is_neither_mapped_nor_dirty() -> None:
    words = np.array(
        [LRU | UPTODATE, LRU | UPTODATE | DIRTY, LRU | MMAP, LRU | UPTODATE | MLOCKED], dtype=np.uint64
    )
    classifier = Classifier(4)
    counted = fold(classifier.count(classifier.codes(words), 4))[0]
    assert counted[CLASSES.index(PageClass.PAGE_CACHE)] == 3
    assert counted[IDLE_FILE] == 1


def test_only_anonymous_compound_pages_are_large_folios() -> None:
    words = [
        ANON | HEAD,
        ANON | TAIL,
        ANON,
        TAIL,
        SLAB | ANON | TAIL,
        HUGE | ANON | TAIL,
        BUDDY | ANON | TAIL,
    ]
    found = is_large_anonymous(np.array(words, dtype=np.uint64))
    assert found.tolist() == [True, True, False, False, False, False, False]
