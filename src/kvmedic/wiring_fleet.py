"""The composition root of what acts on other hosts of the fleet: their survey, measure, locks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime

import msgspec

from kvmedic.adapters.cordon import CordonActor
from kvmedic.adapters.host_shell import HostShell
from kvmedic.adapters.quick_host import QuickHost
from kvmedic.adapters.reboot_actor import RebootActor
from kvmedic.adapters.remote_lock import remotely_locked
from kvmedic.adapters.run_store import RunStore
from kvmedic.adapters.shutdown_actor import ShutDownActor
from kvmedic.adapters.stop_request import STOP
from kvmedic.app.acting import Acting, Lock
from kvmedic.app.apply import Hands
from kvmedic.app.plan import examine
from kvmedic.derive.domains import derive_domains
from kvmedic.derive.host import derive_host
from kvmedic.derive.host_strain import is_host_strained
from kvmedic.errors import KvmedicError, PreconditionFailedError
from kvmedic.execute.gate import DomainNow, World
from kvmedic.model.domain import DomainFacts
from kvmedic.model.evidence import Evidence
from kvmedic.model.finding import Severity
from kvmedic.model.gap import Missing, Reason
from kvmedic.model.plan import MigrateDomain, Plan, PlannedHost
from kvmedic.model.policy import BoardController, Policy
from kvmedic.model.request import CollectRequest
from kvmedic.model.run import Measure, Run
from kvmedic.ports import Progress
from kvmedic.verify.measure import measure

QUICK = CollectRequest(is_deep=False, interval_s=0.0, page_map="none")
MEASURING = CollectRequest(is_deep=False, interval_s=1.0, page_map="none")
NO_MAP = Missing(source="kvmedic/page_map.json", reason=Reason.NOT_COLLECTED, detail="not needed here")
FROM_ELSEWHERE = frozenset({"migrate-domain", "shut-down-domain", "mark-cordon", "reboot-host"})
"""Steps that act on another host; every other kind acts on the host that kvmedic runs on."""

Held = Callable[[], bool]
"""Whether the locks on another host are still held."""


class ActingAnywhere:
    """As ``app.acting.Acting``: each plan with the hands and the locks of the host it is for."""

    def __init__(self, hands: Hands, lock: Lock, policy: Policy, store: RunStore) -> None:
        self._here = Acting(hands, lock)
        self._hands, self._lock = hands, lock
        self._policy, self._store = policy, store

    def plan_of(self, run: str) -> Plan:
        """The plan of a run that was begun."""
        return self._here.plan_of(run)

    def apply(self, plan: Plan, run: str, progress: Progress) -> Run:
        """Carries the plan out, or goes on with the run. PreconditionFailedError: another one holds it."""
        return self._for(plan).apply(plan, run, progress)

    def undo(self, run: str, progress: Progress) -> Run:
        """Takes the run back."""
        return self._for(self.plan_of(run)).undo(run, progress)

    def soak(self, run: str, length_s: float, progress: Progress) -> Run:
        """Watches a finished run for the failure to return."""
        return self._for(self.plan_of(run)).soak(run, length_s, progress)

    def _for(self, plan: Plan) -> Acting:
        remote = ssh_of(plan.hosts[0], self._policy)
        if remote is None:
            return Acting(self._hands, _locks(None, self._lock, plan, self._policy, []))
        foreign = [s for s in plan.steps if str(s.action.__struct_config__.tag) not in FROM_ELSEWHERE]
        if foreign:
            raise PreconditionFailedError(
                f"step {foreign[0].number} ({foreign[0].title}) acts on the host that kvmedic runs on; "
                "nothing was touched",
                hint="Run kvmedic on that host for it.",
            )
        held: list[Held] = []
        hands = remote_hands(self._hands, remote, self._policy, self._store, held)
        return Acting(hands, _locks(remote, self._lock, plan, self._policy, held))


def ssh_of(host: PlannedHost, policy: Policy) -> str | None:
    """How ssh reaches the host of a plan; None for this host. PreconditionFailedError where nothing tells."""
    if host.uri is None:
        return None
    known = next((each.ssh for each in policy.hosts if each.uri == host.uri and each.ssh), None)
    if known is not None:
        return known
    if host.uri.startswith("qemu+ssh://"):
        return f"ssh://{host.uri.removeprefix('qemu+ssh://').partition('/')[0]}"
    raise PreconditionFailedError(
        f"how ssh reaches {host.name} is not known; nothing was touched",
        hint="Name the policy file of the plan with --policy: its host needs the key ssh.",
    )


def _locks(remote: str | None, local: Lock, plan: Plan, policy: Policy, held: list[Held]) -> Lock:
    """The locks of the source, there; and those of the domains at every destination that ssh reaches."""

    @contextmanager
    def locked(names: Sequence[str], owner: str, *, shared: Sequence[str] = ()) -> Iterator[None]:
        with ExitStack() as stack:
            if remote is None:
                stack.enter_context(local(names, owner, shared=shared))
            else:
                held.append(stack.enter_context(remotely_locked(remote, names, owner, shared=shared)))
            for ssh, domains in sorted(_arriving(plan, policy).items()):
                if ssh != remote:  # guests that come home: their locks are held there already
                    held.append(stack.enter_context(remotely_locked(ssh, domains, owner)))
            yield

    return locked


def _arriving(plan: Plan, policy: Policy) -> dict[str, list[str]]:
    """By the ssh of each destination, the locks of the domains that come to it."""
    found: dict[str, list[str]] = {}
    for step in plan.steps:
        if isinstance(step.action, MigrateDomain):
            uri = step.action.destination_uri
            ssh = next((host.ssh for host in policy.hosts if host.uri == uri and host.ssh), None)
            if ssh is not None:
                found.setdefault(ssh, []).append(f"domain-{step.action.domain_uuid}")
    return found


def remote_hands(hands: Hands, ssh: str, policy: Policy, store: RunStore, held: Sequence[Held]) -> Hands:
    """The same journal, engine and actors; survey and measure of the host behind ``ssh``."""
    host, shell = QuickHost(ssh), HostShell(ssh)
    return msgspec.structs.replace(
        hands,
        survey=lambda: _survey(host, policy, store, held),
        measure=lambda plan: _measure(host, plan),
        glance=lambda plan: _measure(host, plan),
        actors={
            **hands.actors,
            "mark-cordon": CordonActor(shell),
            "shut-down-domain": ShutDownActor(STOP),
            "reboot-host": RebootActor(shell, _board(ssh, policy), lambda: _ailments(host)),
        },
    )


def _board(ssh: str, policy: Policy) -> BoardController | None:
    return next((host.bmc for host in policy.hosts if host.ssh == ssh), None)


def _ailments(host: QuickHost) -> tuple[str, ...]:
    """The health gate after a reboot: libvirt answers, and our own check finds nothing critical."""
    snapshot, findings = examine(host, MEASURING, _silent)
    libvirt = () if snapshot.libvirt == "answers" else (f"libvirt: {snapshot.libvirt}",)
    return (*libvirt, *(f.summary for f in findings if f.severity == Severity.CRITICAL))


def _survey(host: QuickHost, policy: Policy, store: RunStore, held: Sequence[Held]) -> World:
    if not all(is_held() for is_held in held):
        lost = Missing(source="locks", reason=Reason.UNREACHABLE, detail="the locks there were lost with ssh")
        return _world(lost, lost, policy, store, None)
    try:
        evidence = host.collect(QUICK, _silent)
    except KvmedicError as error:
        gap = Missing(source=host.target.name, reason=Reason.UNREACHABLE, detail=error.message)
        return _world(gap, gap, policy, store, None)
    domains, _ = derive_domains(evidence, NO_MAP)
    seen = domains if isinstance(domains, Missing) else tuple(_domain_now(domain) for domain in domains)
    return _world(derive_host(evidence)[0].boot_id, seen, policy, store, evidence)


def _world(
    boot_id: str | Missing,
    domains: tuple[DomainNow, ...] | Missing,
    policy: Policy,
    store: RunStore,
    evidence: Evidence | None,
) -> World:
    try:
        runs: tuple[Run, ...] | Missing = store.all()
    except KvmedicError as error:
        runs = Missing(source="runs", reason=Reason.NOT_UNDERSTOOD, detail=error.message)
    return World(
        now=datetime.now(UTC),
        boot_id=boot_id,
        domains=domains,
        runs=runs,
        policy=policy,
        strain=None if evidence is None else is_host_strained(evidence),
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


def _measure(host: QuickHost, plan: Plan) -> Measure:
    snapshot, findings = examine(host, MEASURING, _silent)
    subject = plan.option.subject
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return measure(snapshot, findings, subject.name if subject.kind == "domain" else None, at)


def _silent(_phrase: str, _share: float | None) -> None:
    """No progress: this reading is part of a step that shows its own."""
