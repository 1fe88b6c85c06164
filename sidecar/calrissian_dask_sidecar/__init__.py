"""The programs that run inside a step's pod: `provision` (init container) and `sidecar` (native sidecar).

Only the standard library is imported here; `dask_gateway` in one module, lazily
(`library_auth`), for auth classes that only it knows.
"""

__version__ = "0.1.0"
