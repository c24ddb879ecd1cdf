"""What a page of a cause must say: the thresholds of its rule, read from the code that applies them."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import ModuleType

from kvmedic.diagnose import balloons, cgroup_limits, fragmentation, readings
from kvmedic.units import human_bytes

SHARED = (balloons, cgroup_limits, fragmentation)
"""Modules of several rules; whoever imports from one applies its thresholds."""
NO_THRESHOLDS = frozenset({"PROVEN", "LIKELY", "POSSIBLE", "KIB", "MIB", "GIB", "TIB"})


def module_of(cause_id: str) -> ModuleType:
    """The module of a cause: its id with underscores."""
    return importlib.import_module(f"kvmedic.diagnose.causes.{cause_id.replace('-', '_')}")


def thresholds_of(cause_id: str) -> Mapping[str, float]:
    """Every public number that the rule compares with, by name."""
    module = module_of(cause_id)
    found = _numbers(module)
    for shared in SHARED:
        if _uses(module, shared):
            found |= _numbers(shared)
    if hasattr(module, "is_waiting") or _uses(module, cgroup_limits):
        found.setdefault("WAITING_PERCENT", readings.WAITING_PERCENT)
    return found


def in_words(name: str, value: float) -> str:
    """A threshold as the page writes it."""
    return f"`{name}` {human_bytes(value) if '_BYTES' in name else format(value, 'g')}"


def _numbers(module: ModuleType) -> dict[str, float]:
    return {
        name: value
        for name, value in vars(module).items()
        if name.isupper()
        and not name.startswith("_")
        and name not in NO_THRESHOLDS
        and type(value) in (int, float)
    }


def _uses(module: ModuleType, shared: ModuleType) -> bool:
    return any(
        getattr(value, "__module__", None) == shared.__name__ and not name.startswith("_")
        for name, value in vars(module).items()
    )
