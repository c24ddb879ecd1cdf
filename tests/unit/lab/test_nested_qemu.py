"""The command line of a nested host."""

from __future__ import annotations

from pathlib import Path

from kvmedic.lab.nested_qemu import NestedWish, nested_command


def command(wish: NestedWish) -> str:
    argv = nested_command(wish, name="n", folder=Path("/f"), kernel=Path("/k"), initramfs=Path("/i"))
    return " ".join(argv)


def test_this_machines_root_is_shared_read_only() -> None:
    shares = [word for word in command(NestedWish()).split() if word.startswith("local,")]

    assert [("path=/," in share, "readonly=on" in share) for share in shares] == [
        (True, True),
        (False, False),
    ]


def test_memory_and_cpus_are_shared_out_among_the_numa_nodes() -> None:
    text = command(NestedWish(memory_mib=2048, cpus=4, numa_nodes=2))

    assert "id=ram1,size=1024M" in text
    assert "node,nodeid=0,memdev=ram0,cpus=0-1" in text
    assert "node,nodeid=1,memdev=ram1,cpus=2-3" in text


def test_disks_and_network_are_there_only_when_asked_for() -> None:
    assert "virtio-blk" not in command(NestedWish())
    assert "serial=swap" in command(NestedWish(swap_mib=64))
    assert command(NestedWish(network=("-nic", "none"))).endswith("-nic none")
