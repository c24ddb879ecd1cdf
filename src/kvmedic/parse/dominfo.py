"""``virsh dominfo`` and ``virsh domjobinfo``: rows "Key:   value" about one domain."""

from __future__ import annotations

from collections.abc import Mapping

from kvmedic.model.record import Record
from kvmedic.parse.lines import after_the_end, numbered_lines


class DomainInfo(Record, frozen=True, kw_only=True):
    """What libvirt keeps beside the definition; None where this libvirt does not print it."""

    name: str
    uuid: str
    state: str | None
    is_persistent: bool | None
    autostarts: bool | None
    has_managed_save: bool | None


def parse_dominfo(text: str, source: str) -> DomainInfo:
    """The rows of ``virsh dominfo``; unknown ones are passed over. A ParseError without Name and UUID."""
    rows = _rows(text, source)
    if not rows.get("Name") or not rows.get("UUID"):
        raise after_the_end(text, source, "rows Name and UUID")
    return DomainInfo(
        name=rows["Name"],
        uuid=rows["UUID"].lower(),
        state=rows.get("State"),
        is_persistent=_is(rows.get("Persistent"), "yes", "no"),
        autostarts=_is(rows.get("Autostart"), "enable", "disable"),
        has_managed_save=_is(rows.get("Managed save"), "yes", "no"),
    )


def parse_domjobinfo(text: str, source: str) -> str | None:
    """The job that runs on the domain ("Outgoing migration"; else its type); None where there is none."""
    rows = _rows(text, source)
    kind = rows.get("Job type")
    if kind is None:
        raise after_the_end(text, source, "a row Job type")
    if kind == "None":
        return None
    return rows.get("Operation") or kind.lower()


def _rows(text: str, source: str) -> Mapping[str, str]:
    rows: dict[str, str] = {}
    for line in numbered_lines(text, source):
        key, colon, value = line.text.partition(":")
        if not colon:
            raise line.error("a row Key: value")
        rows.setdefault(key.strip(), value.strip())
    return rows


def _is(value: str | None, yes: str, no: str) -> bool | None:
    return {yes: True, no: False}.get(value or "")
