"""Running normalisation of observations and rewards, by the formulas of SB3's VecNormalize."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]

EPSILON = 1e-8
"""Added to a variance before its square root is divided by."""

_INITIAL_COUNT = 1e-4


class RunningMoments:
    """Mean and variance of everything seen, in float64 (Chan et al.'s parallel update).

    Starts at mean 0 and variance 1 with a weight of 1e-4 samples, as SB3's RunningMeanStd.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._rows: Float64 = np.zeros((4, *shape))  # together, since each call into NumPy costs the same
        self._delta, self._square, self.mean, self.var = (self._rows[row, ...] for row in range(4))
        self._change, self._moments = self._rows[:2], self._rows[2:]
        self._factors: Float64 = np.ones((4, *(1 for _ in shape)))
        self._scale, self._epsilon = np.zeros(shape), np.full(shape, EPSILON)
        self.var[...] = 1.0
        self.count = _INITIAL_COUNT

    def update(self, batch: NDArray[np.floating]) -> None:
        """Take in ``batch`` [n, *shape]."""
        n = len(batch)
        total = self.count + n
        factors = self._factors
        factors[0], factors[1], factors[3] = n / total, self.count * n / total**2, self.count / total
        np.subtract(batch[0] if n == 1 else batch.mean(axis=0, dtype=np.float64), self.mean, self._delta)
        np.multiply(self._delta, self._delta, self._square)
        np.multiply(self._rows, factors, self._rows)
        if n > 1:
            self.var += batch.var(axis=0, dtype=np.float64) * (n / total)
        np.add(self._moments, self._change, self._moments)
        self.count = total

    def load(self, mean: NDArray[Any], var: NDArray[Any], count: float) -> None:
        """Go on from these."""
        self.mean[...], self.var[...], self.count = mean, var, count

    def scale(self) -> Float64:
        """``sqrt(var + 1e-8)``, [*shape]; valid until the next call."""
        np.add(self.var, self._epsilon, self._scale)
        return np.sqrt(self._scale, self._scale)


class RunningScalar:
    """:class:`RunningMoments` of a scalar, in Python's floats: cheaper than arrays of one element."""

    def __init__(self) -> None:
        self.mean = 0.0
        self.var = 1.0
        self.count = _INITIAL_COUNT

    def update(self, batch: list[float]) -> None:
        """Take in the numbers of ``batch``."""
        n = len(batch)
        total = self.count + n
        if n == 1:
            delta = batch[0] - self.mean
            self.mean += delta / total
            self.var = (self.var * self.count + delta * delta * self.count / total) / total
            self.count = total
            return
        batch_mean = sum(batch) / n
        squares = sum((value - batch_mean) ** 2 for value in batch)
        delta = batch_mean - self.mean
        self.mean += delta * n / total
        self.var = (self.var * self.count + squares + delta * delta * self.count * n / total) / total
        self.count = total


class Normalizer:
    """Normalises a batch of observations and rewards and learns their statistics while training.

    Observations become ``clip((x - mean) / sqrt(var + 1e-8), +-clip_obs)`` in float32. Rewards are divided by
    the running standard deviation of the discounted return, ``clip(r / sqrt(var(R) + 1e-8), +-clip_reward)``
    with ``R <- gamma R + r``, restarted with each episode. Either may be off (None as clip).
    """

    def __init__(
        self,
        n_envs: int,
        obs_shape: tuple[int, ...],
        *,
        clip_obs: float | None,
        clip_reward: float | None,
        gamma: float,
    ) -> None:
        self.clip_obs = clip_obs
        self.clip_reward = clip_reward
        self.gamma = gamma
        self.obs = RunningMoments(obs_shape)
        self.returns = RunningScalar()
        self.discounted = [0.0] * n_envs
        self._low, self._high = np.full(obs_shape, -(clip_obs or 0.0)), np.full(obs_shape, clip_obs or 0.0)

    def restart(self) -> None:
        """All episodes begin anew: forget the discounted returns so far, keep the statistics."""
        self.discounted = [0.0] * len(self.discounted)

    def learn_observations(self, observations: NDArray[np.floating]) -> None:
        """Update the statistics with raw ``observations`` [n_envs, *obs_shape]; nothing if they are off."""
        if self.clip_obs is not None:
            self.obs.update(observations)

    def observations(self, observations: NDArray[np.floating]) -> NDArray[np.floating]:
        """Normalised ``observations`` [..., *obs_shape], a new float32 array; unchanged if they are off."""
        if self.clip_obs is None:
            return observations
        scaled = np.subtract(observations, self.obs.mean)
        np.divide(scaled, self.obs.scale(), scaled)
        np.maximum(scaled, self._low, out=scaled)
        np.minimum(scaled, self._high, out=scaled)
        shown: NDArray[np.floating] = scaled.astype(np.float32)
        return shown

    def rewards(self, rewards: list[float], dones: Sequence[bool], *, learn: bool) -> list[float]:
        """Normalised ``rewards``, one per environment; unchanged if they are off.

        With ``learn`` the statistics take them in. The discounted return restarts where ``dones``.
        """
        clip = self.clip_reward
        if clip is None:
            return rewards
        discounted = self.discounted
        if learn:
            for index, reward in enumerate(rewards):
                discounted[index] = discounted[index] * self.gamma + reward
            self.returns.update(discounted)
        for index, done in enumerate(dones):
            if done:
                discounted[index] = 0.0
        scale = math.sqrt(self.returns.var + EPSILON)
        return [min(max(reward / scale, -clip), clip) for reward in rewards]

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """Everything learned, as arrays that ``numpy.savez`` can hold; empty if nothing is normalised."""
        state: dict[str, NDArray[Any]] = {}
        if self.clip_obs is not None:
            state |= _moments_state("obs", self.obs)
        if self.clip_reward is not None:
            state |= _moments_state("returns", self.returns) | {"discounted": np.array(self.discounted)}
        return state

    def load_state_dict(self, state: dict[str, NDArray[Any]]) -> None:
        """Take over what :meth:`state_dict` gave. Raises ValueError on other keys or shapes.

        The discounted returns of another number of environments are not taken over: they start at 0.
        """
        expected = self.state_dict()
        if state.keys() != expected.keys():
            raise ValueError(
                f"normalisation state has the keys {sorted(state)}, expected {sorted(expected)}: "
                "it was saved under another protocol"
            )
        for key, array in expected.items():
            if key != "discounted" and state[key].shape != array.shape:
                raise ValueError(
                    f"normalisation state {key!r} has shape {state[key].shape}, expected {array.shape}"
                )
        if self.clip_obs is not None:
            self.obs.load(state["obs_mean"], state["obs_var"], float(state["obs_count"]))
        if self.clip_reward is not None:
            self.returns.mean = float(state["returns_mean"])
            self.returns.var = float(state["returns_var"])
            self.returns.count = float(state["returns_count"])
            saved = state["discounted"].tolist()
            self.discounted = saved if len(saved) == len(self.discounted) else [0.0] * len(self.discounted)


def _moments_state(prefix: str, moments: RunningMoments | RunningScalar) -> dict[str, NDArray[Any]]:
    return {
        f"{prefix}_mean": np.array(moments.mean),
        f"{prefix}_var": np.array(moments.var),
        f"{prefix}_count": np.array(moments.count),
    }
