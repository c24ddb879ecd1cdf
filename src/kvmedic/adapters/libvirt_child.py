"""Reads libvirt through its read-only socket and tells what it finds as frames; thrown away when it hangs.

It runs as a script of its own, under whatever Python can import the distribution's libvirt binding, so it
uses nothing but the standard library. Usage: ``python libvirt_child.py URI [statistics]``; with the word, it
tells the statistics only, for a second reading. On standard output, each frame
is a line "KIND PATH-BYTES DATA-BYTES" and the two texts behind it:

    S  a step begins: the path says in words what is asked next (it names the gap if nothing more comes)
    F  a file of evidence, as ``virsh -r`` prints it
    G  a gap: the data is "REASON DETAIL"
    D  done

What may hang comes last and is asked only of domains whose QEMU answers: first lists and definitions, then
statistics without waiting for busy domains, then jobs. One call is in flight at any time.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

NO_BINDING = 3
STATES = ("no state", "running", "idle", "paused", "in shutdown", "shut off", "crashed", "pmsuspended")
JOB_TYPES = ("None", "Bounded", "Unbounded", "Completed", "Failed", "Cancelled")
OPERATIONS = (
    *("Unknown", "Start", "Save", "Restore", "Incoming migration", "Outgoing migration"),
    *("Snapshot", "Snapshot revert", "Dump", "Backup", "Snapshot delete"),
)
UNHURT_STATES = "RSI"
"""Kernel's letters of a QEMU whose monitor can answer: running, sleeping, idle."""
VIRSH = "sos_commands/virsh/virsh_-r_"
RUN = Path("/run/libvirt/qemu")


def tell(kind: str, path: str, text: str = "") -> None:
    """Write one frame, at once: what was told before a hang is kept."""
    name, data = path.encode(errors="replace"), text.encode(errors="replace")
    sys.stdout.buffer.write(f"{kind} {len(name)} {len(data)}\n".encode() + name + data)
    sys.stdout.buffer.flush()


def attempt(libvirt: Any, path: str, call: Any) -> Any:
    """What ``call`` gives, or None after telling the gap at ``path``."""
    try:
        return call()
    except libvirt.libvirtError as error:
        tell("G", path, f"{reason_of(libvirt, error)} {error.get_error_message() or error}")
        return None


def reason_of(libvirt: Any, error: Any) -> str:
    """The word for a gap that fits libvirt's error code."""
    denied = (
        *(libvirt.VIR_ERR_OPERATION_DENIED, libvirt.VIR_ERR_ACCESS_DENIED, libvirt.VIR_ERR_AUTH_FAILED),
        *(libvirt.VIR_ERR_AUTH_CANCELLED, libvirt.VIR_ERR_AUTH_UNAVAILABLE),
    )
    if error.get_error_code() in denied:
        return "denied"
    if error.get_error_code() in (libvirt.VIR_ERR_NO_CONNECT, libvirt.VIR_ERR_SYSTEM_ERROR):
        return "unreachable"
    return "not-found" if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN else "not-understood"


def suffixes(domains: list[Any]) -> dict[str, Any]:
    """A file-name suffix for each domain: its name, and its UUID too where two names become alike."""
    by_suffix: dict[str, Any] = {}
    for domain in domains:
        suffix = re.sub(r"[^A-Za-z0-9._-]", "_", domain.name())
        by_suffix[f"{suffix}.{domain.UUIDString()}" if suffix in by_suffix else suffix] = domain
    return by_suffix


def definitions(libvirt: Any, suffix: str, domain: Any) -> str:
    """Tell the definitions and libvirt's own notes of one domain; the state is returned."""
    state = attempt(libvirt, f"{VIRSH}dominfo_{suffix}", domain.info)
    if domain.isActive():
        tell_xml(libvirt, f"{VIRSH}dumpxml_{suffix}", domain, 0)
    if domain.isPersistent():
        tell_xml(libvirt, f"{VIRSH}dumpxml_--inactive_{suffix}", domain, libvirt.VIR_DOMAIN_XML_INACTIVE)
    word = STATES[state[0]] if state and state[0] < len(STATES) else STATES[0]
    if state:
        tell("F", f"{VIRSH}dominfo_{suffix}", dominfo(domain, word, state))
    return word


