"""Statistics over the seeds of one setting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Spread:
    """Mean and sample standard deviation over seeds.

    Attributes:
        seeds: how many values went in.
        mean: their mean, None without any.
        std: their standard deviation with n - 1 in the denominator, None with fewer than two.
    """

    seeds: int
    mean: float | None
    std: float | None


def spread(values: Sequence[float]) -> Spread:
    """Summarise one value per seed; the order of the seeds does not matter."""
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    return Spread(
        seeds=len(ordered),
        mean=float(ordered.mean()) if len(ordered) else None,
        std=float(ordered.std(ddof=1)) if len(ordered) > 1 else None,
    )


@dataclass(frozen=True)
class Reached:
    """At which episode and timestep the seeds of one setting reached a level.

    Attributes:
        seeds: how many finished seeds were looked at.
        reached: how many of them reached the level.
        episode: mean N over the seeds that reached it, None when none did.
        timestep: mean timestep of the completed crossing over the same seeds.
    """

    seeds: int
    reached: int
    episode: float | None
    timestep: float | None

    @property
    def by_all(self) -> bool:
        """Whether every seed reached the level (and there is one): only then does the paper print N.

        Table 1 has N/A for A2C on Space Invaders, where one of two seeds failed although the mean return over
        both is above the human level. A mean over the lucky seeds alone understates N.
        """
        return 0 < self.seeds == self.reached


def reached_by(crossings: Sequence[tuple[int, int] | None]) -> Reached:
    """Summarise ``(episode N, timestep)`` per seed, None for a seed that never reached the level."""
    found = [crossing for crossing in crossings if crossing is not None]
    return Reached(
        seeds=len(crossings),
        reached=len(found),
        episode=spread([episode for episode, _ in found]).mean,
        timestep=spread([timestep for _, timestep in found]).mean,
    )
