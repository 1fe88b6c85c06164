"""A step's job: Calrissian's, whose pod gets its cluster and is followed by name, with limits."""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import yaml
from calrissian.job import CalrissianCommandLineJob
from calrissian.k8s import CompletionResult, PodMonitor
from calrissian.retry import RetryParameters
from cwltool.context import RuntimeContext
from kubernetes.client import V1ObjectMeta, V1Pod

from calrissian_dask.cwl.evaluation import evaluate
from calrissian_dask.errors import CalrissianDaskError
from calrissian_dask.requirement import CLASS, parse
from calrissian_dask.runner.ledger import ClusterRecord
from calrissian_dask.runner.pod_api import KubernetesPodApi, Pod
from calrissian_dask.runner.session import Session
from calrissian_dask.runner.step_pod import Patience, StepPod, Surroundings

DEBUG = logging.getLogger("calrissian.job")
"""Where Calrissian writes its pods with --debug."""


class DaskJob(CalrissianCommandLineJob):  # type: ignore[misc]  # Calrissian has no types
    """A job of a tool with the requirement; `session` and `fields` are set by a subclass."""

    session: Session
    fields: dict[str, Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.evaluated: dict[str, Any] = {}
        self.record: ClusterRecord | None = None
        self.step: StepPod | None = None

    def run(self, runtimeContext: RuntimeContext, tmpdir_lock: Any = None) -> None:  # noqa: N803  # cwltool's name
        """Calrissian's; what keeps the step from its cluster is a failed job and no exception.

        One that leaves `run` drops the outputs of all other steps (calrissian/executor.py:249-272).
        """
        try:
            self.evaluated = evaluate(self.fields, self.builder)
            asked = parse(self.evaluated, CLASS)
            with self.session.turn(self.name):
                self.record = self.session.ledger.open(self.name, asked)
                super().run(runtimeContext, tmpdir_lock)
        except CalrissianDaskError as error:
            if self.record is not None:
                self.record.error = self.record.error or str(error)
            self._fail(str(error), runtimeContext)
            self._keep_log(runtimeContext)

    def execute_kubernetes_pod(self, pod: Pod) -> None:
        """Create the pod with its cluster.

        Here and not where it is built: after a failure Calrissian quotes the command of the pod
        that it has built, and that stays the tool's own.
        """
        assert self.record is not None
        owner = self.client.get_current_pod().to_dict()
        mutated = self.session.with_cluster(plain(pod), self.evaluated, owner)
        if DEBUG.isEnabledFor(logging.DEBUG):
            DEBUG.debug("With its cluster:\n%s", yaml.safe_dump(mutated))
        self.step = StepPod(
            around=self._surroundings(),
            tool=pod["spec"]["containers"][0]["name"],
            record=self.record,
            say=lambda level, text: self.session.say(self.name, level, text),
        )
        self.step.create(mutated)

    def wait_for_kubernetes_pod(self) -> CompletionResult:
        """The tool's exit code, output, times and requests, as Calrissian reports them."""
        assert self.step is not None
        try:
            ended, pod = self.step.until_end()
        finally:
            self.session.see_off(self.step)
        (tool,) = (c for c in pod["spec"]["containers"] if c["name"] == self.step.tool)
        finished = self.step.finished
        began = ended.terminated.get("startedAt")
        return CompletionResult(
            ended.exit_code,
            tool["resources"]["requests"]["cpu"],
            tool["resources"]["requests"]["memory"],
            datetime.fromisoformat(began) if began else finished,
            finished,
            self._tool_log(),
        )

    def _keep_log(self, context: RuntimeContext) -> None:
        """What was heard of a tool whose end nobody knows, where Calrissian keeps the logs."""
        if not getattr(context, "tool_logs_basepath", None) or not (self.step and self.step.output):
            return
        try:
            heard = SimpleNamespace(tool_log=self._tool_log())
            self.dump_tool_logs(self.name, heard, context)
        except OSError as error:
            self.session.say(self.name, logging.WARNING, f"the tool's log cannot be kept: {error}")

    def _tool_log(self) -> list[dict[str, str]]:
        assert self.step is not None
        return [
            {"timestamp": f"{at:%Y-%m-%dT%H:%M:%S.%f}Z", "pod": self.step.name, "entry": line}
            for at, line in self.step.output
        ]

    def _surroundings(self) -> Surroundings:
        return Surroundings(
            api=KubernetesPodApi(self.client.core_api_instance, self.client.namespace),
            monitor=_Monitor(),
            stopping=self.session.stopping,
            limits=self.session.limits,
            patience=Patience(
                RetryParameters.MIN,
                RetryParameters.MULTIPLIER,
                RetryParameters.MAX,
                RetryParameters.ATTEMPTS,
            ),
            keeps_pods=not self.client.should_delete_pod(),
        )

    def _fail(self, sentence: str, context: RuntimeContext) -> None:
        """As cwltool reports a failed job; `finish` would look for outputs and hide the sentence."""
        self.session.say(self.name, logging.ERROR, sentence)
        assert context.workflow_eval_lock is not None  # Calrissian's executor demands it
        with context.workflow_eval_lock:
            self.output_callback({}, "permanentFail")
        folders = [self.stagedir, self.tmpdir if context.rm_tmpdir else None]
        for folder in folders:
            if folder and os.path.exists(folder):
                shutil.rmtree(folder, ignore_errors=True)


def plain(pod: Pod) -> Pod:
    """A copy without the marked texts in which ruamel keeps the quotes of a CWL document."""
    copied: Pod = json.loads(json.dumps(pod))
    return copied


class _Monitor:
    """Calrissian's PodMonitor, which knows pods by their metadata."""

    @contextmanager
    def holding(self) -> Iterator[None]:
        with PodMonitor():
            yield

    def add(self, name: str) -> None:
        PodMonitor().add(_named(name))

    def remove(self, name: str) -> None:
        PodMonitor().remove(_named(name))


def _named(name: str) -> V1Pod:
    return V1Pod(metadata=V1ObjectMeta(name=name))
