"""What acts on this host, put together: actors, survey, measure, engine. Imported by who acts alone."""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping
from datetime import UTC, datetime

from kvmedic.adapters.libvirt_reader import read_libvirt
from kvmedic.adapters.live_host import LiveHost
from kvmedic.adapters.page_map_of_host import page_map_evidence, request_of
from kvmedic.adapters.release_actor import ReleaseActor
from kvmedic.adapters.run_store import RunStore
from kvmedic.app.apply import Hands
from kvmedic.app.performing import Approve
from kvmedic.app.plan import examine
from kvmedic.derive.domains import derive_domains
from kvmedic.derive.host import derive_host
from kvmedic.derive.host_strain import is_host_strained
from kvmedic.errors import KvmedicError, UsageError
from kvmedic.execute.gate import DomainNow, World
from kvmedic.model.domain import DomainFacts
from kvmedic.model.evidence import Evidence
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.page_map_request import DomainProcess, PageMapRequest
from kvmedic.model.plan import Plan
from kvmedic.model.policy import Policy
from kvmedic.model.request import CollectRequest
from kvmedic.model.run import Measure, Run
from kvmedic.ports import Actor
from kvmedic.verify.measure import measure

QUICK = CollectRequest(is_deep=False, interval_s=0.0, page_map="none")
MEASURING = CollectRequest(is_deep=False, interval_s=1.0, page_map="full")
NO_MAP = Missing(source="kvmedic/page_map.json", reason=Reason.NOT_COLLECTED, detail="not needed here")


def build_hands(approve: Approve, policy: Policy, store: RunStore) -> Hands:
    """The hands of a run on this host. UsageError where the acting extra is not installed."""
    try:
        from kvmedic.adapters.workflows import DbosWorkflows  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise UsageError(
            f"the acting part is not installed ({error.name})", hint="Install kvmedic[act], or make setup."
        ) from error
    host = _host()
    url = os.environ.get("KVMEDIC_WORKFLOW_DATABASE")
    return Hands(
        journal=store,
        workflows=DbosWorkflows(store.folder / "workflows", url),
        actors=_actors(host),
        survey=lambda: _survey(host, policy, store),
        measure=lambda plan: _measure(host, plan),
        approve=approve,
        by=_by(),
        now=lambda: datetime.now(UTC),
    )


def _host() -> LiveHost:
    return LiveHost(read_libvirt=read_libvirt, read_page_map=page_map_evidence)


def _actors(host: LiveHost) -> Mapping[str, Actor]:
    def request_for(domain: DomainProcess) -> PageMapRequest:
        return request_of(host.collect(QUICK, _silent), "full", only=domain)

    return {"release-stranded": ReleaseActor(request_for)}


def _survey(host: LiveHost, policy: Policy, store: RunStore) -> World:
    evidence = host.collect(QUICK, _silent)
    facts, _ = derive_host(evidence)
    domains, _ = derive_domains(evidence, NO_MAP)
    return World(
        now=datetime.now(UTC),
        boot_id=facts.boot_id,
        domains=domains if isinstance(domains, Missing) else tuple(map(_domain_now, domains)),
        runs=_runs(store),
        policy=policy,
        strain=_strain(evidence),
    )


def _domain_now(domain: DomainFacts) -> DomainNow:
    process = domain.process
    return DomainNow(
        name=domain.name,
        uuid=None if isinstance(domain.uuid, Missing) else domain.uuid,
        pid=None if isinstance(domain.pid, Missing) else domain.pid,
        start_ticks=None if isinstance(process, Missing) else process.start_ticks,
        managed_by=domain.managed_by,
        definition_digest=None,
    )


def _runs(store: RunStore) -> tuple[Run, ...] | Missing:
    try:
        return store.all()
    except KvmedicError as error:
        return Missing(source="runs", reason=Reason.NOT_UNDERSTOOD, detail=error.message)


def _strain(evidence: Evidence) -> str | None:
    return is_host_strained(evidence)


def _measure(host: LiveHost, plan: Plan) -> Measure:
    snapshot, findings = examine(host, MEASURING, _silent)
    subject = plan.option.subject
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return measure(snapshot, findings, subject.name if subject.kind == "domain" else None, at)


def _silent(_phrase: str, _share: float | None) -> None:
    """No progress: this reading is part of a step that shows its own."""


def _by() -> str:
    return os.environ.get("SUDO_USER") or getpass.getuser()
