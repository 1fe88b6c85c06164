from __future__ import annotations

import io

from calrissian_dask.local.progress import ERASE, Progress, StepReport

from tests.pod_processes import wait_until


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def report(step: str = "one", workers: int = 2) -> StepReport:
    return StepReport(step, workers, 1, 2**30)


def test_in_a_log_there_is_a_line_at_each_change() -> None:
    stream = io.StringIO()
    progress, step = Progress(stream), report()
    progress.begin(step)
    progress.ready(step)
    first, second = stream.getvalue().splitlines()
    assert first == "calrissian-dask: [one] waiting for a Dask cluster of 2 workers"
    assert second.startswith("calrissian-dask: [one] Dask cluster of 2 workers is ready after 0.")
    assert "\r" not in stream.getvalue()


def test_on_a_terminal_one_line_lives_and_makes_way_for_others() -> None:
    stream = Terminal()
    progress, step = Progress(stream), report(workers=1)
    progress.begin(step)
    wait_until(lambda: "[one] 1 worker, 0 s" in stream.getvalue())
    progress.say("something else")
    assert f"{ERASE}calrissian-dask: something else\n" in stream.getvalue()
    progress.ready(step)
    assert stream.getvalue().rstrip("\n").splitlines()[-1].endswith("s")


def test_many_steps_share_the_line() -> None:
    stream = Terminal()
    progress = Progress(stream)
    steps = [report(f"step_{n}") for n in range(5)]
    for step in steps:
        progress.begin(step)
    wait_until(lambda: "and 3 more" in stream.getvalue())
    for step in steps:
        progress.gone(step)


def test_quiet_says_only_what_went_wrong() -> None:
    stream = io.StringIO()
    progress, step = Progress(stream, quiet=True), report()
    progress.begin(step)
    progress.ready(step)
    progress.summary()
    progress.say("wrong")
    assert stream.getvalue() == "calrissian-dask: wrong\n"


def test_the_summary_has_a_row_per_step() -> None:
    stream = io.StringIO()
    progress, good, bad = Progress(stream), report("good"), report("bad", 1)
    progress.begin(good)
    progress.begin(bad)
    good.provisioned, good.ran, good.stopped = 1.25, 60.0, 0.5
    bad.ended = "no cluster"
    stream.truncate(0)
    stream.seek(0)
    progress.summary()
    assert stream.getvalue().splitlines() == [
        "calrissian-dask: Dask clusters of this run",
        "  good: 2 x 1 cores, 1G, provision 1.2 s, run 60.0 s, stop 0.5 s",
        "  bad: 1 x 1 cores, 1G, provision -, run -, stop -, no cluster",
    ]


def test_without_a_cluster_there_is_no_summary() -> None:
    stream = io.StringIO()
    Progress(stream).summary()
    assert stream.getvalue() == ""
