"""The share of an elevation model that light from one azimuth reaches, on the step's cluster."""

from __future__ import annotations

import sys

import dask.array as da
import numpy as np
from distributed import Client

azimuth = np.radians(360 - float(sys.argv[2]) + 90)
with np.load(sys.argv[1]) as model:
    elevation = da.from_array(model["elevation"].astype(float), chunks=128)

with Client():
    by_row, by_column = da.gradient(elevation)
    slope, aspect = da.arctan(da.hypot(by_column, by_row)), da.arctan2(-by_row, by_column)
    lit = da.cos(slope) + da.sin(slope) * da.cos(azimuth - aspect) > 0
    print(f"{sys.argv[2]} {lit.mean().compute():.6f}")
