"""`calrissian-dask run`: Calrissian, with its own command line.

So far every argument and every document goes to Calrissian as it is; it refuses a tool that has
DaskGatewayRequirement under `requirements`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

MISSING = (
    "calrissian-dask run: Calrissian is not installed: pip install 'calrissian-dask[calrissian]'"
    " with Python 3.11 or 3.12, for which its dependencies have wheels"
)


def run(arguments: Sequence[str]) -> int:
    """Calrissian's own exit code; 2 where it is not installed."""
    try:
        from calrissian.main import main
    except ModuleNotFoundError as error:
        if error.name != "calrissian":
            raise
        print(MISSING, file=sys.stderr)
        return 2
    sys.argv = ["calrissian", *arguments]  # whence Calrissian and cwltool read it
    code: int | None = main()
    return code or 0
