"""What moving a domain needs to know of libvirt: facts of both sides, and a look at one side.

A script of its own, thrown away when it hangs; it runs under whatever Python can import the distribution's
binding, so it uses nothing but the standard library. The request is one JSON object on standard input. On
standard output: the lines "started" and "connected", then one JSON object: {"answer": …}, {"refused": TEXT}
(no connection) or {"failed": TEXT}. Nothing is changed; libvirt compares CPUs through a read-write connection
only.
"""

from __future__ import annotations

import json
import sys
from typing import Any
from xml.etree import ElementTree

NO_BINDING = 3
STATES = ("no state", "running", "idle", "paused", "in shutdown", "shut off", "crashed", "pmsuspended")
CPU_ANSWERS = {-1: "error", 0: "incompatible", 1: "identical", 2: "superset"}


def say(kind: str, content: Any) -> None:
    """One line for the parent."""
    sys.stdout.write(json.dumps({kind: content}) + "\n")
    sys.stdout.flush()


def host_facts(connection: Any) -> dict[str, Any]:
    """Who this host is and what memory it has; sizes in KiB as libvirt counts."""
    tree = ElementTree.fromstring(connection.getCapabilities())  # noqa: S314
    cells = [int(cell.get("id") or 0) for cell in tree.iter("cell")]
    pages = sorted({int(page.get("size") or 4) for page in tree.iterfind("./host/cpu/pages")})
    memory = connection.getMemoryStats(-1, 0)
    return {
        "host_uuid": tree.findtext("./host/uuid") or "",
        "hostname": connection.getHostname(),
        "cpus": connection.getInfo()[2],
        "memory_kib": {key: value for key, value in memory.items() if isinstance(value, int)},
        "node_free_kib": {str(cell): connection.getMemoryStats(cell, 0).get("free") for cell in cells},
        "free_pages": free_pages(connection, pages, cells),
    }


def free_pages(connection: Any, sizes_kib: list[int], cells: list[int]) -> dict[str, dict[str, int]]:
    """Free pages of each huge size by NUMA node."""
    huge = [size for size in sizes_kib if size > 64]
    if not huge or not cells:
        return {}
    found = connection.getFreePages(huge, min(cells), max(cells) - min(cells) + 1, 0)
    return {str(cell): {str(size): count for size, count in of.items()} for cell, of in found.items()}


def presence(libvirt: Any, connection: Any, uuid: str) -> dict[str, Any] | None:
    """The domain on this side, or None where it is not defined here."""
    try:
        domain = connection.lookupByUUIDString(uuid)
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
            return None
        raise
    state, reason = domain.state()
    is_active = bool(domain.isActive())
    return {
        "name": domain.name(),
        "state": STATES[state] if state < len(STATES) else STATES[0],
        "reason": reason,
        "id": domain.ID(),
        "is_active": is_active,
        "is_persistent": bool(domain.isPersistent()),
        "job": job_of(libvirt, domain) if is_active else 0,
    }


def job_of(libvirt: Any, domain: Any) -> int:
    """The kind of job that the domain is busy with, 0 for none (virDomainJobType).

    At the destination of a migration libvirt refuses to tell: the refusal itself says that one is coming in.
    """
    try:
        return int(domain.jobInfo()[0])
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_OPERATION_UNSUPPORTED:
            return int(libvirt.VIR_DOMAIN_JOB_UNBOUNDED)
        raise


def look(libvirt: Any, connection: Any, wish: dict[str, Any]) -> Any:
    """One side of a move."""
    found = presence(libvirt, connection, wish["uuid"])
    if found and found["is_persistent"]:
        domain = connection.lookupByUUIDString(wish["uuid"])
        tree = ElementTree.fromstring(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))  # noqa: S314
        balloon = tree.find("./devices/memballoon")
        found["inactive_balloon"] = "virtio" if balloon is None else balloon.get("model")
        found["autostarts"] = bool(domain.autostart())
    return found


def source(libvirt: Any, connection: Any, wish: dict[str, Any]) -> Any:
    """The host, and of each domain what bears on its move."""
    domains = [connection.lookupByUUIDString(uuid) for uuid in wish["uuids"]]
    return {**host_facts(connection), "domains": [of_domain(libvirt, domain) for domain in domains]}


def of_domain(libvirt: Any, domain: Any) -> dict[str, Any]:
    """Its live definition without secrets, and what is attached to it: snapshots, jobs."""
    xml = domain.XMLDesc(0)
    targets = [t.get("dev") for t in ElementTree.fromstring(xml).iterfind("./devices/disk/target")]  # noqa: S314
    is_active = bool(domain.isActive())
    jobs = [target for target in targets if target and is_active and domain.blockJobInfo(target, 0)]
    return {
        "uuid": domain.UUIDString(),
        "xml": xml,
        "is_persistent": bool(domain.isPersistent()),
        "autostarts": bool(domain.autostart()) if domain.isPersistent() else False,
        "snapshots": domain.snapshotNum(0),
        "checkpoints": len(domain.listAllCheckpoints(0)),
        "block_jobs": jobs,
        "job": job_of(libvirt, domain) if is_active else 0,
        "has_managed_save": bool(domain.hasManagedSaveImage(0)),
    }


def destination(libvirt: Any, connection: Any, wish: dict[str, Any]) -> Any:
    """The host, and for each domain its answer to the CPU and whether something of it is there already."""
    answers = {}
    for uuid, asked in wish["domains"].items():
        answers[uuid] = {
            "cpu": cpu_answer(libvirt, connection, asked),
            "there": presence(libvirt, connection, uuid),
            "name_taken": is_taken(libvirt, connection, asked["name"], uuid),
        }
    running = connection.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE)
    return {**host_facts(connection), "answers": answers, "running": len(running)}


def cpu_answer(libvirt: Any, connection: Any, asked: dict[str, Any]) -> str:
    """This hypervisor's own answer: identical, superset, incompatible, or why it cannot tell."""
    if not asked["cpu_xml"]:
        return "default"
    try:
        number = connection.compareHypervisorCPU(
            None, asked["arch"], asked["machine"], asked["virt_type"], asked["cpu_xml"], 0
        )
    except libvirt.libvirtError as error:
        return f"error: {error.get_error_message()}"
    return CPU_ANSWERS.get(number, "error")


def is_taken(libvirt: Any, connection: Any, name: str, uuid: str) -> bool:
    """Whether another domain has this name there."""
    try:
        return bool(connection.lookupByName(name).UUIDString() != uuid)
    except libvirt.libvirtError:
        return False


READS = {"look": look, "source": source}
OTHERS = {"destination": destination}


def perform(libvirt: Any, wish: dict[str, Any]) -> None:
    """Connects and answers."""
    try:
        is_reading = wish["call"] in READS
        connection = libvirt.openReadOnly(wish["uri"]) if is_reading else libvirt.open(wish["uri"])
    except libvirt.libvirtError as error:
        say("refused", f"no connection to {wish['uri']}: {error.get_error_message() or error}")
        return
    sys.stdout.write("connected\n")
    sys.stdout.flush()
    try:
        say("answer", {**READS, **OTHERS}[wish["call"]](libvirt, connection, wish))
    except libvirt.libvirtError as error:
        say("failed", error.get_error_message() or str(error))


def main() -> int:
    """Reads the request, does it. 3: this Python has no libvirt binding."""
    try:
        import libvirt  # noqa: PLC0415
    except ImportError:
        return NO_BINDING
    libvirt.registerErrorHandler(lambda _context, _error: None, None)
    sys.stdout.write("started\n")
    sys.stdout.flush()
    perform(libvirt, json.loads(sys.stdin.readline()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
