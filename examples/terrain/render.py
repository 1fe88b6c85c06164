"""Draws a hillshade as a grey picture; needs no cluster."""

from __future__ import annotations

import sys

import numpy as np
from matplotlib.image import imsave

imsave("hillshade.png", np.load(sys.argv[1]), cmap="gray", vmin=0, vmax=1)
