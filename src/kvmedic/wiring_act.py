"""The composition root of what acts on this host: actors, survey, measure, engine.

Only ``apply`` and ``undo`` import it, so that what looks never comes near the engine.
"""

from __future__ import annotations

import getpass
import os
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from kvmedic.adapters.balloon_actor import BalloonActor
from kvmedic.adapters.cgroup_limit_actor import CgroupLimitActor
from kvmedic.adapters.compact_actor import CompactActor
from kvmedic.adapters.definition_actor import DefinitionActor
from kvmedic.adapters.fleet import reasons_now
from kvmedic.adapters.libvirt_reader import read_libvirt
from kvmedic.adapters.libvirt_session import LibvirtSession
from kvmedic.adapters.live_host import LiveHost
from kvmedic.adapters.locks import locked
from kvmedic.adapters.migrate_actor import MigrateActor
from kvmedic.adapters.page_map_of_host import page_map_evidence, request_of
from kvmedic.adapters.power_actor import PowerActor
from kvmedic.adapters.release_actor import ReleaseActor
from kvmedic.adapters.run_store import RunStore
from kvmedic.adapters.stop_request import STOP
from kvmedic.adapters.tunables_actor import PersistTunablesActor, WriteTunableActor
from kvmedic.app.apply import Hands
from kvmedic.app.performing import Approve
from kvmedic.app.plan import examine
from kvmedic.derive.domains import derive_domains
from kvmedic.derive.host import derive_host
from kvmedic.derive.host_strain import is_host_strained
from kvmedic.errors import KvmedicError, UsageError
from kvmedic.execute.gate import DomainNow, World
from kvmedic.model.domain import DomainFacts
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.page_map_request import DomainProcess, PageMapRequest
from kvmedic.model.plan import Plan, ReleaseStranded
from kvmedic.model.policy import Policy
from kvmedic.model.request import CollectRequest
from kvmedic.model.run import Measure, Run
from kvmedic.plan.definition_digests import definition_digests
from kvmedic.ports import Actor
from kvmedic.verify.measure import measure
from kvmedic.wiring import read_policy, run_store

if TYPE_CHECKING:
    from kvmedic.wiring_fleet import ActingAnywhere

QUICK = CollectRequest(is_deep=False, interval_s=0.0, page_map="none")
MEASURING = CollectRequest(is_deep=False, interval_s=1.0, page_map="full")
GLANCE = CollectRequest(is_deep=False, interval_s=1.0, page_map="none")
"""While a soak watches: every reading is repeated, so the cheap ones only."""
NO_MAP = Missing(source="kvmedic/page_map.json", reason=Reason.NOT_COLLECTED, detail="not needed here")


def acting(*, approve: Approve, policy: Path | None) -> ActingAnywhere:
    """Everything that apply and undo need. UsageError where the acting extra is not installed."""
    from kvmedic.wiring_fleet import ActingAnywhere  # noqa: PLC0415  it builds on this module

    found, store = read_policy(policy), run_store()
    return ActingAnywhere(build_hands(approve, found, store), locked, found, store)


def stopping() -> AbstractContextManager[None]:
    """While it lasts, the first Ctrl-C stops a run where that does no harm."""
    return STOP.listening()


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
        actors=_actors(policy),
        survey=lambda: _survey(host, policy, store),
        measure=lambda plan: _measure(host, plan, MEASURING if _is_exact(plan) else GLANCE),
        glance=lambda plan: _measure(host, plan, GLANCE),
        approve=approve,
        by=_by(),
        now=lambda: datetime.now(UTC),
        wait=time.sleep,
        is_stopped=STOP.is_made,
    )


def _host() -> LiveHost:
    return LiveHost(read_libvirt=read_libvirt, read_page_map=page_map_evidence)


def page_map_request_for() -> Callable[[DomainProcess], PageMapRequest]:
    """Makes the request for the page map of one process of this host, as the host is at that moment."""
    host = _host()
    return lambda domain: request_of(host.collect(QUICK, _silent), "full", only=domain)


def _actors(policy: Policy) -> Mapping[str, Actor]:
    session = LibvirtSession()
    return {
        "release-stranded": ReleaseActor(page_map_request_for(), is_stopped=STOP.is_made),
        "compact-node": CompactActor(is_stopped=STOP.is_made),
        "write-tunable": WriteTunableActor(),
        "persist-tunables": PersistTunablesActor(),
        "set-balloon": BalloonActor(session, STOP.is_made),
        "redefine-domain": DefinitionActor(session),
        "power-cycle": PowerActor(session, STOP.is_made),
        "raise-cgroup-limit": CgroupLimitActor(session),
        "migrate-domain": MigrateActor(STOP, lambda action, source: reasons_now(action, source, policy)),
    }


def _survey(host: LiveHost, policy: Policy, store: RunStore) -> World:
    evidence = host.collect(QUICK, _silent)
    facts, _ = derive_host(evidence)
    domains, _ = derive_domains(evidence, NO_MAP)
    digests = definition_digests(evidence)
    return World(
        now=datetime.now(UTC),
        boot_id=facts.boot_id,
        domains=domains
        if isinstance(domains, Missing)
        else tuple(_domain_now(domain, digests) for domain in domains),
        runs=_runs(store),
        policy=policy,
        strain=is_host_strained(evidence),
    )


def _domain_now(domain: DomainFacts, digests: Mapping[str, str]) -> DomainNow:
    process = domain.process
    return DomainNow(
        name=domain.name,
        uuid=None if isinstance(domain.uuid, Missing) else domain.uuid,
        pid=None if isinstance(domain.pid, Missing) else domain.pid,
        start_ticks=None if isinstance(process, Missing) else process.start_ticks,
        managed_by=domain.managed_by,
        definition_digest=digests.get(str(domain.uuid)),
    )


def _runs(store: RunStore) -> tuple[Run, ...] | Missing:
    try:
        return store.all()
    except KvmedicError as error:
        return Missing(source="runs", reason=Reason.NOT_UNDERSTOOD, detail=error.message)


def _measure(host: LiveHost, plan: Plan, request: CollectRequest) -> Measure:
    snapshot, findings = examine(host, request, _silent)
    subject = plan.option.subject
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return measure(snapshot, findings, subject.name if subject.kind == "domain" else None, at)


def _is_exact(plan: Plan) -> bool:
    """Only what is judged by stranded memory is worth a full page map: on large hosts that is a minute of
    CPU."""
    return any(isinstance(step.action, ReleaseStranded) for step in plan.steps)


def _silent(_phrase: str, _share: float | None) -> None:
    """No progress: this reading is part of a step that shows its own."""


def _by() -> str:
    return os.environ.get("SUDO_USER") or getpass.getuser()
