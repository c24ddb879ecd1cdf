"""The fallback of a release: its account, its steps, and what stops it (real groups: tests/live)."""

from __future__ import annotations

from pathlib import Path

import pytest

from kvmedic.adapters.group_reclaim import GroupReclaim, stranded_in
from kvmedic.errors import ActionRefusedError
from kvmedic.units import MIB

V2 = {"anon": 300, "active_anon": 400, "inactive_anon": 112, "shmem": 4, "swapcached": 8}
FILES = {"active_file": 16, "inactive_file": 16}


def silent(_phrase: str, _share: float | None) -> None:
    """Nobody watches."""


def group(folder: Path, stat: dict[str, int], **files: str) -> Path:
    """A folder that looks like a memory cgroup; sizes in MiB."""
    rows = "".join(f"{name} {size * MIB}\n" for name, size in stat.items())
    (folder / "memory.stat").write_text(rows)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder


def test_the_account_is_whole_folios_less_what_is_mapped() -> None:
    assert stranded_in({name: size * MIB for name, size in V2.items()}) == 200 * MIB
    assert stranded_in({"rss": 300 * MIB, "active_anon": 400 * MIB, "inactive_anon": 112 * MIB}) == 212 * MIB
    assert stranded_in({"anon": 5, "active_anon": 1}) == 0


def test_steps_that_release_nothing_end_it_and_swap_is_put_back(tmp_path: Path) -> None:
    folder = group(tmp_path, V2 | FILES, memory__reclaim="", memory__swap__max="max\n")

    GroupReclaim(folder).release(silent)

    assert (folder / "memory.reclaim").read_text() == str(32 * MIB)
    assert (folder / "memory.swap.max").read_text() == "max"


def test_swap_is_put_back_when_the_kernel_refuses(tmp_path: Path) -> None:
    folder = group(tmp_path, V2 | FILES, memory__swap__max="1048576\n")
    (folder / "memory.reclaim").mkdir()

    with pytest.raises(ActionRefusedError, match="the kernel refused to reclaim"):
        GroupReclaim(folder).release(silent)
    assert (folder / "memory.swap.max").read_text() == "1048576"


def test_a_killed_release_is_settled_and_somebody_elses_zero_stays(tmp_path: Path) -> None:
    folder = group(tmp_path, V2, memory__swap__max="0\n")

    GroupReclaim(folder).restore_swap_max("max")
    assert (folder / "memory.swap.max").read_text() == "max"
    (folder / "memory.swap.max").write_text("0\n")
    GroupReclaim(folder).restore_swap_max("0")
    assert (folder / "memory.swap.max").read_text() == "0\n"


def test_version_1_is_not_emptied_where_it_holds_file_cache(tmp_path: Path) -> None:
    folder = group(tmp_path, V2 | FILES, memory__force_empty="")

    with pytest.raises(ActionRefusedError, match=r"would drop 32\.0 MiB of file cache"):
        GroupReclaim(folder).release(silent)
    assert (folder / "memory.force_empty").read_text() == ""


def test_a_group_that_offers_neither_way_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ActionRefusedError, match="offers neither"):
        GroupReclaim(group(tmp_path, V2)).release(silent)
