"""Calrissian itself in the cluster of the suite: its Jobs, volumes and rights, and what came of a run."""
