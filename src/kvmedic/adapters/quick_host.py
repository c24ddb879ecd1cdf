"""Another host over ssh, read for what moving guests needs, in a handful of processes there.

The collector reads everything a diagnosis can use, which takes a slow or sick host its time. Before each
step,
and for each destination, this is enough: who runs there, what memory there is and how it lies, what presses.
Names of files are the script's own; what a domain's definition holds comes after a word that nobody can
guess.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator

from kvmedic.adapters.host_shell import HostShell
from kvmedic.errors import EvidenceError, PreconditionFailedError
from kvmedic.model.evidence import Evidence, Target
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.request import CollectRequest
from kvmedic.parse.known_safe import keep_safe
from kvmedic.ports import LogStream, Progress

DEADLINE_S = 120.0
"""A host under software emulation takes 10 s, and several times that when it is pressed."""
SCRIPT = """
token=$1
cd / || exit 9
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
nl='
'
mark() { printf "echo '%s';" "$nl$token $1$nl"; }
say() { printf '\\n%s %s\\n' "$token" "$1"; }
qemus= files= kinds= daemon= hidden=true
for d in proc/[0-9]*; do
  read -r name < "$d/comm" || continue
  pid=${d#proc/}
  case $name in
    kthreadd) hidden=false ;;
    qemu-system-*|qemu-kvm|kvm|kvm-spice) qemus="$qemus $pid"; kinds="$kinds$pid qemu
" ;;
    libvirtd|virtqemud) daemon=yes; kinds="$kinds$pid daemon $name
" ;;
  esac
