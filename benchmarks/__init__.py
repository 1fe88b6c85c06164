"""Speed, as ratios of two things that are measured side by side in one run: `make bench`.

Nothing here is asserted; docs/decisions.md has the aims and what was reached.
"""
