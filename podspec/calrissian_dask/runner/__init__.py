"""Calrissian, unmodified, whose steps get their Dask cluster: the only folder that imports it."""
