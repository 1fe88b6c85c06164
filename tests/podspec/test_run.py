"""`calrissian-dask run`: Calrissian where it is installed, else one sentence."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

COMMAND = Path(sys.executable).with_name("calrissian-dask")


def test_run_is_calrissian_or_says_how_to_install_it() -> None:
    """Each of the suite's two environments has its half of this."""
    done = subprocess.run(
        [COMMAND, "run", "--help"], check=False, capture_output=True, text=True, timeout=120
    )
    if find_spec("calrissian"):
        assert (done.returncode, done.stderr) == (0, "")
        assert "--tool-logs-basepath" in done.stdout, "Calrissian's own option"
    else:
        assert (done.returncode, done.stdout) == (2, "")
        assert "pip install 'calrissian-dask[calrissian]'" in done.stderr
        assert "Traceback" not in done.stderr
