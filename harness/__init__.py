"""Experiments: what a run is, how it is trained, and what it leaves behind."""
