"""Watchdogs and cluster fencing: who may reset a host, and whether it said so.

Drivers: iTCO_wdt, softdog, i6300esb, ipmi_watchdog, sp5100_tco, hpwdt; drivers/watchdog/watchdog_dev.c.
Clusters: pacemaker, corosync, sbd, Proxmox (watchdog-mux, pve-ha-lrm, pve-ha-crm), Masakari's agents.
"""

from __future__ import annotations

import re
from typing import Final, Literal

from kvmedic.model.log_event import FenceEvent
from kvmedic.parse.logs.envelope import LogLine
from kvmedic.parse.logs.numbers import whole
from kvmedic.parse.logs.report import Context

Kind = Literal["armed", "not-stopped", "expired", "fencing", "fenced", "quorum-lost", "self-fence"]
_KINDS: Final[tuple[tuple[Kind, re.Pattern[str]], ...]] = (
    (
        "expired",
        re.compile(
            r"(?:softdog|[Ww]atchdog|hpwdt|i6300esb).{0,40}(?:Initiating system"
            r" reboot|[Ee]xpired|[Pp]retimeout|NMI (?:occurred|received)|Triggered)"
        ),
    ),
    (
        "expired",
        re.compile(
            r"client watchdog expired|client did not stop watchdog - disable"
            r" watchdog updates"
        ),
    ),
    ("not-stopped", re.compile(r"[Ww]atchdog.{0,40}(?:did not stop|nowayout prevents)")),
    (
        "self-fence",
        re.compile(
            r"self[ -]?fenc|lost lock '.{0,80}- cfs lock"
            r"|sbd.{0,40}(?:[Ss]elf-fencing|Rebooting system|Exiting|resetting)|Panic'?ing"
            r"|DLM.{0,20}kill",
            re.IGNORECASE,
        ),
    ),
    (
        "fenced",
        re.compile(
            r"(?:[Oo]peration .{0,20}(?:reboot|off).{0,10} (?:of"
            r"|targeting) (?P<target>[\w.-]{1,255}).{0,120}: (?:OK|complete|was successful))"
            r"|[Pp]eer (?P<target2>[\w.-]{1,255}) was (?:not )?(?:terminated|fenced)"
            r"|successfully (?:acknowledged|fenced)|fencing: (?:acknowledged|successful)"
        ),
    ),
    ("fenced", re.compile(r"node '(?P<target>[\w.-]{1,255})': state changed from '\w+' => 'fence'")),
    (
        "fencing",
        re.compile(
            r"(?:[Ff]encing|[Ss]cheduling (?:node )?(?P<target>[\w.-]{1,255}) for "
            r"(?:STONITH|fencing)|[Rr]equesting fencing|will be fenced|(?:stonith"
            r"|fence)[\w-]*.{0,60}(?:reboot|off|Initiating"
            r"|request))(?:.{0,30}node (?P<target2>[\w.-]{1,255}))?"
        ),
    ),
    ("quorum-lost", re.compile(r"[Qq]uorum lost|lost quorum|[Nn]on-primary component|no quorum")),
    (
        "armed",
        re.compile(
            r"(?:iTCO_wdt|softdog|i6300ESB|i6300esb|ipmi_watchdog|IPMI Watchdog"
            r"|sp5100_tco|hpwdt|wdat_wdt).{0,40}?(?:initialized|[Ii]nitiali[sz]ing|driver|Found"
            r"|timer)"
        ),
    ),
    (
        "armed",
        re.compile(
            r"Watchdog driver '[^']{1,64}'|[Uu]sing hardware watchdog"
            r"|watchdog active|Watchdog running"
        ),
    ),
)
_TIMEOUT = re.compile(r"(?:heartbeat|timeout|margin)[=: ]+(\d{1,6})")
_AGENT = re.compile(
    r"iTCO_wdt|softdog|i6300esb|i6300ESB|ipmi_watchdog|sp5100_tco|hpwdt|wdat_wdt|sbd|fence_\w+|watchdog-mux"
)


def read_fencing(context: Context, line: LogLine) -> FenceEvent | None:
    """What this line tells of watchdogs and fencing; None for other lines."""
    if "lockup" in line.message or "LOCKUP" in line.message:
        return None
    for kind, pattern in _KINDS:
        match = pattern.search(line.message)
        if match is not None:
            found = match.groupdict()
            timeout, agent = _TIMEOUT.search(line.message), _AGENT.search(line.message)
            return FenceEvent(
                at=context.at(line),
                host=line.host,
                lines=context.proof(line),
                kind=kind,
                agent=agent[0] if agent else line.identifier,
                target=found.get("target") or found.get("target2"),
                timeout_s=whole(timeout[1]) if timeout else None,
                detail=line.message[:300],
            )
    return None
