"""Which processes count as QEMUs, daemons and services."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from host_on_disk import add_process, write

from kvmedic.adapters.child import left_behind, read_in_child, run_command
from kvmedic.adapters.processes import (
    choose,
    count_open_files,
    d_state_tasks,
    list_processes,
    others_gap,
)
from kvmedic.model.gap import Missing, Reason

_KERNEL_THREAD = 0x00200040


def kinds(root: Path) -> dict[int, str]:
    return {each.pid: each.kind for each in choose(root, list_processes(root))}


@pytest.mark.parametrize("comm", ["qemu-system-x86", "qemu-system-aar", "qemu-kvm", "kvm-spice", "kvm"])
def test_qemus_are_known_by_the_names_that_distributions_give_them(tmp_path: Path, comm: str) -> None:
    add_process(tmp_path, 5, comm)
    assert kinds(tmp_path) == {5: "qemu"}


def test_a_renamed_qemu_is_known_by_its_binary(tmp_path: Path) -> None:
    home = add_process(tmp_path, 5, "customer-vm")
    (home / "exe").symlink_to("/usr/bin/qemu-system-x86_64 (deleted)")
    assert kinds(tmp_path) == {5: "qemu"}


def test_a_script_called_kvm_is_no_qemu(tmp_path: Path) -> None:
    home = add_process(tmp_path, 5, "kvm")
    (home / "exe").symlink_to("/usr/bin/dash")
    assert kinds(tmp_path) == {}


@pytest.mark.parametrize("comm", ["qemu-img", "qemu-ga", "qemu-nbd", "kvm-pit/123", "kvm-nx-lpage-re"])
def test_the_tools_around_qemu_are_no_guests(tmp_path: Path, comm: str) -> None:
    add_process(tmp_path, 5, comm)
    assert kinds(tmp_path) == {}


def test_who_sees_no_kernel_thread_does_not_see_the_hosts_processes(tmp_path: Path) -> None:
    add_process(tmp_path, 1, "sh")
    gap = others_gap(list_processes(tmp_path))
    assert gap is not None
    assert gap.reason is Reason.DENIED
    add_process(tmp_path, 2, "kthreadd", flags=_KERNEL_THREAD)
    assert others_gap(list_processes(tmp_path)) is None


def test_kernel_threads_and_zombies_are_left_out(tmp_path: Path) -> None:
    add_process(tmp_path, 5, "kvm", flags=_KERNEL_THREAD)
    add_process(tmp_path, 6, "qemu-system-x86", state="Z")
    assert kinds(tmp_path) == {}


def test_a_name_with_brackets_and_blanks_does_not_shift_the_fields(tmp_path: Path) -> None:
    add_process(tmp_path, 5, "a) R 1 (b", rss_pages=100_000)
    assert kinds(tmp_path) == {5: "service"}


def test_only_the_largest_services_are_taken(tmp_path: Path) -> None:
    for pid in range(100, 140):
        add_process(tmp_path, pid, "java", rss_pages=20_000 + pid)
    assert sorted(kinds(tmp_path)) == list(range(120, 140))


def test_a_process_that_ends_meanwhile_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "proc/9").mkdir(parents=True)
    assert list_processes(tmp_path) == []


def test_a_folder_without_proc_has_no_processes(tmp_path: Path) -> None:
    assert list_processes(tmp_path) == []


def test_threads_of_a_qemu_that_sleep_in_the_kernel_are_found(tmp_path: Path) -> None:
    home = add_process(tmp_path, 5, "qemu-system-x86")
    write(home, "task/6/stat", "6 (CPU 0/KVM) D 1 5 5 0 -1 64" + " 0" * 40)
    assert d_state_tasks(tmp_path, list_processes(tmp_path), [5]) == [(6, "CPU 0/KVM")]


def test_file_descriptors_that_may_not_be_counted_are_a_gap(tmp_path: Path) -> None:
    assert isinstance(count_open_files(tmp_path, 5, "x"), Missing)


def test_a_real_task_in_uninterruptible_sleep_is_found() -> None:
    """A parent in vfork sleeps in state D until its child lets go (kernel/fork.c, wait_for_vfork_done)."""
    program = (
        "import ctypes, os, sys\n"
        "libc = ctypes.CDLL(None)\n"
        "sys.stdout.write('ready\\n'); sys.stdout.flush()\n"
        "if libc.vfork() == 0:\n    libc.sleep(30)\n    libc._exit(0)\n"
    )
    sleeper = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, start_new_session=True
    )
    assert sleeper.stdout is not None
    try:
        sleeper.stdout.readline()
        found: list[tuple[int, str]] = []
        for _ in range(200):
            found = d_state_tasks(Path("/"), list_processes(Path("/")), [])
            if sleeper.pid in [task for task, _ in found]:
                break
        assert sleeper.pid in [task for task, _ in found]
    finally:
        os.killpg(sleeper.pid, signal.SIGKILL)
        sleeper.wait(timeout=10)
        sleeper.stdout.close()


def test_a_child_reads_what_it_can_and_names_what_it_cannot(tmp_path: Path) -> None:
    write(tmp_path, "a", "text")
    write(tmp_path, "long", "x" * 100)
    found = read_in_child(tmp_path, ["a", "gone", "long"], deadline_s=5, limit_bytes=50)
    assert found["a"] == b"text"
    assert isinstance(found["gone"], Missing)
    assert found["gone"].reason is Reason.NOT_FOUND
    assert isinstance(found["long"], Missing)


def test_a_pipe_that_never_answers_costs_its_patience_and_not_its_neighbours(tmp_path: Path) -> None:
    write(tmp_path, "a", "1")
    os.mkfifo(tmp_path / "stuck")
    write(tmp_path, "b", "2")
    found = read_in_child(tmp_path, ["a", "stuck", "b"], deadline_s=5, patience_s=0.2)
    assert (found["a"], found["b"]) == (b"1", b"2")
    assert isinstance(found["stuck"], Missing)
    assert found["stuck"].reason is Reason.TIMED_OUT
    assert left_behind == []


def test_nothing_to_read_starts_nobody(tmp_path: Path) -> None:
    assert read_in_child(tmp_path, [], deadline_s=5) == {}


def test_a_command_gives_its_output_or_a_gap() -> None:
    assert run_command(["echo", "hello"], deadline_s=5) == b"hello\n"
    for arguments, reason in (
        (["false"], Reason.UNREACHABLE),
        (["sleep", "30"], Reason.TIMED_OUT),
        (["no-such-command-here"], Reason.NOT_FOUND),
        (["yes"], Reason.NOT_UNDERSTOOD),
    ):
        found = run_command(arguments, deadline_s=0.5, limit_bytes=100_000)
        assert isinstance(found, Missing), arguments
        assert found.reason is reason, arguments
