"""ACKTR (Wu et al., 2017): :mod:`algos.acktr.agent` reads top to bottom, its parts lie beside it."""

from algos.acktr.agent import ACKTR

__all__ = ["ACKTR"]
