"""The same CWL on one machine, without containers."""
