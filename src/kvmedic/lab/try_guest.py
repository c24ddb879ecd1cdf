"""Start one guest with a shaped memory on a private libvirt: ``python -m kvmedic.lab.try_guest --help``."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from kvmedic.lab.bed import Bed, end_on_terminate
from kvmedic.lab.cleanup import clean_named, clean_orphans
from kvmedic.lab.domain_xml import Backing, GuestWish
from kvmedic.lab.guest import Guest, start_guest
from kvmedic.lab.libvirt_host import LibvirtHost


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="try_guest", description=__doc__)
    parser.add_argument("--memory", type=int, default=1024, metavar="MIB")
    parser.add_argument("--punch", type=int, metavar="MIB", help="fragment this much of the guest's memory")
    parser.add_argument("--contiguous", type=int, metavar="MIB", help="fill and free this much in one piece")
    parser.add_argument("--cache", type=int, metavar="MIB", help="read a disk of this size")
    parser.add_argument("--inflate-to", type=int, metavar="MIB", help="set the balloon to this actual")
    parser.add_argument("--backing", type=Backing, default=Backing.ANONYMOUS, choices=list(Backing))
    parser.add_argument("--no-driver", action="store_true", help="the guest never loads virtio_balloon")
    parser.add_argument("--stay", action="store_true", help="leave it running; --clean takes it away")
    parser.add_argument("--clean", nargs="?", const="", metavar="BED", help="remove this bed, or all orphans")
    return parser.parse_args(argv)


def _wish(arguments: argparse.Namespace) -> GuestWish:
    orders = [
        f"{verb} {size}"
        for verb, size in (
            ("contiguous", arguments.contiguous),
            ("punch", arguments.punch),
            ("cache", arguments.cache),
        )
        if size
    ]
    return GuestWish(
        memory_mib=arguments.memory,
        backing=arguments.backing,
        has_driver=not arguments.no_driver,
        orders=tuple(orders),
        disk_mib=arguments.cache or 0,
    )


def _tell(host: LibvirtHost, guest: Guest) -> None:
    prefix = " ".join(host.command_prefix)
    lines = (
        f"bed            {host.bed.ledger.bed_id}",
        f"domain         {guest.name}",
        f"qemu pid       {(host.folder / 'run' / 'qemu' / f'{guest.name}.pid').read_text().strip()}",
        f"libvirt URI    {host.uri}",
        f"run inside     {prefix} COMMAND",
        f"agent socket   {host.guest_folder / (guest.name + '.agent')}",
        f"memory cgroup  {host.partition}.partition",
        f"actual         {guest.actual_bytes() >> 20} MiB",
    )
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def main(argv: Sequence[str] | None = None) -> int:
    """Start the guest, say how to reach it, and stay, or wait for Ctrl-C and take it away."""
    arguments = _arguments(argv)
    if arguments.clean is not None:
        _clean(arguments.clean)
        return 0
    end_on_terminate()
    with Bed() as bed:
        host = LibvirtHost(bed)
        guest = start_guest(host, "guest", _wish(arguments))
        guest.wait_until_ready()
        if arguments.inflate_to:
            guest.set_balloon(arguments.inflate_to)
        _tell(host, guest)
        if arguments.stay:
            bed.keep()
            return 0
        _wait_for_interrupt()
    return 0


def _clean(bed_id: str) -> None:
    if bed_id:
        clean_named(bed_id)
    cleaned = [bed_id] if bed_id else clean_orphans()
    sys.stdout.write(f"cleaned: {cleaned}\n")


def _wait_for_interrupt() -> None:
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    raise SystemExit(main())
