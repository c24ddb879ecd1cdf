"""The truth: which cause each scenario really is. Written before any rule was, and never changed to suit one.

``also`` holds causes that a fair reader may put first as well: what was done is certain, but its name is not
always one word (guests that need more than the host has are an overcommitted and an exhausted host).
"""

from __future__ import annotations

from collections.abc import Mapping

from kvmedic.model.record import Record


class Truth(Record, frozen=True, kw_only=True):
    """The cause of a scenario. None: no failure at all, and nothing may be found."""

    cause: str | None
    also: tuple[str, ...]
    why: str


def _is(cause: str | None, why: str, *also: str) -> Truth:
    return Truth(cause=cause, also=also, why=why)


TRUTH: Mapping[str, Truth] = {
    "oom-overcommit": _is(
        "host-memory-overcommitted",
        "guests were promised more than the host has, and took it",
        "host-memory-exhausted",
    ),
    "deflate-oom": _is(
        "host-memory-overcommitted",
        "balloons gave memory back that the host had given to others",
        "host-memory-exhausted",
    ),
    "service-oom": _is(
        "colocated-service-memory",
        "a program of the host, not a guest, took the memory",
        "host-memory-exhausted",
    ),
    "memcg": _is("cgroup-memory-limit", "the guest's own cgroup has a limit below its size"),
    "memcg-here": _is("cgroup-memory-limit", "the guest's own cgroup has a limit below its size"),
    "numa": _is("numa-node-exhausted", "the guest is bound to one node; the other one was free"),
    "panic": _is(
        "host-panic",
        "vm.panic_on_oom turned a lack of memory into a panic of the host",
        "host-memory-overcommitted",
        "host-memory-exhausted",
    ),
    "manual-oom": _is("manual-oom", "a person wrote f to sysrq-trigger; memory was plentiful"),
    "storage-stall": _is("storage-stall", "the file system under the images did not answer"),
    "storage-full": _is(
        "storage-full",
        "the file system under the image was full; QEMU paused the guest, and that may be all that is known",
        "guest-paused",
    ),
    "fragmented": _is(
        "memory-fragmented", "a block of order 4 or 5 was needed, memory was free in the smallest blocks only"
    ),
    "hugepages": _is("hugepages-exhausted", "the pool of huge pages was used up; ordinary memory was free"),
    "hugepages-none": _is("hugepages-exhausted", "the pool of huge pages holds none"),
    "start-refused": _is(
        "host-memory-exhausted",
        "the guest is larger than the host; the kernel promised nothing",
        "host-memory-overcommitted",
    ),
    "over-inflated": _is(
        "balloon-over-inflated", "the balloon took what the guest needed; the guest's kernel killed"
    ),
    "guest-oom": _is("guest-internal", "a program of the guest needed more than the guest ever had"),
    "hugetlb": _is(
        "balloon-ineffective", "the balloon is inflated on hugetlb backing and gives nothing back"
    ),
    "daemon-hung": _is("hypervisor-daemon-hung", "libvirtd was stopped; the guests ran on"),
    "swap-thrash": _is(
        "swap-thrashing",
        "more was in use than the host has, and what was swapped out was wanted again at once",
        "host-memory-exhausted",
    ),
    "hard-reset": _is("host-reset-unlogged", "power was cut: nothing could be written"),
    "memory-high": _is("cgroup-memory-limit", "memory.high of the guest's cgroup throttled it"),
    "machine-check": _is("hardware-memory-error", "the processor reported uncorrected memory errors"),
    "hwpoison": _is(
        "hardware-memory-error", "a page of QEMU was poisoned; the kernel killed QEMU with SIGBUS"
    ),
    "qemu-killed": _is("qemu-killed", "a person sent a signal to QEMU"),
    "qemu-crash": _is("qemu-crash", "QEMU ran into a bad instruction or address"),
    "vanished": _is("unexplained", "SIGKILL leaves no trace: honest is to say so", "qemu-killed"),
    "clean-shutdown": _is(None, "the guest was shut down in order; nothing failed"),
    "corrected-error": _is(None, "the processor corrected the error; nothing failed"),
    "soft-lockup": _is("soft-lockup", "the CPUs of the host did not run its tasks for tens of seconds"),
    "watchdog-reset": _is("host-fenced", "the hardware watchdog was no longer fed and reset the host"),
    "pids-limit": _is("limit-exhausted", "the cgroup allows fewer tasks than QEMU needs"),
    "nofile-limit": _is("limit-exhausted", "QEMU may open fewer files than it needs"),
    "host-crash": _is("host-panic", "the kernel stopped with a panic (asked for by sysrq c)", "kernel-bug"),
    "dirty-stall": _is(
        "dirty-writeback-stall",
        "much waited to be written to a disk that was slow, and sync waited for all of it",
        "storage-stall",
    ),
    "guest-starved": _is(
        "host-cpu-overcommitted",
        "the guest's vCPUs got no time from the host; its own log shows no more than that they stood still",
        "soft-lockup",
    ),
    "userspace-oom": _is("userspace-oom-killer", "earlyoom sent the signal; the kernel killed nobody"),
    "kernel-bug": _is("kernel-bug", "KVM ran into a bad instruction or address; nothing else was wrong"),
    "kernel-growth": _is(
        "kernel-memory-growth", "slab that nobody gave back took the memory", "host-memory-exhausted"
    ),
    "qemu-growth": _is(
        "qemu-memory-growth",
        "a QEMU took memory that belongs to no guest; a bare log cannot tell it from guests that take theirs",
        "host-memory-exhausted",
        "host-memory-overcommitted",
    ),
    "atomic-reserve": _is(
        "atomic-reserve-low",
        "requests that may not wait outran the reserve; min_free_kbytes was far below the kernel's choice",
        "host-memory-exhausted",
    ),
    "stranded": _is("balloon-stranded-memory", "the balloon took half of every huge page"),
    "undone": _is(
        "balloon-undone", "khugepaged made the half-empty huge pages whole again", "balloon-stranded-memory"
    ),
    "shredded": _is("memory-fragmented", "what was released are single pages between those of the guest"),
    "tug-of-war": _is("memory-fragmented", "each turn leaves more single pages", "balloon-stranded-memory"),
}
