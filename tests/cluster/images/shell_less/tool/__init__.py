"""The program of an image without a shell: computes on the step's cluster."""
