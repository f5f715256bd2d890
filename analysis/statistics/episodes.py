"""Statistics of one run's episode returns: the numbers of the ACKTR paper's Tables 1, 2 and 4.

A run is a sequence of raw, unclipped returns of whole episodes in the order in which they finished, over all
parallel environments together. That order slightly favours short games early on: of two games begun at the
same time the shorter one is counted first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Crossing:
    """The first window of consecutive episodes whose mean return reaches a level.

    Attributes:
        episode: N, the number (from 1) of the window's first episode.
        last_episode: N + window - 1, the number of its last episode.
        mean: mean return over the window.
    """

    episode: int
    last_episode: int
    mean: float

    def timestep(self, timesteps: npt.ArrayLike) -> int:
        """Timesteps that the run had spent when the crossing was complete.

        This is when episode N + window - 1 ended, not when episode N did: before it the mean is unknown, so
        it is the budget that the claim costs. The paper reports N alone.

        Args:
            timesteps: ``[episodes]`` total timesteps of the run at the end of each episode.

        Raises:
            ValueError: ``timesteps`` is shorter than the window's last episode.
        """
        ends = np.asarray(timesteps)
        if ends.ndim != 1 or len(ends) < self.last_episode:
            raise ValueError(f"timesteps: expected one entry per episode up to {self.last_episode}")
        return int(ends[self.last_episode - 1])


def updates_before(timestep: int, batch_size: int) -> int:
    """Updates that an on-policy agent had made when it was at ``timestep``.

    An update follows every ``batch_size`` = n_envs * n_steps timesteps; the one that follows ``timestep``
    itself is not counted, since the episode that ended there was played without it.

    Raises:
        ValueError: either is below 1.
    """
    if timestep < 1 or batch_size < 1:
        raise ValueError(f"expected a timestep and a batch of at least 1, got {timestep} and {batch_size}")
    return (timestep - 1) // batch_size


def last_mean(returns: npt.ArrayLike, window: int = 100) -> float | None:
    """Mean return of the last ``window`` episodes of training (Tables 1 and 4, ``window=100``).

    With fewer episodes than ``window`` it is the mean of those that exist, as in SB3's
    ``rollout/ep_rew_mean``; without any it is None.

    Args:
        returns: ``[episodes]`` raw returns in completion order.
        window: how many episodes, at least 1.

    Raises:
        ValueError: a return is NaN or infinite, or ``window`` is below 1.
    """
    values = _checked(returns, window)
    return float(values[-window:].mean()) if len(values) else None


def first_episode_reaching(returns: npt.ArrayLike, level: float, window: int = 100) -> Crossing | None:
    """First episode N for which the mean return over episodes N .. N + window - 1 is at least ``level``.

    Tables 1 (``window=100``, human level) and 2 (``window=10``, threshold). The window looks forward from N.
    The paper leaves three things open, decided here as follows: "the N-th game to the (N + 100)-th game" is
    read as 100 games, not 101; "crosses" as reaching, so a mean equal to the level counts; and games of
    parallel environments that end at the same timestep stand in the order in which they were recorded.

    A crossing found is final: later episodes cannot change it. Means are exact where the returns are
    integers, as they are on Atari.

    Args:
        returns: ``[episodes]`` raw returns in completion order.
        level: the mean return to reach.
        window: how many consecutive episodes, at least 1.

    Returns:
        The crossing, or None when no window reaches the level or there are fewer episodes than one window.

    Raises:
        ValueError: a return or the level is NaN or infinite, or ``window`` is below 1.
    """
    if not np.isfinite(level):
        raise ValueError(f"level: expected a finite number, got {level}")
    means = _window_means(_checked(returns, window), window)
    reached = np.flatnonzero(means >= level)
    if not len(reached):
        return None
    first = int(reached[0])
    return Crossing(episode=first + 1, last_episode=first + window, mean=float(means[first]))


def top_consecutive_mean(returns: npt.ArrayLike, window: int = 10) -> float | None:
    """Highest mean return over any ``window`` consecutive episodes of training (Table 2, ``window=10``).

    A maximum over many windows, so it exceeds the typical performance and grows with the number of episodes.
    None with fewer episodes than ``window``.

    Args:
        returns: ``[episodes]`` raw returns in completion order.
        window: how many consecutive episodes, at least 1.

    Raises:
        ValueError: a return is NaN or infinite, or ``window`` is below 1.
    """
    means = _window_means(_checked(returns, window), window)
    return float(means.max()) if len(means) else None


def _checked(returns: npt.ArrayLike, window: int) -> FloatArray:
    values = np.asarray(returns, dtype=np.float64)
    if values.ndim != 1:
        raise ValueError(f"returns: expected one dimension [episodes], got shape {values.shape}")
    if window < 1:
        raise ValueError(f"window: expected at least 1 episode, got {window}")
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise ValueError(f"returns: expected finite numbers, episode {bad[0] + 1} has {values[bad[0]]}")
    return values


def _window_means(values: FloatArray, window: int) -> FloatArray:
    """``[episodes - window + 1]`` means; no rounding error is carried from one to the next."""
    if len(values) < window:
        return np.empty(0)
    sums = np.cumsum(values)
    if np.array_equal(values, np.rint(values)) and np.abs(values).sum() < 2**53:  # exact, and much faster
        sums[window:] -= sums[:-window].copy()
        return np.asarray(sums[window - 1 :] / window)
    windows = np.lib.stride_tricks.sliding_window_view(values, window)
    return np.asarray(windows.mean(axis=1), dtype=np.float64)
