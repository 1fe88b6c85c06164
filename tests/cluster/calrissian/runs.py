"""One run of Calrissian in a namespace: started as a Job, and what came of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import yaml
from calrissian_dask.annotations import CLUSTER_LABEL
from calrissian_dask_sidecar.gateway_api import STOPPED, STOPPING

from tests.cluster.calrissian import jobs
from tests.cluster.calrissian.volumes import Volume, volume
from tests.cluster.images import TOOL
from tests.cluster.namespaces import Namespace
from tests.cluster.step_pods import HANG, StepPod

SETTINGS = "settings.yaml"

ENVIRONMENT = {
    "CALRISSIAN_INIT_IMAGE": TOOL,  # its default cannot be pulled here
    "RETRY_ATTEMPTS": "3",  # stock Calrissian's ten tries take 41 minutes
}

LONG = 2 * HANG
"""Seconds for a workflow of several steps, beside five other tests on two cores."""

COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Run:
    """A Job of Calrissian's, by its one pod."""

    ns: Namespace
    pod: StepPod
    output: Volume
    stdout: str
    stderr: str
    report: str
    folder: str
    """Where the output's volume is mounted in Calrissian's pod."""

    @property
    def code(self) -> int | None:
        """Calrissian's exit code."""
        return self.pod.exit_code(self.container)

    @property
    def container(self) -> str:
        """The name of Calrissian's container."""
        return str(self.pod.now["spec"]["containers"][0]["name"])

    def wait(self, patience: float = LONG) -> Run:
        """Wait until Calrissian has ended."""
        self.pod.wait_ended(patience)
        return self

    @property
    def outputs(self) -> dict[str, Any]:
        """The outputs' JSON that cwltool writes."""
        told = self.output.read(self.stdout)
        return dict(json.loads(told)) if told.strip() else {}

    def text(self, file: Mapping[str, Any]) -> str:
        """What is in a file of the outputs."""
        return self.output.read(str(file["path"]).removeprefix(self.folder))

    @property
    def usage(self) -> dict[str, Any]:
        """The usage report."""
        return dict(json.loads(self.output.read(self.report)))

    @property
    def said(self) -> str:
        """Calrissian's own log, without colours and line breaks."""
        text = self.output.read(self.stderr) or self.pod.log(self.container)
        return " ".join(COLOURS.sub("", text).split())

    @property
    def steps(self) -> list[StepPod]:
        """The pods of its steps, in the order in which they were made."""
        return [
            StepPod(self.ns, name, states[0]["metadata"]["uid"])
            for name, states in list(self.ns.history.items())
            if name != self.pod.name
        ]

    @property
    def dask_steps(self) -> list[StepPod]:
        """Those that have a cluster of their own."""
        return [one for one in self.steps if CLUSTER_LABEL in one.now["metadata"].get("labels", {})]

    def step(self) -> StepPod:
        """The one pod that has a cluster, once it is there."""
        self.pod.wait("pod of the step", lambda: self.dask_steps)
        (step,) = self.dask_steps
        return step

    def assert_code(self, code: int) -> None:
        """Calrissian has ended with that code."""
        assert self.code == code, self.describe()

    def assert_released(self, clusters: int) -> None:
        """So many clusters were made, all were stopped, and no pod of a step is left."""
        for step in self.steps:
            step.wait_gone()
        made = self.ns.clusters()
        assert len(made) == clusters, f"{made}: {self.describe()}"
        assert {one.status for one in made} <= {STOPPING, STOPPED}, f"{made}: {self.describe()}"

    def describe(self) -> str:
        """What a failure's reader wants to know."""
        log = COLOURS.sub("", self.output.read(self.stderr) or self.pod.log(self.container))
        return "\n".join([self.pod.describe(), "Calrissian said:", log, *_each(self.steps)])


def _each(steps: Sequence[StepPod]) -> Iterator[str]:
    for step in steps:
        yield step.describe()


@dataclass(frozen=True)
class Calrissian:
    """A namespace that is ready for Calrissian, as its documentation says."""

    ns: Namespace
    input: Volume
    output: Volume

    def start(
        self,
        document: str,
        inputs: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
        arguments: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        user: int | None = None,
        program: Sequence[str] = jobs.OURS,
        entry: str = "",
    ) -> Run:
        """Start the documented Job with that CWL document."""
        place = "/calrissian/input-data"
        files = {"workflow.cwl": document, "job.json": json.dumps(inputs or {})}
        told = dict(ENVIRONMENT)
        if settings is not None:
            files[SETTINGS] = yaml.safe_dump(dict(settings))
            told["CALRISSIAN_DASK_SETTINGS"] = f"{place}/{SETTINGS}"
        self.input.write(files)
        words = [*arguments, f"{place}/workflow.cwl{entry}", f"{place}/job.json"]
        job = jobs.documented(words, {**told, **(environment or {})}, user, program)
        outputs = ("docker-output.json", "docker-stderr.log", "docker-usage.json")
        return _started(self.ns, job, self.output, outputs, "/calrissian/output-data/")

    def start_as_it_is(self, command: Sequence[str]) -> Run:
        """Start the documented Job with another command; what is in the volume stays."""
        job = jobs.documented([], ENVIRONMENT)
        container = job["spec"]["template"]["spec"]["containers"][0]
        container.update(command=list(command), args=[])
        return _started(self.ns, job, self.output, ("", "", ""), "")


def _started(
    ns: Namespace,
    job: dict[str, Any],
    output: Volume,
    outputs: tuple[str, str, str],
    folder: str,
) -> Run:
    name = ns.api.create("Job", job, ns.name)["metadata"]["name"]

    def of_job() -> list[dict[str, Any]]:
        return ns.api.objects("Pod", ns.name, f"job-name={name}")

    pending = StepPod(ns, name, "")
    pending.wait("pod of the Job", of_job)
    metadata = of_job()[0]["metadata"]
    pod = StepPod(ns, metadata["name"], metadata["uid"])
    pod.wait("pod of the Job in the watch", lambda: pod.states)
    return Run(ns, pod, output, *outputs, folder)


@contextmanager
def documented(ns: Namespace) -> Iterator[Calrissian]:
    """The documentation's rights and claims in a namespace."""
    with ExitStack() as stack:
        volumes = {
            claim: stack.enter_context(volume(ns, claim))
            for claim in (jobs.INPUT, jobs.TMPOUT, jobs.OUTPUT)
        }
        for kind, body in jobs.rights():
            ns.api.create(kind, body, ns.name)
        yield Calrissian(ns, volumes[jobs.INPUT], volumes[jobs.OUTPUT])


@contextmanager
def pycalrissian(
    ns: Namespace, image: str, document: str, inputs: Mapping[str, Any], entry: str | None = None
) -> Iterator[Run]:
    """What pycalrissian's context and job make of a fresh namespace; started."""
    with volume(ns, jobs.WORKDIR) as workdir:
        for kind, body in jobs.rights():
            ns.api.create(kind, body, ns.name)
        for name, text in (("cwl-workflow", document), ("params", json.dumps(dict(inputs)))):
            ns.api.create("ConfigMap", {"metadata": {"name": name}, "data": {name: text}}, ns.name)
        job = jobs.pycalrissian(image, entry)
        yield _started(
            ns, job, workdir, ("output.json", "stderr.log", "report.json"), "/calrissian/"
        )