done 2>/dev/null
mount= version=
while read -r _ at type options _; do
  case $type:,$options, in
    cgroup:*,memory,*) mount=${at#/} version=1 ;;
    cgroup2:*) [ -n "$version" ] || { mount=${at#/}; version=2; } ;;
  esac
done < proc/self/mounts
for pid in $qemus; do
  for f in stat status cgroup limits comm oom_score_adj; do files="$files proc/$pid/$f"; done
  while IFS=: read -r number controllers group; do
    case $version:$number:,$controllers, in 1:*,memory,*|2:0:*) ;; *) continue ;; esac
    case $group in *..*|*' '*) continue ;; esac
    while [ -n "$group" ]; do
      case " $files " in *" $mount$group/memory.stat "*) break ;; esac
      for f in stat current max high swap.max events pressure usage_in_bytes limit_in_bytes failcnt; do
        [ -e "$mount$group/memory.$f" ] && files="$files $mount$group/memory.$f"
      done
      group=${group%/*}
    done
  done < "proc/$pid/cgroup"
done 2>/dev/null
for f in proc/sys/kernel/random/boot_id proc/sys/kernel/osrelease proc/sys/kernel/hostname \\
  proc/meminfo proc/buddyinfo proc/zoneinfo proc/vmstat proc/pressure/memory proc/pressure/cpu \\
  proc/pressure/io proc/uptime proc/loadavg proc/swaps proc/self/mounts sys/devices/system/cpu/online \\
  sys/devices/system/node/node*/meminfo sys/kernel/mm/transparent_hugepage/enabled \\
  sys/kernel/mm/transparent_hugepage/hpage_pmd_size \\
  sys/kernel/mm/transparent_hugepage/khugepaged/max_ptes_none; do [ -e "$f" ] && files="$files $f"; done
say kernel
tail -v -c +1 -- $files 2>/dev/null
$hidden && say hidden
say file:kvmedic/process/kinds
printf %s "$kinds"
say file:kvmedic/page_size
getconf PAGESIZE 2>/dev/null
for f in run/libvirt/qemu/*.xml; do [ -f "$f" ] && { say "file:$f"; cat "$f"; }; done
if [ -n "$daemon" ]; then
  v=sos_commands/virsh/virsh_-r
  timeout 20 virsh -r -q "$(mark version) version --daemon; $(mark "file:${v}_list_--all") list --all; \
$(mark "file:${v}_domstats") domstats --nowait; $(mark uuids) list --all --uuid; $(mark end)" 2>/dev/null
fi
say done
"""
DEFINITIONS = """
token=$1; shift
nl='
'
for uuid in "$@"; do words="$words echo '$nl$token xml$nl'; dumpxml $uuid;"; done
timeout 20 virsh -r -q "$words"
"""


class QuickHost:
    """The host behind ``ssh`` (ssh://user@host): as ``SshHost``, less and sooner."""

    def __init__(self, ssh: str) -> None:
        self._shell = HostShell(ssh)

    @property
    def target(self) -> Target:
        """The host as the operator named it."""
        return Target(kind="ssh", name=self._shell.shown)

    def collect(self, request: CollectRequest, progress: Progress) -> Evidence:
        """One reading, whatever the request. EvidenceError where the host cannot be reached."""
        progress(f"reading {self._shell.shown}", None)
        token, taken_at = secrets.token_hex(16), time.time()
        try:
            sections = dict(_sections(self._shell.run(SCRIPT, token, deadline_s=DEADLINE_S).out, token))
        except PreconditionFailedError as error:
            raise EvidenceError(error.message, hint=error.hint) from error
        if "done" not in sections:
            raise EvidenceError(
                f"{self._shell.shown} broke off in the middle of a reading", hint="See whether it is alive."
            )
        files = self._files(sections, token)
        return Evidence(
            target=self.target,
            taken_at=taken_at,
            interval_s=Missing(source="interval", reason=Reason.NOT_COLLECTED, detail="read once"),
            files={p: c if isinstance(c, Missing) else keep_safe(p, c) for p, c in files.items()},
            again={},
        )

    def logs(self) -> Iterator[LogStream]:
        """None: the collector reads logs."""
        return iter(())

    def _files(self, sections: dict[str, str], token: str) -> dict[str, bytes | Missing]:
        files: dict[str, bytes | Missing] = {
            name.removeprefix("file:"): text.encode()
            for name, text in sections.items()
            if name.startswith("file:")
        }
        files |= dict(_tailed(sections.get("kernel", "")))
        files["kvmedic/libvirt/state"] = _state(sections)
        if "hidden" in sections:
            files["kvmedic/process/others"] = Missing(
                source="kvmedic/process/others",
                reason=Reason.DENIED,
                detail="only the processes of this container or user are visible here",
            )
        files |= self._definitions(sections.get("uuids", "").split(), token)
        return files

    def _definitions(self, uuids: list[str], token: str) -> dict[str, bytes | Missing]:
        plain = [uuid for uuid in uuids if set(uuid) <= set("0123456789abcdef-")]
        if not plain:
            return {}
        try:
            text = self._shell.run(DEFINITIONS, token, *plain, deadline_s=DEADLINE_S).out
        except PreconditionFailedError:
            return {}
        found: dict[str, bytes | Missing] = {}
        for number, (name, xml) in enumerate(_sections(text, token)):
            if name == "xml":
                found[f"sos_commands/virsh/virsh_-r_dumpxml_{number}"] = xml.encode()
        return found


def _sections(text: str, token: str) -> Iterator[tuple[str, str]]:
    """The pieces after each line "TOKEN NAME"."""
    for piece in text.split(f"\n{token} ")[1:]:
        name, _, content = piece.partition("\n")
        yield name.strip(), content


def _tailed(text: str) -> Iterator[tuple[str, bytes | Missing]]:
    """What ``tail -v`` prints of several files of the kernel."""
    name, lines = "", list[str]()
    for line in f"{text}\n==>  <==".split("\n"):
        if line.startswith("==> ") and line.endswith(" <=="):
            if name:
                yield name, "\n".join(lines[:-1] if lines and not lines[-1] else lines).encode() + b"\n"
            name, lines = line[4:-4].strip(), []
        else:
            lines.append(line)


def _state(sections: dict[str, str]) -> bytes:
    version = next(
        (line.partition(": ")[2] for line in sections.get("version", "").splitlines() if "daemon: " in line),
        None,
    )
    if version is not None and "end" in sections:
        return f"answers {version} qemu:///system\n".encode()
    has_daemon = " daemon " in sections.get("file:kvmedic/process/kinds", "")
    return b"hung virsh did not answer in time\n" if has_daemon else b"absent no libvirt daemon runs\n"
