"""Specifies pods: a step's pod, and the Dask cluster that comes and goes with it.

At the top of this package is the pure core, dict in, dict out; the sub-packages are the edges.
"""

from calrissian_dask_sidecar import __version__

__all__ = ["__version__"]
