"""What the inactive definition says otherwise than the live one: it takes effect at the next power cycle.

Rebooting inside the guest, or ``virsh reset``, is no power cycle: QEMU and its devices stay.
"""

from __future__ import annotations

from kvmedic.parse.domain_xml import DomainDefinition
from kvmedic.units import human_bytes


def derive_pending_changes(
    live: DomainDefinition | None, inactive: DomainDefinition | None
) -> tuple[str, ...]:
    """One phrase for each difference that bears on memory ("memballoon model: virtio → none").

    Not currentMemory: the live one follows the balloon, so the two differ wherever a balloon moved.
    """
    if live is None or inactive is None:
        return ()
    before, after = _shown(live), _shown(inactive)
    return tuple(f"{name}: {before[name]} → {after[name]}" for name in before if before[name] != after[name])


def _shown(definition: DomainDefinition) -> dict[str, str]:
    period = definition.stats_period_s
    return {
        "memory": human_bytes(definition.memory_bytes),
        "vcpu": str(definition.vcpus),
        "memballoon model": definition.balloon_model or "not given",
        "memballoon freePageReporting": "on" if definition.free_page_reporting else "off",
        "memballoon autodeflate": "on" if definition.deflate_on_oom else "off",
        "memballoon stats period": f"{period} s" if period else "none",
        "memoryBacking hugepages": "yes" if definition.hugepage_size_bytes is not None else "no",
        "memoryBacking locked": "yes" if definition.is_locked else "no",
        "memoryBacking source": definition.source_type or ("shared" if definition.is_shared else "anonymous"),
        "numatune nodeset": definition.host_nodes or "any",
        "hard_limit": "none"
        if definition.hard_limit_bytes is None
        else human_bytes(definition.hard_limit_bytes),
        "VFIO devices": str(len(definition.vfio)),
        "launchSecurity": definition.launch_security or "none",
    }
