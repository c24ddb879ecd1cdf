"""The lines that name an OOM victim, in the wordings of 2.6.32 to 6.18 (mm/oom_kill.c)."""

from __future__ import annotations

import re
from typing import Final

from msgspec import structs

from kvmedic.model.memory_report import Task, Victim
from kvmedic.parse.logs.numbers import kib, whole

_KILL = re.compile(r"Kill(?:ed)? process (\d{1,10}),?(?: UID \d+,)? ?(?:\((.{0,64}?)\)(?=[ ,.]|$)|, UID)?")
_NEWEST = re.compile(r"\bKilled (\d{1,10}) \((.{0,64}?)\)(?=[ ,.]|$)")
_FIELD = re.compile(r"([a-z-]+):(\d{1,15})kB")
_UID = re.compile(r"UID[: ]?(\d{1,10})")
_ADJ = re.compile(r"oom_score_adj[: ](-?\d{1,5})")
_SCORE = re.compile(r"score (\d{1,10})")
_REAPED = re.compile(r"oom_reaper: (reaped process|unable to reap pid:) ?(\d{1,10})")
CONTEXT = re.compile(r"oom-kill:constraint=(\w+)")
_CHOSEN = re.compile(r",task=(.{0,64}?),pid=(\d{1,10}),uid=(\d{1,10})")
_TASK_MEMCG: Final = "task_memcg="
_VALUE = re.compile(
    r"(nodemask|mems_allowed|oom_memcg)=(\(null\)|[^ ]{0,1024}?)(?=,[a-z_]+[=,]|,global_oom|,cpuset|$)"
)
_CPUSET = re.compile(r"cpuset=(.{0,512}?),mems_allowed=")


class KillParts:
    """Collects the constraint line, the kill lines and the reaper's line."""

    def __init__(self) -> None:
        self.constraint: str | None = None
        self.values: dict[str, str] = {}
        self.cpuset: str | None = None
        self.is_global: bool | None = None
        self.chosen: Task | None = None
        self.chosen_memcg: str | None = None
        self.is_nothing_killable = False
        self.is_from_cgroup: bool | None = None
        self._victims: dict[int, Victim] = {}
        self._announced: int | None = None

    @property
    def victims(self) -> tuple[Victim, ...]:
        """The killed, in the order of the report."""
        return tuple(self._victims.values())

    def claims(self, message: str) -> bool:
        """Take a line about the constraint or a victim."""
        if "oom-kill:constraint" in message:
            return self._take_context(message)
        if "oom_reaper" in message:
            return self._take_reaped(message)
        if "no killable processes" in message:
            self.is_nothing_killable = True
            return True
        return "Kill" in message and self._take_kill(message)

    def _take_context(self, message: str) -> bool:
        match = CONTEXT.search(message)
        if match is None:
            return False
        self.constraint = match[1]
        self.values = {key: value for key, value in _VALUE.findall(message) if value != "(null)"}
        cpuset = _CPUSET.search(message)
        self.cpuset = cpuset[1] if cpuset else None
        self.is_global = ",global_oom" in message
        chosen = _CHOSEN.search(message)
        if chosen is not None:
            self.chosen = Task(comm=chosen[1], pid=int(chosen[2]), cpu=None)
            path = message.rfind(_TASK_MEMCG, 0, chosen.start())
            self.chosen_memcg = message[path + len(_TASK_MEMCG) : chosen.start()] if path >= 0 else None
        return True

    def _take_kill(self, message: str) -> bool:
        match = _KILL.search(message) or _NEWEST.search(message)
        if match is None:
            return False
        if "ut of memory" in message:
            self.is_from_cgroup = "cgroup" in message
        victim = _victim(match, message)
        self._note_choice(victim, message)
        if len(self._victims) < 64:
            self._victims[victim.pid] = _merged(self._victims.get(victim.pid), victim)
        return True

    def _note_choice(self, victim: Victim, message: str) -> None:
        """``Kill process … or sacrifice child`` names the choice; the next line may kill its child."""
        if "Kill process" in message:
            self.chosen = self.chosen or Task(comm=victim.comm, pid=victim.pid, cpu=None)
            self._announced = victim.pid
        elif self._announced is not None and self._announced != victim.pid:
            self._victims.pop(self._announced, None)
            self._announced = None
        else:
            self._announced = None

    def _take_reaped(self, message: str) -> bool:
        match = _REAPED.search(message)
        if match is None:
            return False
        pid = int(match[2])
        known = self._victims.get(pid)
        if known is not None:
            self._victims[pid] = structs.replace(known, is_reaped=match[1] == "reaped process")
        return known is not None


def _victim(match: re.Match[str], message: str) -> Victim:
    sizes = {key: kib(value) for key, value in _FIELD.findall(message)}
    uid, adj, score = _UID.search(message), _ADJ.search(message), _SCORE.search(message)
    return Victim(
        comm=match[2],
        pid=int(match[1]),
        uid=whole(uid[1]) if uid else None,
        score=whole(score[1]) if score else None,
        oom_score_adj=whole(adj[1]) if adj else None,
        total_vm_bytes=sizes.get("total-vm"),
        anon_rss_bytes=sizes.get("anon-rss"),
        file_rss_bytes=sizes.get("file-rss"),
        shmem_rss_bytes=sizes.get("shmem-rss"),
        pgtables_bytes=sizes.get("pgtables"),
        is_reaped=None,
    )


def _merged(before: Victim | None, now: Victim) -> Victim:
    """Two lines about one victim (``Kill process … score``, then ``Killed process … anon-rss``) as one."""
    if before is None:
        return now
    missing = {name: getattr(before, name) for name in now.__struct_fields__ if getattr(now, name) is None}
    return structs.replace(now, **missing)
