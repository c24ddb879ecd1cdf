"""What ``lab run all`` consists of."""

from __future__ import annotations

from kvmedic.lab.experiment_remedies import NOT_HERE, REMEDIES
from kvmedic.lab.matrix import OWN_GROUND, OWN_REMEDY
from kvmedic.lab.scenarios import SCENARIOS
from kvmedic.lab.whole import WITHOUT_LIBVIRT


def test_what_needs_no_libvirt_is_a_failure_that_leaves_no_remedy_to_be_tried() -> None:
    assert set(SCENARIOS) >= WITHOUT_LIBVIRT
    assert not WITHOUT_LIBVIRT & set(OWN_REMEDY)
    assert all(SCENARIOS[name].bench != "here" for name in WITHOUT_LIBVIRT)


def test_what_is_measured_here_changes_nothing_of_this_machines_kernel() -> None:
    here = [name for name, ground in OWN_GROUND.items() if ground == "here"]

    assert here == ["stranded", "over-inflated"]
    assert not {OWN_REMEDY[name] for name in here} & set(NOT_HERE)


def test_each_scenario_with_a_remedy_of_its_own_names_one_that_there_is() -> None:
    assert set(SCENARIOS) >= set(OWN_REMEDY)
    assert set(REMEDIES) >= set(OWN_REMEDY.values())
