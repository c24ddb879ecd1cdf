"""A domain's row of the page map, from codes counted by owner (full) or from its own sample."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kvmedic.derive.page_classes import CLASS_INDEX, CODES, OWNED, Counts, Primary, fold
from kvmedic.derive.page_sample import Estimate
from kvmedic.derive.window_sample import QUANTITIES
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.page_map import DomainPages, PageClass
from kvmedic.model.page_map_request import DomainProcess

INEXACT_COUNTS = Missing(
    source="proc/kpagecount",
    reason=Reason.UNSUPPORTED,
    detail="this kernel does not count mappings page by page",
)


def full_row(
    domain: DomainProcess,
    *,
    codes: Counts,
    entries: int,
    stranded_pages: int,
    folios: int,
    page_size: int,
    exact_counts: bool,
) -> DomainPages:
    """From the frames that only this domain maps (``codes``, by code) and the entries it maps in all."""
    by_class = fold(codes[None, :])[0]
    large, hugetlb = (_of(by_class, kind) for kind in (PageClass.GUEST_THP, PageClass.HUGETLB))
    small = _of(by_class, PageClass.GUEST)
    shmem = _shmem(codes)
    ksm = _of(by_class, PageClass.KSM)
    alone = int(codes.sum()) - ksm
    return DomainPages(
        name=domain.name,
        pid=domain.pid,
        anonymous_bytes=(small - shmem) * page_size,
        thp_bytes=large * page_size,
        shmem_bytes=shmem * page_size,
        hugetlb_bytes=hugetlb * page_size,
        shared_bytes=max(0, entries - alone) * page_size,
        resident_error_bytes=0,
        stranded_bytes=stranded_pages * page_size if exact_counts else INEXACT_COUNTS,
        stranded_blocks=folios if exact_counts else INEXACT_COUNTS,
        error_bytes=0,
    )


def _of(by_class: Counts, page_class: PageClass) -> int:
    return int(by_class[CLASS_INDEX[page_class]])


def _shmem(codes: Counts) -> int:
    numbers = np.arange(CODES)
    is_shmem: NDArray[np.bool_] = (numbers & ~OWNED) >> 2 == Primary.SHMEM
    return int(codes[is_shmem].sum())


def sampled_row(domain: DomainProcess, found: Estimate, page_size: int, exact_counts: bool) -> DomainPages:
    """From estimates by ``window_sample.QUANTITIES``, in pages and folios."""
    total = {name: max(0.0, float(value)) for name, value in zip(QUANTITIES, found.totals, strict=True)}
    error = {name: float(value) for name, value in zip(QUANTITIES, found.errors, strict=True)}
    pages = {name: round(value) * page_size for name, value in total.items()}
    resident = max(error["anonymous"], error["thp"], error["shmem"], error["hugetlb"])
    return DomainPages(
        name=domain.name,
        pid=domain.pid,
        anonymous_bytes=pages["anonymous"],
        thp_bytes=pages["thp"],
        shmem_bytes=pages["shmem"],
        hugetlb_bytes=pages["hugetlb"],
        shared_bytes=pages["shared"],
        resident_error_bytes=round(resident) * page_size,
        stranded_bytes=pages["stranded"] if exact_counts else INEXACT_COUNTS,
        stranded_blocks=round(total["stranded_folios"]) if exact_counts else INEXACT_COUNTS,
        error_bytes=round(error["stranded"]) * page_size if exact_counts else 0,
    )
