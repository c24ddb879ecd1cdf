"""Subjects of findings and remedies: the host, a domain, a zone; the same words everywhere."""

from __future__ import annotations

from kvmedic.model.domain import DomainFacts
from kvmedic.model.finding import Subject
from kvmedic.model.gap import Missing

HOST = Subject(kind="host", name="host", id=None)


def domain_subject(domain: DomainFacts) -> Subject:
    """The domain as a subject; its UUID, else its PID, tells it from another of the same name."""
    if not isinstance(domain.uuid, Missing):
        return Subject(kind="domain", name=domain.name, id=domain.uuid)
    pid = None if isinstance(domain.pid, Missing) else f"pid {domain.pid}"
    return Subject(kind="domain", name=domain.name, id=pid)


def zone_subject(node: int, zone: str) -> Subject:
    """A zone as a subject: always named with its NUMA node."""
    return Subject(kind="zone", name=f"node {node} zone {zone}", id=None)


def node_subject(node: int) -> Subject:
    """A NUMA node as a subject."""
    return Subject(kind="node", name=f"node {node}", id=None)
