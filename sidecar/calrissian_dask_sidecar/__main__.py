"""`python -m calrissian_dask_sidecar`: the console script, for whoever has an interpreter only."""

from calrissian_dask_sidecar.cli import main

main()
