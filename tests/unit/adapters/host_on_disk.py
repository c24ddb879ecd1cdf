"""A small host as a folder: what the live host reads, in files that a test can bend."""

from __future__ import annotations

import os
from pathlib import Path

MOUNTS = (
    "cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid,nodev 0 0\n"
    "//fileserver/share /mnt/share cifs rw,username=operator,password=hunter2 0 0\n"
)
SCOPE = "machine.slice/machine-qemu\\x2d1\\x2dweb.scope"
ARGUMENTS = (
    *("/usr/bin/qemu-system-x86_64", "-name", "guest=web,debug-threads=on", "-m", "size=2097152k"),
    *("-object", '{"qom-type":"secret","id":"masterKey0","data":"PLANTED-SECRET"}'),
    *("-object", '{"qom-type":"memory-backend-ram","id":"pc.ram","size":2147483648}'),
    *("-uuid", "11111111-2222-3333-4444-555555555555", "-vnc", "127.0.0.1:0,password-secret=PLANTED-SECRET"),
    *("-device", '{"driver":"virtio-balloon-pci","id":"balloon0","bus":"pci.5"}'),
)


def write(root: Path, path: str, text: str) -> None:
    """A file of the host, with the directories above it."""
    place = root / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)


def stat_of(pid: int, comm: str, *, state: str = "S", rss_pages: int = 100, flags: int = 4194560) -> str:
    """A line of /proc/PID/stat with the fields that are read in their places."""
    before = (
        f"{pid} ({comm}) {state} 1 {pid} {pid} 0 -1 {flags} 10 0 0 0 5 6 0 0 20 0 1 0 100 2000000 {rss_pages}"
    )
    return before + " 18446744073709551615" + " 0" * 27 + "\n"


def add_process(
    root: Path, pid: int, comm: str, *, state: str = "S", rss_pages: int = 100, flags: int = 4194560
) -> Path:
    """A process without a command line."""
    for name, text in (
        ("stat", stat_of(pid, comm, state=state, rss_pages=rss_pages, flags=flags)),
        ("comm", f"{comm}\n"),
        ("status", f"Name:\t{comm}\nVmRSS:\t400 kB\n"),
        ("limits", "Limit                     Soft Limit           Hard Limit           Units\n"),
        ("cgroup", "0::/init.scope\n"),
        ("oom_score_adj", "0\n"),
        ("wchan", "0"),
    ):
        write(root, f"proc/{pid}/{name}", text)
    (root / f"proc/{pid}/fd").mkdir(exist_ok=True)
    return root / f"proc/{pid}"


def add_qemu(root: Path, pid: int, *, state: str = "S", is_stuck: bool = False) -> None:
    """A QEMU of libvirt; when stuck, who reads its command line never comes back (an endless pipe)."""
    home = add_process(root, pid, "qemu-system-x86", state=state, rss_pages=500_000)
    write(root, f"proc/{pid}/cgroup", f"0::/{SCOPE}/libvirt/emulator\n")
    (home / "fd/0").symlink_to("/dev/null")
    (home / "fd/1").symlink_to("/dev/null")
    if is_stuck:
        os.mkfifo(home / "cmdline")
    else:
        (home / "cmdline").write_bytes(b"\0".join(word.encode() for word in ARGUMENTS) + b"\0")


def make_host(root: Path) -> Path:
    """The folder with what every host has."""
    for path, text in (
        ("proc/uptime", "1000.00 1900.00\n"),
        ("proc/vmstat", "nr_free_pages 1000\npgfault 5\n"),
        ("proc/stat", "cpu  1 2 3 4 5 6 7 8 9 10\n"),
        ("proc/meminfo", "MemTotal:       4096 kB\nMemFree:        2048 kB\n"),
        ("proc/buddyinfo", "Node 0, zone   Normal      1      0      0\n"),
        ("proc/cmdline", "ro quiet luks.key=PLANTED-SECRET rd.password=PLANTED-SECRET crashkernel=auto\n"),
        ("proc/cpuinfo", "processor\t: 0\nflags\t\t: hypervisor\n\nprocessor\t: 1\n\n"),
        ("proc/self/mounts", MOUNTS),
        ("proc/sys/kernel/hostname", "kvm07.example.org\n"),
        ("proc/sys/kernel/osrelease", "6.1.0-49-amd64\n"),
        ("proc/sys/kernel/random/boot_id", "0f0f0f0f-1111-2222-3333-444444444444\n"),
        ("proc/sys/vm/swappiness", "60\n"),
        ("proc/pressure/memory", "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"),
        ("boot/config-6.1.0-49-amd64", 'CONFIG_COMPACTION=y\nCONFIG_CMDLINE="password=PLANTED-SECRET"\n'),
        ("boot/config-6.1.0-48-amd64", "CONFIG_COMPACTION=y\n"),
        ("sys/fs/cgroup/memory.stat", "anon 1\n"),
        ("sys/fs/cgroup/machine.slice/memory.max", "max\n"),
        (f"sys/fs/cgroup/{SCOPE}/memory.max", "3221225472\n"),
        (f"sys/fs/cgroup/{SCOPE}/memory.current", "2147483648\n"),
        (f"sys/fs/cgroup/{SCOPE}/memory.reclaim", "never read\n"),
        ("sys/fs/cgroup/system.slice/memory.max", "max\n"),
    ):
        write(root, path, text)
    return root
