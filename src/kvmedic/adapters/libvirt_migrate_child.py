"""Moves a domain, and what goes with it: abort, autostart.

A script of its own, thrown away when it hangs; it runs under whatever Python can import the distribution's
binding, so it uses nothing but the standard library. The request is one JSON object on the first line of
standard input (it may hold a definition with secrets, so it is never an argument). On standard output: the
lines
"started" and "connected", then JSON objects, one a line: {"progress": …} any number of times, and at last
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

NO_BINDING = 3
POLL_S = 0.25


def say(kind: str, content: Any, **more: Any) -> None:
    """One line for the parent."""
    sys.stdout.write(json.dumps({kind: content, **more}) + "\n")
    sys.stdout.flush()


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


OTHERS = {"finish": finish, "abort": abort}


def perform(libvirt: Any, wish: dict[str, Any]) -> None:
    """Connects and does what is wished."""
    try:
        connection = libvirt.open(wish["uri"])
    except libvirt.libvirtError as error:
        say("refused", f"no connection to {wish['uri']}: {error.get_error_message() or error}")
        return
    sys.stdout.write("connected\n")
    sys.stdout.flush()
    try:
        if wish["call"] == "migrate":
            Move(libvirt, connection, wish).carry_out()
        else:
            say("answer", OTHERS[wish["call"]](libvirt, connection, wish))
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
