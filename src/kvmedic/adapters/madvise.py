"""process_madvise(2): advice on another process's memory, by its pidfd. Linux 5.10; needs root.

Only MADV_COLD is offered: it changes no content (mm/madvise.c, process_madvise_remote_valid).
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable, Sequence

from kvmedic.model.page_map import StrandedRange

SYS_PROCESS_MADVISE = 440
MADV_COLD = 20
RANGES_A_CALL = 256
"""Small calls keep the target's mmap_lock short and leave room to stop in between (UIO_MAXIOV is 1024)."""


class _Iovec(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


def make_cold(pidfd: int, ranges: Sequence[StrandedRange]) -> int:
    """Advises one batch of ranges; returns the bytes that the kernel says it advised. OSError as it comes.

    The return value says nothing about what was freed: read again.
    """
    vector = (_Iovec * len(ranges))(*[_Iovec(item.start, item.length) for item in ranges])
    libc = ctypes.CDLL(None, use_errno=True)
    advised: int = libc.syscall(
        ctypes.c_long(SYS_PROCESS_MADVISE),
        ctypes.c_int(pidfd),
        ctypes.byref(vector),
        ctypes.c_ulong(len(ranges)),
        ctypes.c_int(MADV_COLD),
        ctypes.c_uint(0),
    )
    if advised < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return advised


def batches(ranges: Sequence[StrandedRange]) -> Iterable[Sequence[StrandedRange]]:
    """The ranges in batches of at most ``RANGES_A_CALL``."""
    for start in range(0, len(ranges), RANGES_A_CALL):
        yield ranges[start : start + RANGES_A_CALL]
