"""The paper as data: its tables, its claims, what sweeps make them, and the verdict of runs on each claim."""
