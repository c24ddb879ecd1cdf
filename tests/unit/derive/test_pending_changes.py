"""What the next power cycle will change."""

from __future__ import annotations

from kvmedic.derive.pending_changes import derive_pending_changes
from kvmedic.parse.domain_xml import DomainDefinition, parse_domain_xml


def definition(inner: str = "", balloon: str = "<memballoon model='virtio'/>") -> DomainDefinition:
    """A domain of 1 GiB."""
    memory = "<memory unit='GiB'>1</memory>"
    return parse_domain_xml(
        f"<domain><name>a</name>{memory}{inner}<devices>{balloon}</devices></domain>", "x"
    )


def test_equal_definitions_have_nothing_pending() -> None:
    assert derive_pending_changes(definition(), definition()) == ()


def test_a_balloon_that_moved_is_no_pending_change() -> None:
    live = definition("<currentMemory unit='MiB'>512</currentMemory>")
    assert derive_pending_changes(live, definition()) == ()


def test_a_balloon_taken_out_of_the_definition_stays_until_a_power_cycle() -> None:
    after = definition(balloon="<memballoon model='none'/>")
    assert derive_pending_changes(definition(), after) == ("memballoon model: virtio → none",)


def test_each_difference_that_bears_on_memory_is_told() -> None:
    after = definition(
        "<memoryBacking><hugepages/><locked/></memoryBacking>"
        "<numatune><memory mode='strict' nodeset='1'/></numatune>",
        "<memballoon model='virtio' freePageReporting='on' autodeflate='on'><stats period='5'/></memballoon>",
    )
    assert derive_pending_changes(definition(), after) == (
        "memballoon freePageReporting: off → on",
        "memballoon autodeflate: off → on",
        "memballoon stats period: none → 5 s",
        "memoryBacking hugepages: no → yes",
        "memoryBacking locked: no → yes",
        "numatune nodeset: any → 1",
    )


def test_without_both_definitions_nothing_is_claimed() -> None:
    assert derive_pending_changes(None, definition()) == ()
    assert derive_pending_changes(definition(), None) == ()
