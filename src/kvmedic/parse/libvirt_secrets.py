"""What must never leave a libvirt definition: passwords, keys, and texts in which people keep them.

Two kinds of text: what is known to hold secrets is emptied, and what is free text (descriptions, metadata,
kernel command lines, QEMU arguments) is emptied too, because people put secrets there. The elements stay,
so that one still sees *that* they are there.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from kvmedic.parse.xml_tree import local_name, namespace_of, parse_tree

_DRIVERS = "http://libvirt.org/schemas/domain/"
"""Namespaces of arguments handed to QEMU and other hypervisors as they stand."""
_EMPTIED = frozenset(
    {"auth", "secret", "secrets", "cookies", "cookie", "cmdline", "initarg", "initenv", "dhCert"}
)
_EMPTIED_TOO = frozenset(
    {"session", "idBlock", "idAuth", "hostData", "description", "title", "qemuCaps", "slirp"}
)
_SECRET_ATTRIBUTE = re.compile(
    r"pass(?:wd|word|phrase)(?!ValidTo)|secret|token|credential|^query$|^key$", re.IGNORECASE
)
_IN_STATUS = frozenset({"domain", "taint", "job"})
_KNOWN_MAKES = frozenset(
    {
        *("OpenStack Foundation", "OpenStack Nova", "OpenStack Compute", "RDO"),
        *("oVirt", "oVirt Node", "RHEV Hypervisor", "Red Hat", "KubeVirt"),
        *("Apache Software Foundation", "CloudStack KVM Hypervisor"),
    }
)


def without_secrets(text: str, source: str) -> str:
    """A domain's definition or status XML with every secret emptied. ParseError where it cannot be read.

    Of status XML only the state, the definition, taints and the job stay: the rest is libvirt's own
    business (monitor sockets, capabilities of QEMU, the master key).
    """
    root = parse_tree(text, source)
    empty_secrets(root)
    return ElementTree.tostring(root, encoding="unicode")


def empty_secrets(root: Element) -> None:
    """The same in place, for who has the tree already."""
    if root.tag == "domstatus":
        _keep_status(root)
    for element in root.iter():
        _strip(element)


def _keep_status(root: Element) -> None:
    for child in list(root):
        if child.tag not in _IN_STATUS:
            root.remove(child)
        elif child.tag == "job":
            _empty(child)


def _strip(element: Element) -> None:
    for name in [name for name in element.attrib if _SECRET_ATTRIBUTE.search(local_name(name))]:
        del element.attrib[name]
    name = local_name(element.tag)
    if namespace_of(element.tag).startswith(_DRIVERS) or name in _EMPTIED or name in _EMPTIED_TOO:
        _empty(element)
        element.attrib.clear()
    elif name == "metadata":
        for owner in element:
            _empty(owner)
            owner.attrib.clear()
    elif name in {"sysinfo", "launchSecurity"}:
        _keep_known(element)


def _keep_known(element: Element) -> None:
    """Leave the texts that name a manager (sysinfo/system) or a policy; everything else is emptied."""
    for inner in element.iter():
        is_policy = local_name(inner.tag) in {"policy", "cbitpos", "reducedPhysBits"}
        if inner.text and not is_policy and inner.text.strip() not in _KNOWN_MAKES:
            inner.text = None
        if "file" in inner.attrib:
            del inner.attrib["file"]


def _empty(element: Element) -> None:
    element.text = None
    for child in list(element):
        element.remove(child)
