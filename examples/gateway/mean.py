"""The mean elevation, on the cluster to which dask-gateway's own client connects."""

from __future__ import annotations

import os
import sys

import dask.array as da
import numpy as np
from dask_gateway import Gateway

with np.load(sys.argv[1]) as model:
    elevation = da.from_array(model["elevation"].astype(float), chunks=128)

with Gateway() as gateway:
    cluster = gateway.connect(os.environ["DASK_CLUSTER"])
    with cluster.get_client():
        print(f"{elevation.mean().compute():.3f}")
    cluster.close()
