"""Steps per second: how fast runs trained (Table 3 of the ACKTR paper has timesteps per second by agent)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from statistics import median


def steps_per_second(rates: Iterable[float | None]) -> float | None:
    """Median over runs of a run's timesteps per second of training.

    A run's rate is all of its timesteps over all seconds it trained for: environment steps, updates and
    checkpoints, from the first step on, without what came before it (imports, making environments). A
    timestep is one decision of the agent in one of its environments, 4 frames of an Atari game. The paper
    averages over its games and tasks; of the runs of one environment the median is taken, which a run that
    had to share its machine with others does not move.

    A resumed run has one rate, over the attempts together: a checkpoint carries the seconds that led to it.
    What an attempt did after its last checkpoint was done again; neither its timesteps nor its seconds count,
    nor does the time between attempts.

    Args:
        rates: ``[runs]`` timesteps per second, 0 and more. None for a run of which no time is known (an
            imported one, or one that took no step): it is left out, rather than taken as slow. An unfinished
            run's rate is that of the part it did, in which learning may not have begun: pass finished runs
            alone, as the results table does.

    Returns:
        The median, the mean of the two in the middle for an even number of runs; None where no run has a
        rate.

    Raises:
        ValueError: a rate is negative, NaN or infinite.
    """
    known = [rate for rate in rates if rate is not None]
    for rate in known:
        if not math.isfinite(rate) or rate < 0.0:
            raise ValueError(f"rates: expected timesteps per second of at least 0, got {rate}")
    return median(known) if known else None
