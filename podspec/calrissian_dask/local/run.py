"""What all steps of one command share, and the one way from a requirement to a cluster."""

from __future__ import annotations

import math
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from calrissian_dask_sidecar.host_port import join_host_port, scheduler_proxy
from calrissian_dask_sidecar.program_settings import ProgramSettings

from calrissian_dask.cwl.node import end_node, node_pids
from calrissian_dask.errors import CalrissianDaskError, GatewayError
from calrissian_dask.local.fit import Fit, Machine, fit
from calrissian_dask.local.gateway import USER, EmbeddedGateway
from calrissian_dask.local.interpreter import check_interpreter, find_interpreter
from calrissian_dask.local.interrupt import Interrupt
from calrissian_dask.local.progress import Progress, StepReport
from calrissian_dask.local.step_cluster import StepCluster
from calrissian_dask.requirement import DaskGatewayRequirement
from calrissian_dask.settings import Settings
from calrissian_dask.tell import tell

PROVISION_TIMEOUT = 120
"""Seconds; the embedded gateway takes one or two."""

STOP_TIMEOUT = 15
"""Seconds for the sidecar's stop; the gateway is on the same machine."""


@dataclass(frozen=True)
class JobAsk:
    """One job's ask: its name, its evaluated requirement, its image if it names one, its command."""

    step: str
    requirement: DaskGatewayRequirement
    image: str | None
    command: Sequence[str]
    path: str


@dataclass
class LocalRun:
    """The state of one `calrissian-dask local`; used by all jobs, from any thread."""

    settings: Settings
    environ: Mapping[str, str]
    machine: Machine
    max_workers: int | None
    use_container: bool
    interrupt: Interrupt
    progress: Progress
    default_container: str | None = None
    secret: str | None = None
    gateway: EmbeddedGateway | None = None
    clusters: set[StepCluster] = field(default_factory=set)
    said: set[str] = field(default_factory=set)

    def once(self, sentence: str) -> None:
        """Say it, unless it was said."""
        if sentence not in self.said:
            self.said.add(sentence)
            self.progress.tell(sentence)

    def spared(self) -> set[int]:
        """The processes that an interrupt leaves to us, as they give clusters back."""
        pids = {pid for cluster in list(self.clusters) for pid in cluster.pids} | node_pids()
        if self.gateway is not None and self.gateway.pid is not None:
            pids.add(self.gateway.pid)
        return pids

    def provision(self, ask: JobAsk) -> tuple[StepCluster, dict[str, str], StepReport]:
        """A cluster, the tool's variables, and the report that `release` completes.

        Raises CalrissianDaskError with the sentence for the author; nothing is left then.
        """
        fitted = self._fit(ask)
        report = StepReport(ask.step, fitted.workers, fitted.worker_cores, fitted.worker_memory)
        self.progress.begin(report)
        cluster = None
        try:
            settings = self._program_settings(ask, fitted)
            cluster = StepCluster(settings, self._secret(), self.environ)
            self.clusters.add(cluster)
            found = cluster.provision(
                lambda: self.interrupt.requested, lambda line: self._heard(ask.step, line)
            )
            report.workers = int(cluster.message.get("workers", fitted.workers))
            self.progress.ready(report)
        except BaseException as error:  # an interrupt too: nobody else knows this cluster yet
            report.ended = "no cluster"
            self.progress.gone(report)
            if cluster is not None:
                cluster.stop()
                self.clusters.discard(cluster)
            if isinstance(error, GatewayError) and self.gateway is not None:
                raise GatewayError(str(error) + self.gateway.last_words()) from error
            if isinstance(error, CalrissianDaskError) or not isinstance(error, Exception):
                raise
            raise GatewayError(f"unexpected {type(error).__name__}: {error}") from error
        return cluster, found, report

    def _heard(self, step: str, line: str) -> None:
        """A line of provision's log; the routine of a cluster that comes is said by us."""
        if not line.startswith(("cluster ", "no cluster", "ended by")):
            self.progress.tell(f"[{step}] {line}")

    def release(self, cluster: StepCluster, report: StepReport) -> None:
        """Give it back; a release that is pending is said with its name."""
        said = cluster.stop()
        self.clusters.discard(cluster)
        pending = said.get("release pending")
        if pending and self.gateway is None:
            report.ended = f"release pending: {pending}"
            self.progress.say(f"[{report.step}] {report.ended} ({said.get('reason')})")

    def close(self) -> None:
        """End the evaluators, stop every cluster that is left, and then the gateway."""
        end_node()
        for cluster in list(self.clusters):
            cluster.stop()
            self.clusters.discard(cluster)
        if self.gateway is not None:
            self.gateway.stop()

    def _fit(self, ask: JobAsk) -> Fit:
        requirement = ask.requirement
        if self.gateway is None:  # somebody else's gateway: the machine is not this one
            workers = min(requirement.workers, self.max_workers or requirement.workers)
            cores = math.ceil(requirement.worker_cores)
            return Fit(workers, cores, requirement.worker_memory, None)
        fitted = fit(requirement, self.machine, self.max_workers)
        if fitted.words:
            self.once(f"[{ask.step}] {fitted.words}")
        return fitted

    def _secret(self) -> str | None:
        return self.gateway.password if self.gateway is not None else self.secret

    def _program_settings(self, ask: JobAsk, fitted: Fit) -> ProgramSettings:
        """The tag is this cluster's alone: by it a cluster is stopped that nobody knows the name of."""
        url = self.settings.gateway.url or ""
        python = None
        if self.gateway is not None:
            python = find_interpreter(ask.command, ask.path)
            check_interpreter(python)
            self.gateway.start(lambda: self.interrupt.requested)
            url = self.gateway.url
        told = replace(
            tell(self.settings, ask.requirement, url, ask.image),
            workers=fitted.workers,
            owner=f"local/{secrets.token_hex(8)}/{ask.step}",
            stop_timeout=STOP_TIMEOUT,
            scheduler_port=0,
            api_port=0,
        )
        proxy = join_host_port(*scheduler_proxy(url, told.proxy_address))
        if python is None:
            user = told.username or self.environ.get("USER", USER)
            return replace(told, proxy_address=proxy, username=user)
        return replace(
            told,
            proxy_address=join_host_port(*scheduler_proxy(url, None)),
            public_url=None,
            auth_type="basic",
            username=USER,
            worker_cores=Fraction(fitted.worker_cores),
            worker_memory=fitted.worker_memory,
            option_image=None,
            option_worker_cores="worker_cores",
            option_worker_cores_limit=None,
            option_worker_memory="worker_memory",
            option_tag="environment",
            extra_options={"python": python},
            provision_timeout=PROVISION_TIMEOUT,
        )
