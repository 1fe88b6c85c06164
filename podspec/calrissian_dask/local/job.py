"""A step's job: its cluster is made before its process starts, and given back when it has ended."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, MutableMapping
from typing import Any

from cwltool.context import RuntimeContext
from cwltool.errors import WorkflowException

from calrissian_dask.cwl.evaluation import evaluate
from calrissian_dask.errors import CalrissianDaskError
from calrissian_dask.local.run import JobAsk, LocalRun
from calrissian_dask.requirement import CLASS, parse

Monitor = Callable[[Any], None] | None


class InterruptibleJob:
    """Mixed in before one of cwltool's job classes; a failure here is a failed job, never more.

    cwltool's parallel executor waits for ever when an exception leaves `run` while another job
    runs: its main thread raises with the lock held that the others need.
    """

    shared: LocalRun
    name: str
    builder: Any
    output_callback: Any
    stagedir: str
    tmpdir: str

    def run(self, runtimeContext: RuntimeContext, tmpdir_lock: Any = None) -> None:  # noqa: N803
        """Run the job; called by cwltool's executors."""
        try:
            super().run(runtimeContext, tmpdir_lock)  # type: ignore[misc]  # the job class behind
        except Exception as error:  # one that leaves `run` hangs cwltool's parallel executor
            logging.getLogger("cwltool").debug("[job %s]", self.name, exc_info=True)
            known = isinstance(error, CalrissianDaskError | WorkflowException)
            self._fail(str(error) if known else f"{type(error).__name__}: {error}", runtimeContext)

    def _execute(
        self,
        runtime: list[str],
        env: MutableMapping[str, str],
        runtimeContext: RuntimeContext,  # noqa: N803  # cwltool's name
        monitor_function: Monitor = None,
    ) -> None:
        if self.shared.interrupt.requested:
            self._fail("not started: interrupted", runtimeContext)
            return
        super()._execute(runtime, env, runtimeContext, monitor_function)  # type: ignore[misc]

    def _fail(self, sentence: str, context: RuntimeContext) -> None:
        """As cwltool reports a failed tool."""
        for line in sentence.splitlines():
            self.shared.progress.say(f"[{self.name}] {line}")
        if self.output_callback:
            with context.workflow_eval_lock or _NoLock():
                self.output_callback({}, "permanentFail")
        if context.rm_tmpdir:
            for folder in (self.stagedir, self.tmpdir):
                if folder:
                    shutil.rmtree(folder, ignore_errors=True)


class DaskJob(InterruptibleJob):
    """A job of a tool with the requirement; `fields` are as written, `image` what is set aside."""

    fields: MutableMapping[str, Any]
    image: str | None
    command_line: list[str]

    def _execute(
        self,
        runtime: list[str],
        env: MutableMapping[str, str],
        runtimeContext: RuntimeContext,  # noqa: N803  # cwltool's name
        monitor_function: Monitor = None,
    ) -> None:
        if self.shared.interrupt.requested:
            super()._execute(runtime, env, runtimeContext, monitor_function)
            return
        try:
            fields = evaluate(self.fields, self.builder)
            ask = JobAsk(
                step=self.name,
                requirement=parse(fields, CLASS),
                image=self.image,
                command=self.command_line,
                path=env.get("PATH", ""),
            )
            cluster, found, report = self.shared.provision(ask)
        except CalrissianDaskError as error:
            self._fail(str(error), runtimeContext)
            return
        began = time.monotonic()
        try:
            super()._execute(runtime, {**env, **found}, runtimeContext, monitor_function)
        finally:
            ended = time.monotonic()
            report.ran = ended - began
            self.shared.release(cluster, report)
            report.stopped = time.monotonic() - ended


class _NoLock:
    """cwltool's sequential executor may have none."""

    def __enter__(self) -> None:
        return

    def __exit__(self, *_: object) -> None:
        return
