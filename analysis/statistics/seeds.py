"""Statistics over the seeds of one setting."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


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
class BestOf:
    """What choosing the best seeds does to a mean.

    Attributes:
        chosen: k, how many seeds were chosen.
        seeds: n, out of how many.
        best: mean of the k highest: Table 2 of the paper has this for k = 3, n = 8.
        all: mean of all n, free of the choice.
    """

    chosen: int
    seeds: int
    best: float
    all: float


def best_of(values: Sequence[float], k: int = 3) -> BestOf | None:
    """Mean of the k best seeds beside that of all seeds; None with fewer than k seeds.

    Raises:
        ValueError: ``k`` is below 1.
    """
    if k < 1:
        raise ValueError(f"k: expected at least 1 seed, got {k}")
    if len(values) < k:
        return None
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    return BestOf(k, len(ordered), float(ordered[-k:].mean()), float(ordered.mean()))


def expected_best_of(values: Sequence[float], k: int, drawn: int) -> float | None:
    """Expected mean of the k highest among ``drawn`` of the seeds, drawn without replacement.

    It makes results of different numbers of seeds comparable: best 3 of 8 expects more than best 3 of 5 from
    the same agent. An unbiased estimate for any larger population of seeds (a U-statistic; Tang et al., 2020,
    "Showing Your Work Doesn't Always Work", ACL). It is the mean of all seeds for k = drawn, and the observed
    best k for drawn = n. None with fewer than ``drawn`` seeds.

    Raises:
        ValueError: not 1 <= k <= drawn.
    """
    if not 1 <= k <= drawn:
        raise ValueError(f"k and drawn: expected 1 <= k <= drawn, got {k} and {drawn}")
    n = len(values)
    if n < drawn:
        return None
    descending = np.sort(np.asarray(values, dtype=np.float64))[::-1]
    return float(descending @ chances_to_be_chosen(n, k, drawn)) / k


def chances_to_be_chosen(n: int, k: int, drawn: int) -> npt.NDArray[np.float64]:
    """``[n]`` chance of each rank, the highest first, to be drawn and among the k highest of those drawn.

    They add up to k.
    """
    # Rank i (0 is the highest) is among the chosen when it is drawn with fewer than k above it.
    counts = [
        sum(math.comb(i, above) * math.comb(n - 1 - i, drawn - 1 - above) for above in range(min(k, drawn)))
        for i in range(n)
    ]
    return np.array([count / math.comb(n, drawn) for count in counts])


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


def reached_by(crossings: Sequence[tuple[int | None, int] | None]) -> Reached:
    """Summarise ``(episode N, timestep)`` per seed, None for a seed that never reached the level.

    N may be None for a seed of which only the learning curve is known; then the mean N is None as well.
    """
    found = [crossing for crossing in crossings if crossing is not None]
    episodes = [episode for episode, _ in found if episode is not None]
    return Reached(
        seeds=len(crossings),
        reached=len(found),
        episode=spread(episodes).mean if len(episodes) == len(found) else None,
        timestep=spread([timestep for _, timestep in found]).mean,
    )
