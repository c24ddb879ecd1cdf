"""What moving a domain needs of libvirt: facts of both sides, the move itself, and a look at one side.

A script of its own, thrown away when it hangs; it runs under whatever Python can import the distribution's
binding, so it uses nothing but the standard library. The request is one JSON object on the first line of
standard input (it may hold a definition with secrets, so it is never an argument). On standard output: the
line
"started", the line "connected", then JSON objects, one a line: {"progress": …} any number of times, and at
last
{"answer": …}, {"refused": TEXT} (no connection, nothing was changed) or {"failed": TEXT, "code": NUMBER}.
A further line "abort" on standard input ends a migration; the end of standard input does not: libvirtd
carries it out whether or not anybody listens.
"""

from __future__ import annotations

import json
import select
import sys
import threading
import time
from typing import Any
from xml.etree import ElementTree

NO_BINDING = 3
STATES = ("no state", "running", "idle", "paused", "in shutdown", "shut off", "crashed", "pmsuspended")
CPU_ANSWERS = {-1: "error", 0: "incompatible", 1: "identical", 2: "superset"}
POLL_S = 0.25


def say(kind: str, content: Any, **more: Any) -> None:
    """One line for the parent."""
    sys.stdout.write(json.dumps({kind: content, **more}) + "\n")
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
        "job": domain.jobInfo()[0] if is_active else 0,
    }


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
        "job": domain.jobInfo()[0] if is_active else 0,
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


def finish(libvirt: Any, connection: Any, wish: dict[str, Any]) -> Any:
    """What libvirt leaves behind: the autostart flag does not travel with the definition."""
    connection.lookupByUUIDString(wish["uuid"]).setAutostart(1)
    return True


def abort(libvirt: Any, connection: Any, wish: dict[str, Any]) -> Any:
    """Ends the job that runs on the domain."""
    connection.lookupByUUIDString(wish["uuid"]).abortJob()
    return True


class Move:
    """One migration: a thread waits for libvirt, and this one watches, reports and aborts."""

    def __init__(self, libvirt: Any, connection: Any, wish: dict[str, Any]) -> None:
        self._libvirt, self._wish = libvirt, wish
        self._domain = connection.lookupByUUIDString(wish["uuid"])
        self._error: Any = None
        self._is_post_copy = False
        self._has_downtime = wish["max_downtime_ms"] is None
        self._pass, self._most_left = 0, 0
        self._aborted_by = ""

    def carry_out(self) -> None:
        """Starts, watches until libvirt returns, and says how it ended."""
        worker = threading.Thread(target=self._migrate, daemon=True)
        begun = time.monotonic()
        worker.start()
        while worker.is_alive():
            worker.join(POLL_S)
            self._watch(time.monotonic() - begun)
        if self._error is None:
            say("answer", self._summary())
        else:
            text = self._error.get_error_message() or str(self._error)
            say("failed", text, code=self._error.get_error_code(), aborted_by=self._aborted_by)

    def _migrate(self) -> None:
        try:
            self._domain.migrateToURI3(self._wish["destination_uri"], self._parameters(), self._flags())
        except self._libvirt.libvirtError as error:
            self._error = error

    def _flags(self) -> int:
        libvirt, wish = self._libvirt, self._wish
        flags = libvirt.VIR_MIGRATE_LIVE | libvirt.VIR_MIGRATE_PEER2PEER | libvirt.VIR_MIGRATE_ABORT_ON_ERROR
        if self._domain.isPersistent():
            flags |= libvirt.VIR_MIGRATE_PERSIST_DEST | libvirt.VIR_MIGRATE_UNDEFINE_SOURCE
        for key, name in (
            ("with_auto_converge", "AUTO_CONVERGE"),
            ("with_post_copy", "POSTCOPY"),
            ("with_tls", "TLS"),
            ("is_tunnelled", "TUNNELLED"),
        ):
            flags |= getattr(libvirt, f"VIR_MIGRATE_{name}") if wish[key] else 0
        return int(flags)

    def _parameters(self) -> dict[str, Any]:
        libvirt, wish = self._libvirt, self._wish
        found = {
            libvirt.VIR_MIGRATE_PARAM_URI: None if wish["is_tunnelled"] else wish["migrate_uri"],
            libvirt.VIR_MIGRATE_PARAM_BANDWIDTH: wish["bandwidth_mib_s"],
            libvirt.VIR_MIGRATE_PARAM_PERSIST_XML: wish["persistent_xml"],
        }
        return {key: value for key, value in found.items() if value is not None}

    def _watch(self, elapsed_s: float) -> None:
        if "abort" in heard():
            self._abort("operator")
        if elapsed_s > self._wish["timeout_s"]:
            self._abort("timeout")
        try:
            stats = self._domain.jobStats()
        except self._libvirt.libvirtError:
            say("progress", {"elapsed_s": round(elapsed_s, 1)})
            return
        self._set_downtime(stats)
        self._maybe_post_copy(stats)
        say("progress", {**told(stats, elapsed_s), "is_post_copy": self._is_post_copy})

    def _abort(self, who: str) -> None:
        """Once; after the switch to post-copy neither side has the whole guest, so it is not tried."""
        if self._aborted_by or self._is_post_copy:
            return
        self._aborted_by = who
        try:
            self._domain.abortJob()
        except self._libvirt.libvirtError as error:
            self._aborted_by = ""
            say("progress", {"not_aborted": error.get_error_message()})

    def _set_downtime(self, stats: dict[str, Any]) -> None:
        if not self._has_downtime and stats.get("memory_total"):
            self._has_downtime = True
            try:
                self._domain.migrateSetMaxDowntime(self._wish["max_downtime_ms"], 0)
            except self._libvirt.libvirtError as error:
                say("progress", {"no_downtime_limit": error.get_error_message()})

    def _maybe_post_copy(self, stats: dict[str, Any]) -> None:
        """The rule: from the third pass on, when a pass begins with no less than the one before it had."""
        number, left = stats.get("memory_iteration") or 0, stats.get("memory_remaining")
        if not self._wish["with_post_copy"] or self._is_post_copy or left is None:
            return
        before = self._most_left
        if number == self._pass:
            self._most_left = max(left, before)
            return
        self._pass, self._most_left = number, left
        if number >= 3 and left >= before > 0:
            self._is_post_copy = True
            say("progress", {"is_post_copy": True, "left_bytes": left})
            self._domain.migrateStartPostCopy(0)

    def _summary(self) -> dict[str, Any]:
        return {"is_post_copy": self._is_post_copy}


