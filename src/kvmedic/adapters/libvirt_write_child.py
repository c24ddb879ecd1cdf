"""Carries out one call of libvirt through its read-write connection; thrown away when it hangs.

It runs as a script of its own, under whatever Python can import the distribution's libvirt binding, so it
uses nothing but the standard library. The request is one JSON object on standard input: {"uri", "call", …}.
On standard output: a line "connected" before the call is made (from then on its outcome can be unknown),
then one JSON object: {"answer": …}, {"refused": TEXT} or {"unknown": TEXT}. The request may hold secrets of
a definition, so it is never an argument, and nothing of it is written anywhere.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

NO_BINDING = 3
STATES = ("no state", "running", "idle", "paused", "in shutdown", "shut off", "crashed", "pmsuspended")
UNLIMITED = 9007199254740991
"""VIR_DOMAIN_MEMORY_PARAM_UNLIMITED (libvirt-domain.h), which the Python binding does not export."""
Answer = str | int | bool | dict[str, Any] | None


def state(libvirt: Any, connection: Any, wish: dict[str, Any]) -> Answer:
    """What a domain is now; ``actual_kib`` is asked of its QEMU, so it may take a while."""
    domain = connection.lookupByUUIDString(wish["uuid"])
    info = domain.info()
    is_active = bool(domain.isActive())
    stats = domain.memoryStats() if is_active else {}
    return {
        "name": domain.name(),
        "id": domain.ID(),
        "state": STATES[info[0]] if info[0] < len(STATES) else STATES[0],
        "is_active": is_active,
        "is_persistent": bool(domain.isPersistent()),
        "has_managed_save": bool(domain.hasManagedSaveImage()),
        "maximum_kib": domain.maxMemory(),
        "actual_kib": stats.get("actual"),
        "usable_kib": stats.get("usable"),
    }


def definition(libvirt: Any, connection: Any, wish: dict[str, Any]) -> Answer:
    """The inactive definition with its secrets: without them defining it again would lose them."""
    domain = connection.lookupByUUIDString(wish["uuid"])
    return str(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE))


def define(libvirt: Any, connection: Any, wish: dict[str, Any]) -> Answer:
    """Defines a domain, validated against libvirt's schema; the running domain keeps what it has."""
    connection.defineXMLFlags(wish["xml"], libvirt.VIR_DOMAIN_DEFINE_VALIDATE)
    return None


def set_balloon(libvirt: Any, connection: Any, wish: dict[str, Any]) -> Answer:
    """Asks the balloon; libvirt returns when QEMU took the request, not when the guest has followed."""
    domain = connection.lookupByUUIDString(wish["uuid"])
    domain.setMemoryFlags(wish["kib"], libvirt.VIR_DOMAIN_AFFECT_LIVE)
    return None


def limits(libvirt: Any, connection: Any, wish: dict[str, Any]) -> Answer:
    """The memory limits, live and in the inactive definition, in KiB; None is no limit."""
    domain = connection.lookupByUUIDString(wish["uuid"])
    found = {}
    for key, flag in (("live", libvirt.VIR_DOMAIN_AFFECT_LIVE), ("config", libvirt.VIR_DOMAIN_AFFECT_CONFIG)):
        values = domain.memoryParameters(flag)
        found[key] = {name: None if kib >= UNLIMITED else kib for name, kib in values.items()}
    return found


def set_limit(libvirt: Any, connection: Any, wish: dict[str, Any]) -> Answer:
    """Sets hard_limit; None is no limit. ``live`` and ``config`` each where the wish has them."""
    domain = connection.lookupByUUIDString(wish["uuid"])
    flags = {"live": libvirt.VIR_DOMAIN_AFFECT_LIVE, "config": libvirt.VIR_DOMAIN_AFFECT_CONFIG}
    for key, flag in flags.items():
        if key in wish:
            kib = UNLIMITED if wish[key] is None else wish[key]
            domain.setMemoryParameters({libvirt.VIR_DOMAIN_MEMORY_HARD_LIMIT: kib}, flag)
    return None


def shut_down(libvirt: Any, connection: Any, wish: dict[str, Any]) -> Answer:
    """Asks the guest to shut down; returns at once."""
    connection.lookupByUUIDString(wish["uuid"]).shutdown()
    return None


def start(libvirt: Any, connection: Any, wish: dict[str, Any]) -> Answer:
    """Starts a domain that is shut off."""
    connection.lookupByUUIDString(wish["uuid"]).create()
    return None


CALLS: dict[str, Callable[[Any, Any, dict[str, Any]], Answer]] = {
    "state": state,
    "definition": definition,
    "define": define,
    "set_balloon": set_balloon,
    "limits": limits,
    "set_limit": set_limit,
    "shut_down": shut_down,
    "start": start,
}
REFUSALS = (
    *("NO_SUPPORT", "INVALID_ARG", "OPERATION_DENIED", "OPERATION_UNSUPPORTED", "OPERATION_INVALID"),
    *("XML_ERROR", "XML_DETAIL", "XML_INVALID_SCHEMA", "NO_DOMAIN", "CONFIG_UNSUPPORTED", "ACCESS_DENIED"),
    *("ARGUMENT_UNSUPPORTED", "DOM_EXIST", "AUTH_UNAVAILABLE", "AUTH_FAILED"),
)
"""libvirt's codes after which nothing was changed. After any other, the connection may have gone with it."""


def say(kind: str, content: Answer) -> None:
    """The one answer."""
    sys.stdout.write(json.dumps({kind: content}) + "\n")
    sys.stdout.flush()


def perform(libvirt: Any, wish: dict[str, Any]) -> None:
    """Connects and makes the call."""
    try:
        connection = libvirt.open(wish["uri"])
    except libvirt.libvirtError as error:
        say("refused", f"no connection to {wish['uri']}: {error.get_error_message() or error}")
        return
    sys.stdout.write("connected\n")
    sys.stdout.flush()
    try:
        say("answer", CALLS[wish["call"]](libvirt, connection, wish))
    except libvirt.libvirtError as error:
        refusals = {getattr(libvirt, f"VIR_ERR_{name}", -1) for name in REFUSALS}
        kind = "refused" if error.get_error_code() in refusals else "unknown"
        say(kind, error.get_error_message() or str(error))


def main() -> int:
    """Reads the request, answers it. 3: this Python has no libvirt binding."""
    try:
        import libvirt  # noqa: PLC0415
    except ImportError:
        return NO_BINDING
    libvirt.registerErrorHandler(lambda _context, _error: None, None)
    perform(libvirt, json.loads(sys.stdin.read()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
