"""Running normalisation of observations and rewards, by the formulas of SB3's VecNormalize."""

from __future__ import annotations

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
        self.mean: Float64 = np.zeros(shape)
        self.var: Float64 = np.ones(shape)
        self.count = _INITIAL_COUNT

    def update(self, batch: NDArray[np.floating]) -> None:
        """Take in ``batch`` [n, *shape]."""
        n = len(batch)
        if n == 1:
            batch_mean, batch_m2 = batch[0], 0.0
        else:
            batch_mean, batch_m2 = (
                batch.mean(axis=0, dtype=np.float64),
                batch.var(axis=0, dtype=np.float64) * n,
            )
        total = self.count + n
        delta = batch_mean - self.mean
        step = delta * (n / total)
        self.mean = self.mean + step
        self.var = (self.var * self.count + batch_m2 + delta * step * self.count) / total
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
        self.returns = RunningMoments(())
        self.discounted: Float64 = np.zeros(n_envs)

    def restart(self) -> None:
        """All episodes begin anew: forget the discounted returns so far, keep the statistics."""
        self.discounted[:] = 0.0

    def learn_observations(self, observations: NDArray[np.floating]) -> None:
        """Update the statistics with raw ``observations`` [n_envs, *obs_shape]; nothing if they are off."""
        if self.clip_obs is not None:
            self.obs.update(observations)

    def observations(self, observations: NDArray[np.floating]) -> NDArray[np.floating]:
        """Normalised ``observations`` [..., *obs_shape], a new float32 array; unchanged if they are off."""
        if self.clip_obs is None:
            return observations
        scaled = np.asarray(observations - self.obs.mean)
        scaled /= np.sqrt(self.obs.var + EPSILON)
        np.maximum(scaled, -self.clip_obs, out=scaled)
        np.minimum(scaled, self.clip_obs, out=scaled)
        return scaled.astype(np.float32)

    def rewards(self, rewards: Float64, dones: NDArray[np.bool_], *, learn: bool) -> Float64:
        """Normalised ``rewards`` [n_envs]; unchanged if they are off.

        With ``learn`` the statistics take them in. The discounted return restarts where ``dones``.
        """
        if self.clip_reward is None:
            return rewards
        if learn:
            self.discounted = self.discounted * self.gamma + rewards
            self.returns.update(self.discounted)
        self.discounted[dones] = 0.0
        scaled = rewards / np.sqrt(self.returns.var + EPSILON)
        return np.clip(scaled, -self.clip_reward, self.clip_reward)

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """Everything learned, as arrays that ``numpy.savez`` can hold; empty if nothing is normalised."""
        state: dict[str, NDArray[Any]] = {}
        if self.clip_obs is not None:
            state |= _moments_state("obs", self.obs)
        if self.clip_reward is not None:
            state |= _moments_state("returns", self.returns) | {"discounted": self.discounted.copy()}
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
            _load_moments("obs", self.obs, state)
        if self.clip_reward is not None:
            _load_moments("returns", self.returns, state)
            saved = state["discounted"].astype(np.float64)
            self.discounted = saved if len(saved) == len(self.discounted) else np.zeros(len(self.discounted))


def _moments_state(prefix: str, moments: RunningMoments) -> dict[str, NDArray[Any]]:
    return {
        f"{prefix}_mean": moments.mean.copy(),
        f"{prefix}_var": moments.var.copy(),
        f"{prefix}_count": np.asarray(moments.count),
    }


def _load_moments(prefix: str, moments: RunningMoments, state: dict[str, NDArray[Any]]) -> None:
    moments.mean = state[f"{prefix}_mean"].astype(np.float64)
    moments.var = state[f"{prefix}_var"].astype(np.float64)
    moments.count = float(state[f"{prefix}_count"].astype(np.float64))
