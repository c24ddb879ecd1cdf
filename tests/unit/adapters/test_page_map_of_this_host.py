"""Page maps of this host's real memory, checked against what its kernel says of it."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path

import msgspec
import pytest
from synthetic_frames import request_for

from kvmedic.adapters.page_map import Deadlines, read_page_map, read_stranded_ranges
from kvmedic.adapters.page_map_make import make_page_map
from kvmedic.adapters.page_map_probe import counts_are_exact
from kvmedic.adapters.page_map_source import ProcFrames
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.page_map import DomainPages, PageMap

HUGE, BLOCKS = 2 << 20, 64
LIBC = ctypes.CDLL(None, use_errno=True)
MADV_COLD, PROCESS_MADVISE = 20, 440


DISTURBANCES = ("slabs_scanned", "drop_slab", "thp_fault_fallback")
"""Counters of /proc/vmstat that move when others make the kernel split our folios or refuse us huge pages."""
ATTEMPTS = 6


def disturbances() -> list[int]:
    """What those counters say."""
    pairs = (line.split() for line in Path("/proc/vmstat").read_text().splitlines())
    return [int(count) for name, count in pairs if name in DISTURBANCES]


def undisturbed(test: Callable[[], None]) -> Callable[[], None]:
    """Repeat a test that failed while reclaim ran for others; it must pass in quiet memory."""

    @wraps(test)
    def repeated() -> None:
        for attempt in range(1, ATTEMPTS + 1):
            before = disturbances()
            try:
                return test()
            except AssertionError:
                if attempt == ATTEMPTS or disturbances() == before:
                    raise
        return None

    return repeated


class IoVec(ctypes.Structure):
    """struct iovec."""

    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


def quiet(_: str, __: float | None) -> None:
    """No progress wanted."""


SUBJECT = """
import ctypes, mmap, os, signal, sys
HUGE, PAGE, BLOCKS = 2 << 20, 4096, 64
area = mmap.mmap(-1, (BLOCKS + 2) * HUGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
area.madvise(mmap.MADV_HUGEPAGE)
base = -ctypes.addressof(ctypes.c_char.from_buffer(area)) % HUGE
child = 0
def touch(blocks):
    for place in range(base, base + blocks * HUGE, PAGE):
        area[place] = 1
def punch(blocks):
    for place in range(base, base + blocks * HUGE, 2 * PAGE):
        area.madvise(mmap.MADV_DONTNEED, place, PAGE)
def fork(_):
    global child
    child = os.fork()
    if child == 0:
        signal.pause()
        os._exit(0)
def reap(_):
    os.kill(child, 9)
    os.waitpid(child, 0)
touch(BLOCKS)
print("ready", flush=True)
for line in sys.stdin:
    verb, blocks = line.split()
    globals()[verb](int(blocks))
    print("done", flush=True)
"""
"""A process with huge pages that punches, touches and forks when it is told to, as a guest's QEMU would."""


class Subject:
    """A process of ``BLOCKS`` huge pages."""

    def __init__(self, child: subprocess.Popen[str]) -> None:
        self._child = child
        self.pid = child.pid

    def do(self, verb: str, blocks: int = 0) -> None:
        """Punch every second page of the first blocks, touch all pages of them, fork, or reap."""
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.write(f"{verb} {blocks}\n")
        self._child.stdin.flush()
        assert self._child.stdout.readline() == "done\n"

    def row(self, method: str = "full", seed: int = 1) -> DomainPages:
        """Its row in a map made now."""
        return row_of(make_page_map(request_for(self.pid, method=method, seed=seed), quiet))


@contextmanager
def subject() -> Iterator[Subject]:
    """The process, ready; gone at the end."""
    command = [sys.executable, "-S", "-c", SUBJECT]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
            yield Subject(child)
        finally:
            child.kill()


def row_of(page_map: PageMap | Missing) -> DomainPages:
    """The only domain of a map that must have come about."""
    assert isinstance(page_map, PageMap), page_map
    (domain,) = page_map.domains
    return domain


@undisturbed
def test_this_kernels_counts_are_tried_and_found_exact() -> None:
    with ProcFrames(Path("/proc")) as source:
        assert counts_are_exact(source, HUGE) is True


@undisturbed
def test_a_punched_process_strands_what_it_dropped_and_still_does_when_it_touched_the_holes_again() -> None:
    with subject() as process:
        before = process.row()
        process.do("punch", BLOCKS // 2)
        punched = process.row()
        process.do("touch", BLOCKS // 2)
        refilled = process.row()
    expected = BLOCKS // 2 * HUGE // 2
    assert before.stranded_bytes == 0
    assert before.thp_bytes >= BLOCKS * HUGE
    assert (punched.stranded_bytes, punched.stranded_blocks) == (expected, BLOCKS // 2)
    assert (refilled.stranded_bytes, refilled.stranded_blocks) == (expected, BLOCKS // 2)
    assert refilled.anonymous_bytes >= punched.anonymous_bytes + expected


@undisturbed
def test_a_sample_agrees_with_the_whole_within_its_error() -> None:
    with subject() as process:
        process.do("punch", BLOCKS // 2)
        process.do("touch", BLOCKS // 4)
        whole = process.row().stranded_bytes
        runs = [process.row("sampled", seed) for seed in range(40)]
    assert whole == BLOCKS // 2 * HUGE // 2
    hits = [
        isinstance(r.stranded_bytes, int) and abs(r.stranded_bytes - whole) <= r.error_bytes for r in runs
    ]
    assert sum(hits) >= 36


@undisturbed
def test_memory_that_a_forked_child_still_maps_is_not_stranded() -> None:
    with subject() as process:
        process.do("fork")
        process.do("punch", BLOCKS // 2)
        shared = process.row().stranded_bytes
        process.do("reap")
        alone = process.row().stranded_bytes
    assert (shared, alone) == (0, BLOCKS // 2 * HUGE // 2)


@undisturbed
def test_madvise_cold_on_the_stranded_ranges_gives_exactly_that_memory_back() -> None:
    with subject() as process:
        process.do("punch", BLOCKS)
        stranded = process.row().stranded_bytes
        ranges = read_stranded_ranges(request_for(process.pid), process.pid)
        assert not isinstance(ranges, Missing)
        assert sum(found.stranded_bytes for found in ranges) == stranded == BLOCKS * HUGE // 2
        vector = (IoVec * len(ranges))(*[IoVec(found.start, found.length) for found in ranges])
        descriptor = os.pidfd_open(process.pid)
        try:
            advised = LIBC.syscall(
                PROCESS_MADVISE, descriptor, vector, ctypes.c_size_t(len(ranges)), MADV_COLD, 0
            )
        finally:
            os.close(descriptor)
        assert advised == sum(found.length for found in ranges)
        assert process.row().stranded_bytes == 0


@undisturbed
def test_the_child_that_reads_gives_the_same_map() -> None:
    places: list[str] = []
    with subject() as process:
        process.do("punch", 4)
        found = read_page_map(request_for(process.pid), lambda place, _: places.append(place))
    assert row_of(found).stranded_bytes == 4 * HUGE // 2
    assert any("frames" in place for place in places)


def test_a_process_that_ended_is_a_gap_of_the_map() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    found = read_page_map(request_for(child.pid), quiet)
    assert isinstance(found, PageMap)
    assert [gap.reason for gap in found.gaps] == [Reason.NOT_FOUND]


def test_a_host_without_the_file_is_a_gap(tmp_path: Path) -> None:
    request = msgspec.structs.replace(request_for(), proc=str(tmp_path))
    found = make_page_map(request, quiet)
    assert isinstance(found, Missing)
    assert found.reason is Reason.NOT_FOUND


def test_a_reader_stuck_at_one_process_is_given_up_and_the_rest_is_shown(tmp_path: Path) -> None:
    """A FIFO without a writer keeps its reader as a held mmap_lock does."""
    for name in ("kpageflags", "kpagecount", "self"):
        (tmp_path / name).symlink_to(Path("/proc") / name)
    own = str(os.getpid())
    (tmp_path / own).symlink_to(Path("/proc") / own)
    (tmp_path / "77").mkdir()
    os.mkfifo(tmp_path / "77" / "maps")
    request = msgspec.structs.replace(request_for(77, os.getpid()), proc=str(tmp_path))
    started = time.monotonic()
    found = read_page_map(request, quiet, Deadlines(total_s=30, silence_s=2.0))
    assert isinstance(found, PageMap)
    assert [domain.pid for domain in found.domains] == [os.getpid()]
    assert [(gap.source, gap.reason) for gap in found.gaps] == [("proc/77/pagemap", Reason.TIMED_OUT)]
    assert time.monotonic() - started < 15


@pytest.mark.parametrize("method", ["full", "sampled"])
def test_a_user_without_rights_gets_a_gap(method: str) -> None:
    text = (
        "import os, sys; os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "from synthetic_frames import request_for\n"
        "from kvmedic.adapters.page_map_make import make_page_map\n"
        f"print(make_page_map(request_for(os.getpid(), method='{method}'), lambda *_: None).reason)\n"
    )
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    ran = subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, check=True, env={"PYTHONPATH": path}
    )
    assert ran.stdout.strip() == "denied"
