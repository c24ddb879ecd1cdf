"""Start a nested host, or run a command in one: ``python -m kvmedic.lab.try_nested --help``."""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Sequence

from kvmedic.lab.bed import Bed, end_on_terminate
from kvmedic.lab.domain_xml import GuestWish
from kvmedic.lab.guest import Guest, start_guest
from kvmedic.lab.kernel import find_kernel
from kvmedic.lab.ledger import Ledger
from kvmedic.lab.nested_host import NestedHost
from kvmedic.lab.nested_qemu import NestedWish
from kvmedic.lab.nested_shell import NestedShell


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="try_nested", description=__doc__)
    parser.add_argument("--memory", type=int, default=3072, metavar="MIB")
    parser.add_argument("--kernel", metavar="RELEASE", help="an installed kernel that begins so")
    parser.add_argument("--numa-nodes", type=int, default=1)
    parser.add_argument("--swap", type=int, default=0, metavar="MIB")
    parser.add_argument("--data", type=int, default=0, metavar="MIB")
    parser.add_argument("--guest", type=int, metavar="MIB", help="start a guest of this size inside")
    parser.add_argument("--punch", type=int, metavar="MIB", help="fragment this much of the guest's memory")
    parser.add_argument("--inflate-to", type=int, metavar="MIB", help="set the guest's balloon")
    parser.add_argument("--stay", action="store_true", help="leave it running (try_guest --clean BED)")
    parser.add_argument("--in", dest="inside", metavar="BED", help="run the commands in a host that stays")
    parser.add_argument("command", nargs="*", help="commands to run inside, each a shell text")
    return parser.parse_args(argv)


def _guest(host: NestedHost, arguments: argparse.Namespace) -> Guest:
    orders = (f"punch {arguments.punch}",) if arguments.punch else ()
    guest = start_guest(host, "guest", GuestWish(memory_mib=arguments.guest, orders=orders))
    guest.wait_until_ready(timeout_s=300)
    if arguments.inflate_to:
        guest.set_balloon(arguments.inflate_to, timeout_s=300)
    return guest


def main(argv: Sequence[str] | None = None) -> int:
    """Start the host, run the commands, say how long each took, and take it away unless told to stay."""
    arguments = _arguments(argv)
    if arguments.inside:
        _show_all(NestedShell(Ledger(arguments.inside).folder / "host"), arguments.command)
        return 0
    wish = NestedWish(
        memory_mib=arguments.memory,
        numa_nodes=arguments.numa_nodes,
        swap_mib=arguments.swap,
        data_mib=arguments.data,
    )
    end_on_terminate()
    started = time.monotonic()
    with Bed() as bed:
        host = NestedHost(bed, wish, kernel=find_kernel(arguments.kernel))
        host.wait_until_up()
        _say(f"bed {bed.ledger.bed_id} up after {time.monotonic() - started:.1f} s")
        _say(f"exchange folder {host.exchange} is /exchange inside; console {host.console_file}")
        if arguments.guest:
            guest = _guest(host, arguments)
            _say(f"guest {guest.name}, actual {guest.actual_bytes() >> 20} MiB, pid {guest.pid}")
        _show_all(host.shell, arguments.command)
        if arguments.stay:
            bed.keep()
    return 0


def _show_all(shell: NestedShell, commands: Sequence[str]) -> None:
    for command in commands:
        _show(shell, command)


def _show(shell: NestedShell, command: str) -> None:
    started = time.monotonic()
    done = shell.run(command)
    _say(f"$ {shlex.join([command])}   (exit {done.returncode}, {time.monotonic() - started:.1f} s)")
    sys.stdout.write(done.stdout + done.stderr)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
