"""Hillshade and slope statistics of an elevation model, computed on the step's Dask cluster.

The only line about the cluster is `Client()`: the step's environment says where it is.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import dask.array as da
import numpy as np
from distributed import Client

AZIMUTH, ALTITUDE = 315.0, 45.0
"""Degrees: light from the north-west, as cartographers draw it."""

METRES_PER_DEGREE = 111_200.0

TILE = 128
"""Cells along the side of a tile; the model of 344 x 403 cells has twelve of them."""


def hillshade(elevation: da.Array, dx: float, dy: float) -> tuple[da.Array, da.Array]:
    """Hillshade in 0..1, and slope in degrees."""
    by_row, by_column = da.gradient(elevation, dy, dx)
    slope = da.arctan(da.hypot(by_column, by_row))
    aspect = da.arctan2(-by_row, by_column)
    azimuth, altitude = np.radians(360 - AZIMUTH + 90), np.radians(ALTITUDE)
    shade = np.sin(altitude) * da.cos(slope)
    shade = shade + np.cos(altitude) * da.sin(slope) * da.cos(azimuth - aspect)
    return da.clip(shade, 0, 1), da.degrees(slope)


def statistics(slope: da.Array) -> dict[str, Any]:
    """Least, largest and mean slope, and how many cells lie in each class of five degrees."""
    edges = np.arange(0, 95, 5)
    counts, _ = da.histogram(slope, bins=edges)
    least, largest, mean, counts = da.compute(slope.min(), slope.max(), slope.mean(), counts)
    return {
        "cells": int(slope.size),
        "slope_degrees": {
            "min": float(least),
            "max": float(largest),
            "mean": round(float(mean), 9),
            "histogram": {
                f"{a}-{a + 5}": int(n) for a, n in zip(edges[:-1], counts, strict=True) if n
            },
        },
    }


def main() -> None:
    with np.load(sys.argv[1]) as model:
        heights = model["elevation"].astype(float)
        dx = METRES_PER_DEGREE * float(model["dx"]) * np.cos(np.radians(float(model["ymin"])))
        dy = METRES_PER_DEGREE * float(model["dy"])
    with Client() as client:
        print(f"computing on {client.scheduler.address}", file=sys.stderr)
        shade, slope = hillshade(da.from_array(heights, chunks=TILE), dx, dy)
        shade, slope = client.persist([shade, slope])
        np.save("hillshade.npy", shade.compute())
        with open("slope.json", "w") as file:
            json.dump(statistics(slope), file, indent=2)


if __name__ == "__main__":
    main()
