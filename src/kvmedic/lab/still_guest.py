"""The definition of a guest that takes all its memory and runs nothing: QEMU, libvirt and cgroup are real."""

from __future__ import annotations


def definition(
    name: str,
    memory_mib: int,
    *,
    prealloc: bool = True,
    limit_mib: int = 0,
    node: int | None = None,
    huge: bool = False,
    disk: str = "",
    vcpus: int = 1,
    domain_type: str = "kvm",
    partition: str | None = None,
) -> str:
    """The XML. ``limit_mib``: a limit of its cgroup; ``node``: bound strictly to that NUMA node."""
    return f"""<domain type='{domain_type}'>
  <name>{name}</name>
  <memory unit='MiB'>{memory_mib}</memory>
  <vcpu>{vcpus}</vcpu>
  {_partition(partition)}{_backing(prealloc, huge)}{_limit(limit_mib)}{_node(node)}
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  <features><acpi/></features>
  <cpu mode='custom'><model>qemu64</model></cpu>
  <devices>
    <controller type='usb' model='none'/>
    <memballoon model='virtio'><stats period='5'/></memballoon>{_disk(disk)}
  </devices>
</domain>
"""


def _backing(prealloc: bool, huge: bool) -> str:
    if huge:
        return "<memoryBacking><hugepages/></memoryBacking>"
    return "<memoryBacking><allocation mode='immediate'/></memoryBacking>" if prealloc else ""


def _limit(limit_mib: int) -> str:
    return f"<memtune><hard_limit unit='MiB'>{limit_mib}</hard_limit></memtune>" if limit_mib else ""


def _node(node: int | None) -> str:
    if node is None:
        return ""
    return f"<numatune><memory mode='strict' nodeset='{node}'/></numatune>"


def _disk(path: str) -> str:
    if not path:
        return ""
    return (
        "<disk type='file' device='disk'>"
        "<driver name='qemu' type='qcow2' cache='none' error_policy='enospace'/>"
        f"<source file='{path}'/><target dev='vda' bus='virtio'/></disk>"
    )


def _partition(path: str | None) -> str:
    return f"<resource><partition>{path}</partition></resource>\n  " if path else ""
