"""ARS against sb3-contrib's: the same search, and timesteps that are those of the environments."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from sb3_contrib import ARS as ContribARS
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import VecEnvWrapper

from algos.ars import ARS


class Counting(VecEnvWrapper):
    steps = 0

    def reset(self) -> Any:
        return self.venv.reset()

    def step_wait(self) -> Any:
        self.steps += 1
        return self.venv.step_wait()


class Seen(BaseCallback):
    """The agent's timesteps and the environments' at each call."""

    def _on_training_start(self) -> None:
        self.rows: list[tuple[int, int]] = []

    def _on_step(self) -> bool:
        env = self.training_env
        assert isinstance(env, Counting)
        self.rows.append((self.num_timesteps, env.steps * env.num_envs))
        return True


def trained(cls: type[Any], n_envs: int, **kwargs: Any) -> tuple[Any, Seen]:
    env, seen = Counting(make_vec_env("CartPole-v1", n_envs=n_envs, seed=1)), Seen()
    agent = cls("LinearPolicy", env, n_delta=2, delta_std=0.5, seed=1, **kwargs)
    return agent.learn(400, callback=seen), seen


def test_with_one_environment_it_is_sb3_contribs() -> None:
    (ours, mine), (theirs, stock) = trained(ARS, 1), trained(ContribARS, 1)
    assert torch.equal(ours.weights, theirs.weights)
    assert ours.weights.count_nonzero() > 0
    assert mine.rows == stock.rows


@pytest.mark.parametrize(("n_envs", "n_eval_episodes"), [(1, 2), (3, 1), (3, 3), (3, 5)])
def test_every_timestep_is_counted_once(n_envs: int, n_eval_episodes: int) -> None:
    _, seen = trained(ARS, n_envs, n_eval_episodes=n_eval_episodes)
    assert seen.rows == [(n_envs * step, n_envs * step) for step in range(1, len(seen.rows) + 1)]
    assert len(seen.rows) * n_envs >= 400


def test_sb3_contrib_counts_some_more_than_once() -> None:
    """What the subclass is for."""
    _, seen = trained(ContribARS, 3, n_eval_episodes=3)
    assert seen.rows[-1][0] > seen.rows[-1][1]