def tell_xml(libvirt: Any, path: str, domain: Any, flags: int) -> None:
    """Tell one definition. VIR_DOMAIN_XML_SECURE is never among the flags."""
    xml = attempt(libvirt, path, lambda: domain.XMLDesc(flags))
    if xml is not None:
        tell("F", path, xml)


def dominfo(domain: Any, state: str, info: list[int]) -> str:
    """The rows of ``virsh dominfo``."""
    rows = {
        "Id": domain.ID() if domain.ID() >= 0 else "-",
        "Name": domain.name(),
        "UUID": domain.UUIDString(),
        "OS Type": domain.OSType(),
        "State": state,
        "CPU(s)": info[3],
        "Max memory": f"{info[1]} KiB",
        "Used memory": f"{info[2]} KiB",
        "Persistent": "yes" if domain.isPersistent() else "no",
        "Autostart": "enable" if domain.autostart() else "disable",
        "Managed save": "yes" if domain.hasManagedSaveImage() else "no",
    }
    return "".join(f"{key + ':':<15} {value}\n" for key, value in rows.items())


def why_not(libvirt: Any, domain: Any) -> str | None:
    """Why the domain's monitor is not to be asked: its QEMU is stopped or stuck, or libvirt is at it."""
    if not domain.isActive():
        return None
    letter = qemu_state(domain.name())
    if letter and letter not in UNHURT_STATES:
        return f"timed-out its QEMU is in state {letter} and would not answer"
    control = domain.controlInfo()
    if control[0] == libvirt.VIR_DOMAIN_CONTROL_OK:
        return None
    words = {
        libvirt.VIR_DOMAIN_CONTROL_JOB: "busy with a job",
        libvirt.VIR_DOMAIN_CONTROL_OCCUPIED: "occupied",
    }
    return (
        f"timed-out the domain's control interface is {words.get(control[0], 'in error')} for {control[2]} ms"
    )


def qemu_state(name: str) -> str | None:
    """The kernel's letter for the main thread of the domain's QEMU; None where it cannot be seen."""
    try:
        pid = int((RUN / f"{name}.pid").read_text())
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, ValueError, IndexError):
        return None


def statistics(libvirt: Any, connection: Any, answering: list[Any], silent: list[Any]) -> None:
    """Tell the state of all domains, and the balloon of those that answer, without waiting for busy ones."""
    path = f"{VIRSH}domstats"
    flags = libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT
    with_balloon = libvirt.VIR_DOMAIN_STATS_STATE | libvirt.VIR_DOMAIN_STATS_BALLOON
    told: list[Any] = []
    for domains, what in ((silent, libvirt.VIR_DOMAIN_STATS_STATE), (answering, with_balloon)):
        if domains:
            call = connection.domainListGetStats
            told += attempt(libvirt, path, lambda d=domains, w=what, c=call: c(d, w, flags)) or []
    tell("F", path, "\n".join(map(domstats, told)))


def domstats(row: tuple[Any, dict[str, Any]]) -> str:
    """One domain as ``virsh domstats`` prints it."""
    domain, values = row
    lines = "".join(f"  {key}={value}\n" for key, value in values.items())
    return f"Domain: '{domain.name()}'\n{lines}"


def job(libvirt: Any, suffix: str, domain: Any) -> None:
    """Tell the job of a domain, as ``virsh domjobinfo`` begins."""
    path = f"{VIRSH}domjobinfo_{suffix}"
    found = attempt(libvirt, path, domain.jobStats)
    if found is not None:
        kind, operation = found.get("type", 0), found.get("operation", 0)
        rows = f"Job type:         {JOB_TYPES[kind] if kind < len(JOB_TYPES) else 'Unbounded'}\n"
        if kind and operation < len(OPERATIONS):
            rows += f"Operation:        {OPERATIONS[operation]}\n"
        tell("F", path, rows)


