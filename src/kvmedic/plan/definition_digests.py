"""Digests of inactive definitions: what a plan is bound to, computed the same way before every step. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from kvmedic.errors import ParseError
from kvmedic.model.evidence import Evidence
from kvmedic.parse.domain_xml import parse_domain_xml
from kvmedic.parse.libvirt_secrets import without_secrets

_INACTIVE = "sos_commands/virsh/virsh_-r_dumpxml_--inactive_"


def definition_digests(evidence: Evidence) -> Mapping[str, str]:
    """SHA-256 of each inactive definition that libvirt gave, secrets left out, by the domain's UUID."""
    found = {}
    for path in evidence.paths(_INACTIVE):
        content = evidence.read(path)
        if isinstance(content, bytes):
            try:
                text = without_secrets(content.decode(errors="replace"), path)
                uuid = parse_domain_xml(text, path).uuid
            except ParseError:
                continue
            if uuid is not None:
                found[uuid] = hashlib.sha256(text.encode()).hexdigest()
    return found
