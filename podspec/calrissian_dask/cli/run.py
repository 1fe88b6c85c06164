"""`calrissian-dask run`: Calrissian, with its own command line, whose steps get their cluster."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from calrissian_dask.cli.settings_file import add_options, read_settings

MISSING = (
    "calrissian-dask run: Calrissian is not installed: pip install 'calrissian-dask[calrissian]'"
    " with Python 3.11 or 3.12, for which its dependencies have wheels"
)


def run(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Calrissian's own exit code; 2 where it is not installed, or the settings are wrong."""
    try:
        from calrissian_dask.runner import seam
    except ModuleNotFoundError as error:
        if error.name != "calrissian":
            raise
        print(MISSING, file=sys.stderr)
        return 2
    return seam.run(
        arguments,
        add_options,
        lambda flags, configured: read_settings(flags, environ, configured),
    )
