"""Every name, path and environment variable that the specified pod and the programs in it share.

The sidecar package owns this interface, so the image that runs and the code that specifies the
pod cannot disagree unnoticed: `CONTRACT` travels in the environment and another number is
refused (`program_settings.read`).

The state volume
----------------
One emptyDir in memory. Our two containers mount the whole of it at `STATE_MOUNT`; the tool mounts
its folder `public` read-only at `TOOL_MOUNT` (a subPath: modes and uids then do not matter).

    file             written by  read by             what, and when
    ---------------  ----------  ------------------  -------------------------------------------------
    sidecar.lock     sidecar     provision           flock while the sidecar lives: `up` without it is
                                                     of a dead sidecar
    up               sidecar     provision           start id and ports; after bind and signal handler
    refused          sidecar     provision           why it could not start (a port was taken)
    provision.lock   both        both                flock: provision holds it for its whole life; a
                                                     stopping sidecar takes and keeps it, so that no
                                                     provision begins any more
    stopping         sidecar     provision           SIGTERM has come: create nothing any more
    intent           provision   sidecar             a POST is under way, and with which tag; removed
                                                     once it is known what became of it
    cluster          provision   both                the cluster's name, as soon as it is known
    tls.pem          provision   sidecar             this cluster's client certificate and key
    connection       provision   sidecar             RUNNING: which cluster tls.pem is for
    outcome          provision   provision           how it ended; an error here is final
    public/cluster   provision   the tool's shell    the cluster's name, one line: DASK_CLUSTER

Files are replaced by an atomic rename. Those that are neither a lock nor tls.pem nor public/cluster
are JSON objects that carry the start id of the sidecar under which they were written: a sandbox
that dies re-runs the whole pod under the same UID with the old files in place. Locks are flocks:
the kernel frees them when their holder ends, however it ends.
"""

from __future__ import annotations

import re

CONTRACT = 1
"""Raised whenever a name, a file or a meaning on this page changes incompatibly."""

ENV_PREFIX = "CALRISSIAN_DASK_"
"""Not DASK_: every variable that begins so becomes Dask configuration."""

SECRET_ENV = "CALRISSIAN_DASK_SECRET"
"""The gateway password or token. Only ever set by secretKeyRef, never part of the settings."""

STATE_MOUNT = "/run/calrissian-dask-state"
"""Where our two containers see the state volume; another name than the tool's, as it is another view."""

TOOL_MOUNT = "/run/calrissian-dask"
"""Where the tool sees the public folder; /run because no image keeps anything there."""

PUBLIC_FOLDER = "public"
"""The folder of the state volume that the tool may read."""

CLUSTER_FILE = "cluster"
"""Holds DASK_CLUSTER's value, in the public folder."""

TERMINATION_LOG = "/dev/termination-log"
"""Kubernetes' default terminationMessagePath."""

SCHEDULER_PORT = 28786
"""Loopback port of the scheduler. Not 8786: tools that start a scheduler of their own need that."""

API_PORT = 28787
"""Loopback port of the gateway's API. Not 8787, Dask's dashboard, for the same reason."""

CLUSTER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}\Z")
"""What a cluster may be called: a gateway's names are hex digits, or `namespace.hex` on Kubernetes.

Whatever else stands in a record (a line break, a slash) would change the URL that it is put into.
"""

TAG_KEY = "CALRISSIAN_DASK_OWNER"
"""The entry that names the owning pod, where the gateway offers an option that is a mapping."""

TAG_AUTO = "auto"
"""Use the mapping option named `TAG_AUTO_OPTION` where there is one."""

TAG_AUTO_OPTION = "environment"
"""The name most published gateway configurations give to their mapping of environment variables."""

EXIT_OK = 0
"""The connection is ready; or, of the sidecar, whatever happened after it was up."""

EXIT_NO_CLUSTER = 1
"""The gateway gave no cluster, or the sidecar could not start."""

EXIT_CONFIGURATION = 2
"""The environment is not what this contract says."""

EXIT_TERMINATED = 143
"""Ended by SIGTERM before the connection was ready: 128 + 15, as a shell reports it."""