def version_text(number: int) -> str:
    """libvirt's number for a version, as people write it."""
    return f"{number // 1000000}.{number // 1000 % 1000}.{number % 1000}"


def read(libvirt: Any, uri: str) -> None:
    """Tell all there is. Raises libvirtError when there is no connection at all."""
    tell("S", f"a connection to {uri}")
    connection = libvirt.openReadOnly(uri)
    tell("F", "kvmedic/libvirt/state", f"answers {version_text(connection.getLibVersion())} {uri}\n")
    tell("S", "the list of domains")
    domains = suffixes(connection.listAllDomains(0))
    rows = ["", " Id   Name   State", "-" * 24]
    for suffix, domain in domains.items():
        tell("S", f"the definition of {domain.name()}")
        row = attempt(libvirt, f"{VIRSH}list/{suffix}", lambda s=suffix, d=domain: list_row(libvirt, s, d))
        rows.extend([row] if row else [])
    tell("F", f"{VIRSH}list_--all", "\n".join(rows) + "\n")
    ask_monitors(libvirt, connection, domains)
    tell("D", "")


def read_again(libvirt: Any, uri: str) -> None:
    """Tell the statistics of the running domains once more, with the same care."""
    tell("S", f"a connection to {uri}")
    connection = libvirt.openReadOnly(uri)
    tell("S", "the list of running domains")
    running = suffixes(connection.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE))
    ask_statistics(libvirt, connection, running)
    tell("D", "")


def list_row(libvirt: Any, suffix: str, domain: Any) -> str:
    """Tell the definitions of one domain; its row of ``virsh list`` is returned."""
    state = definitions(libvirt, suffix, domain)
    return f" {domain.ID() if domain.ID() >= 0 else '-'}   {domain.name()}   {state}"


def ask_monitors(libvirt: Any, connection: Any, domains: dict[str, Any]) -> None:
    """Tell what only a domain's monitor knows, of those whose monitor is free and alive."""
    for suffix, domain in ask_statistics(libvirt, connection, domains).items():
        if attempt(libvirt, f"{VIRSH}domjobinfo_{suffix}", domain.isActive):
            tell("S", f"the job of {domain.name()}")
            job(libvirt, suffix, domain)


def ask_statistics(libvirt: Any, connection: Any, domains: dict[str, Any]) -> dict[str, Any]:
    """Tell the statistics, and of whom there are none; the domains that answer are returned."""
    answering: dict[str, Any] = {}
    silent: list[Any] = []
    tell("S", "which domains are busy")
    for suffix, domain in domains.items():
        reason = attempt(libvirt, f"{VIRSH}domstats/{suffix}", lambda d=domain: why_not(libvirt, d))
        if reason:
            tell("G", f"{VIRSH}domstats/{suffix}", reason)
            silent.append(domain)
        else:
            answering[suffix] = domain
    tell("S", "the statistics of the domains")
    statistics(libvirt, connection, list(answering.values()), silent)
    return answering


def main() -> int:
    """Read what the argument names. 3: this Python has no libvirt binding."""
    try:
        import libvirt  # noqa: PLC0415
    except ImportError:
        return NO_BINDING
    libvirt.registerErrorHandler(lambda _context, _error: None, None)
    # The parent's patience begins here: until now nothing of the host's could have made us wait.
    tell("S", "an answer")
    try:
        (read_again if sys.argv[2:] == ["statistics"] else read)(libvirt, sys.argv[1])
    except libvirt.libvirtError as error:
        tell(
            "G", "kvmedic/libvirt/state", f"{reason_of(libvirt, error)} {error.get_error_message() or error}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
