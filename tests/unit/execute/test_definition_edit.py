"""The edit of a definition: memballoon and currentMemory change, and not one byte besides."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from run_samples import REDEFINE

from kvmedic.errors import ParseError
from kvmedic.execute.definition_edit import edited, is_as_wished, read_balloon, replaced
from kvmedic.model.plan import RedefineDomain

BALLOON = """<memballoon model='virtio' autodeflate="on">
      <stats period='2'/>
      <address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0'/>
    </memballoon>"""
CURRENT = "<currentMemory unit='KiB'>716800</currentMemory>"
XML = f"""<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>web-1</name><!-- <memballoon model='none'/> is only a comment -->
  <metadata><x:memballoon xmlns:x="urn:x" model="mine"/><currentMemory>7</currentMemory></metadata>
  <memory unit='KiB'>1048576</memory>
  {CURRENT}
  <devices>
    <graphics type='vnc' passwd='s3cret &amp; &#xFC;ber' port="-1"/>
    {BALLOON}
  </devices>
  <qemu:commandline><qemu:arg value='-memballoon'/></qemu:commandline>
</domain>
"""


def wish(**changes: object) -> RedefineDomain:
    fields = {name: getattr(REDEFINE, name) for name in REDEFINE.__struct_fields__}
    return RedefineDomain(**{**fields, **changes})


def test_the_balloon_becomes_none_and_every_other_byte_stays() -> None:
    changed = edited(XML, REDEFINE)

    assert changed == XML.replace(BALLOON, "<memballoon model='none'/>").replace("716800", "1048576")
    assert "passwd='s3cret &amp; &#xFC;ber'" in changed
    assert is_as_wished(changed, REDEFINE)
    assert not is_as_wished(XML, REDEFINE)


def test_putting_the_kept_elements_back_gives_the_same_bytes() -> None:
    before = read_balloon(XML)

    back = replaced(edited(XML, REDEFINE), balloon_text=before.balloon_text, current_text=before.current_text)

    assert back == XML


def test_what_was_replaced_holds_no_secret() -> None:
    before = read_balloon(XML)

    assert before.balloon_text == BALLOON
    assert before.current_text == CURRENT
    assert "s3cret" not in f"{before}"


def test_pinning_changes_current_memory_only() -> None:
    pin = wish(memballoon_model=None)

    assert edited(XML, pin) == XML.replace("716800", "1048576")


def test_reporting_changes_one_attribute_and_keeps_the_rest_of_the_element() -> None:
    report = wish(memballoon_model=None, free_page_reporting=True, current_memory_to_maximum=False)
    changed = edited(XML, report)

    assert read_balloon(changed).free_page_reporting
    assert "period" in changed
    assert "autodeflate" in changed
    assert changed.replace(read_balloon(changed).balloon_text or "", BALLOON) == XML


def test_a_definition_without_the_element_gets_one() -> None:
    bare = XML.replace(BALLOON, "")

    assert read_balloon(bare).model == "virtio"
    assert read_balloon(edited(bare, REDEFINE)).model == "none"


def test_an_element_without_a_body_is_found_too() -> None:
    short = XML.replace(BALLOON, "<memballoon model='virtio' />")

    assert edited(short, REDEFINE) == edited(XML, REDEFINE)


def test_a_definition_that_is_as_wished_is_not_touched() -> None:
    once = edited(XML, REDEFINE)

    assert edited(once, REDEFINE) == once


@pytest.mark.parametrize(
    "hostile",
    ["<!DOCTYPE x [<!ENTITY e 'x'>]><domain/>", "<domain><devices>", XML.replace(BALLOON, BALLOON * 2), ""],
)
def test_what_is_no_plain_definition_is_not_understood(hostile: str) -> None:
    with pytest.raises(ParseError):
        edited(hostile, REDEFINE)


@given(
    name=st.text(st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="<>&"), max_size=30)
)
def test_any_text_around_the_elements_stays_byte_for_byte(name: str) -> None:
    xml = XML.replace("web-1", name)

    assert edited(xml, REDEFINE) == xml.replace(BALLOON, "<memballoon model='none'/>").replace(
        "716800", "1048576"
    )