def told(stats: dict[str, Any], elapsed_s: float) -> dict[str, Any]:
    """The numbers of a running migration that people ask for, in bytes and bytes a second."""
    page = stats.get("memory_page_size") or 4096
    dirty = stats.get("memory_dirty_rate")
    return {
        "elapsed_s": round(elapsed_s, 1),
        "total_bytes": stats.get("memory_total"),
        "left_bytes": stats.get("memory_remaining"),
        "sent_bytes": stats.get("memory_processed"),
        "passes": stats.get("memory_iteration"),
        "dirty_bytes_s": None if dirty is None else dirty * page,
        "rate_bytes_s": stats.get("memory_bps"),
        "throttle_percent": stats.get("auto_converge_throttle"),
    }


def heard() -> str:
    """What was said to us since the last time, without waiting."""
    text = ""
    while select.select([sys.stdin], [], [], 0)[0]:
        line = sys.stdin.readline()
        if not line:
            break
        text += line
    return text


READS = {"look": look, "source": source}
OTHERS = {"destination": destination, "finish": finish, "abort": abort}
"""libvirt compares CPUs through a read-write connection only."""


def perform(libvirt: Any, wish: dict[str, Any]) -> None:
    """Connects and does what is wished."""
    is_reading = wish["call"] in READS
    try:
        connection = libvirt.openReadOnly(wish["uri"]) if is_reading else libvirt.open(wish["uri"])
    except libvirt.libvirtError as error:
        say("refused", f"no connection to {wish['uri']}: {error.get_error_message() or error}")
        return
    sys.stdout.write("connected\n")
    sys.stdout.flush()
    try:
        if wish["call"] == "migrate":
            Move(libvirt, connection, wish).carry_out()
        else:
            say("answer", {**READS, **OTHERS}[wish["call"]](libvirt, connection, wish))
    except libvirt.libvirtError as error:
        say("failed", error.get_error_message() or str(error), code=error.get_error_code())


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
