"""Sizes of domains for people; "not known" where there is a gap, never zero."""

from __future__ import annotations

from kvmedic.model.report import ReportedDomain
from kvmedic.units import human_bytes


def amount(size: int | None) -> str:
    """Bytes for people."""
    return "not known" if size is None else human_bytes(size)


def domain_sizes(domain: ReportedDomain) -> list[tuple[str, int | None]]:
    """The sizes of a domain that people compare, under their names."""
    return [
        ("maximum", domain.memory_max_bytes),
        ("actual", domain.balloon_actual_bytes),
        ("RSS", domain.rss_bytes),
        ("cgroup", domain.memcg_bytes),
        ("huge pages", domain.thp_bytes),
        ("stranded", domain.stranded_bytes),
    ]


def domain_facts(domain: ReportedDomain) -> str:
    """The memory of one domain in one line; what is not known is said."""
    parts = [f"{name} {amount(size)}" for name, size in domain_sizes(domain)]
    if domain.stranded_method is not None:
        parts[-1] += f" ({domain.stranded_method})"
    state = domain.state if domain.is_running else f"{domain.state}, not running"
    return " · ".join([state, f"managed by {domain.managed_by}", *parts])
