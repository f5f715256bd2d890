"""Tiny environments on any spaces, and what an agent logs, for the tests of agents."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.vec_env import VecEnv

MakeToy = Callable[..., VecEnv]
Record = Callable[[BaseAlgorithm], dict[str, list[float]]]


class Toy(gymnasium.Env[Any, Any]):
    """Random observations, rewards 0, 1, 2, ..., episodes of ten steps, on any spaces.

    `reward_scale` multiplies the rewards.
    `fault` is put into a place of what it returns: ``("reward", nan)`` or ``("observation", nan)``.
    """

    fault: tuple[str, float] | None = None
    reward_scale = 1.0

    def __init__(self, observation_space: spaces.Space[Any], action_space: spaces.Space[Any]) -> None:
        self.observation_space, self.action_space = copy.deepcopy((observation_space, action_space))
        self._steps = 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        if seed is not None:
            self.observation_space.seed(seed)
        self._steps = 0
        return self._observation(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self._steps += 1
        reward = self.reward_scale * (self._steps % 3)
        if self.fault is not None and self.fault[0] == "reward":
            reward = self.fault[1]
        return self._observation(), reward, self._steps >= 10, False, {}

    def _observation(self) -> Any:
        observation = self.observation_space.sample()
        if self.fault is not None and self.fault[0] == "observation":
            part = observation["a"] if isinstance(observation, dict) else observation
            part[0] = self.fault[1]
        return observation


@pytest.fixture
def make_toy() -> MakeToy:
    """``make_toy(observation_space, action_space, n_envs=2, seed=0)``: a vector of :class:`Toy`."""

    def make(
        observation_space: spaces.Space[Any], action_space: spaces.Space[Any], n_envs: int = 2, seed: int = 0
    ) -> VecEnv:
        return make_vec_env(lambda: Toy(observation_space, action_space), n_envs=n_envs, seed=seed)

    return make


@pytest.fixture
def recorded() -> Record:
    """``recorded(model)``: every value that the agent logs from then on, by key."""

    def record(model: BaseAlgorithm) -> dict[str, list[float]]:
        log: dict[str, list[float]] = {}

        class Recorder(Logger):
            def record(self, key: str, value: Any, exclude: Any = None) -> None:
                log.setdefault(key, []).append(float(value))

            def record_mean(self, key: str, value: Any, exclude: Any = None) -> None:
                self.record(key, value)

        model.set_logger(Recorder(folder=None, output_formats=[]))
        return log

    return record


def same(a: Any, b: Any) -> bool:
    """Whether two nested states are equal, bit for bit."""
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and torch.equal(a, b)
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return bool(np.all(a == b))


@pytest.fixture
def same_state() -> Callable[[Any, Any], bool]:
    """:func:`same`."""
    return same
