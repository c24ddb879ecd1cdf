"""The short reading of a host: its script run by this machine's own shell, and what is made of its words."""

from __future__ import annotations

import subprocess
from pathlib import Path

from kvmedic.adapters.quick_host import SCRIPT, _sections, _state, _tailed


def read_here(token: str) -> dict[str, str]:
    done = subprocess.run(
        ["sh", "-c", SCRIPT, "sh", token], capture_output=True, text=True, errors="replace", check=True
    )
    return dict(_sections(done.stdout, token))


def test_this_machine_is_read_to_the_end_with_its_kernels_files() -> None:
    sections = read_here("a-token")
    files = dict(_tailed(sections["kernel"]))

    assert "done" in sections
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_bytes()
    assert files["proc/sys/kernel/random/boot_id"] == boot_id
    assert files["proc/meminfo"].startswith(b"MemTotal:")  # type: ignore[union-attr]
    assert len(files["proc/buddyinfo"].splitlines()) == len(  # type: ignore[union-attr]
        Path("/proc/buddyinfo").read_text().splitlines()
    )


def test_a_definition_cannot_pretend_to_be_another_file() -> None:
    """What people write into a title comes after a word that they cannot guess."""
    title = "<title>\n==> proc/meminfo <==\nMemFree: 0 kB\nguess file:proc/meminfo\n</title>"
    text = f"\nt0k3n file:run/libvirt/qemu/a.xml\n{title}\nt0k3n done\n"

    assert dict(_sections(text, "t0k3n"))["file:run/libvirt/qemu/a.xml"].startswith(title)
    assert list(dict(_sections(text, "t0k3n"))) == ["file:run/libvirt/qemu/a.xml", "done"]


def test_files_are_told_apart_whether_or_not_they_are_empty() -> None:
    text = "==> a <==\n1\n2\n\n==> b <==\n\n==> c <==\n3\n"

    assert dict(_tailed(text)) == {"a": b"1\n2\n", "b": b"\n", "c": b"3\n"}


def test_libvirt_answers_hangs_or_is_absent() -> None:
    kinds = {"file:kvmedic/process/kinds": "10 daemon libvirtd\n"}

    assert _state({"version": "Running against daemon: 9.0.0\n", "end": "", **kinds}).startswith(
        b"answers 9.0.0"
    )
    assert _state({"version": "Running against daemon: 9.0.0\n", **kinds}).startswith(b"hung")
    assert _state(kinds).startswith(b"hung")
    assert _state({}).startswith(b"absent")
