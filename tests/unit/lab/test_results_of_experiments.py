"""Results are kept as they were measured, and read again the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.lab.experiment_results import reading, result

from kvmedic.errors import UsageError
from kvmedic.lab.results import load_results, numbered, save_result
from kvmedic.units import MIB


def test_a_saved_result_is_read_again_the_same(tmp_path: Path) -> None:
    told = result("stranded", "do-nothing", given_mib=0)

    path = save_result(told, tmp_path)

    assert load_results(path) == load_results(tmp_path) == [told]
    assert path.name == "stranded.do-nothing.nested-6.1.0.1.result.json"


def test_a_second_run_into_the_same_folder_keeps_the_first(tmp_path: Path) -> None:
    told = result("stranded", "do-nothing", given_mib=0)
    save_result(told, tmp_path)

    second = numbered(told, tmp_path)
    save_result(second, tmp_path)

    assert [kept.repetition for kept in load_results(tmp_path)] == [1, 2]
    assert numbered(told, tmp_path).repetition == 3


def test_a_folder_without_results_and_a_file_that_is_none_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no result in"):
        load_results(tmp_path)
    (tmp_path / "x.result.json").write_text("{}")
    with pytest.raises(UsageError, match="is not a result of the lab"):
        load_results(tmp_path)


def test_blocks_above_two_mib_count_as_so_many_of_them() -> None:
    told = reading(free_blocks=(512, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1))

    assert told.huge_blocks == 3
    assert told.unusable_percent == pytest.approx(25.0)


def test_a_host_without_free_memory_can_give_no_block() -> None:
    assert reading(free_blocks=(0,) * 11).unusable_percent == 100.0


def test_memory_that_guests_took_is_given_back_with_a_minus() -> None:
    assert result("stranded", "reboot-the-guest", given_mib=-196).given_back_bytes == -196 * MIB
