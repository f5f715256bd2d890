from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sb3_contrib import TRPO as ContribTRPO
from stable_baselines3.common.env_util import make_vec_env

from algos.trpo import TRPO


def agent(cls: type[ContribTRPO], n_envs: int, factor: int) -> Any:
    env = make_vec_env("Pendulum-v1", n_envs, seed=0)
    return cls("MlpPolicy", env, n_steps=16, batch_size=16, sub_sampling_factor=factor, seed=0, device="cpu")


def rows_of_the_policys_step(model: Any, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Environments of the rows from which one update's policy step was made."""
    seen: list[tuple[np.ndarray, np.ndarray]] = []
    ask = model.policy.get_distribution

    def note(rows: torch.Tensor) -> Any:
        seen.append((rows.numpy().copy(), model.rollout_buffer.observations.copy()))
        return ask(rows)

    monkeypatch.setattr(model.policy, "get_distribution", note)
    model.learn(16 * model.n_envs)
    rows, observations = seen[0]
    assert observations.shape == (16, model.n_envs, 3)
    return [int(np.flatnonzero((observations == row).all(-1).any(0))[0]) for row in rows]


@pytest.mark.parametrize("factor", [2, 4])
def test_a_part_of_the_batch_is_of_all_environments(factor: int, monkeypatch: pytest.MonkeyPatch) -> None:
    model = agent(TRPO, 4, factor)
    found = rows_of_the_policys_step(model, monkeypatch)
    assert len(found) == 64 // factor
    assert set(found) == {0, 1, 2, 3}
    assert "get" not in vars(model.rollout_buffer)


def test_the_same_number_of_random_draws_as_in_sb3_contrib() -> None:
    """One permutation for the policy's step; what is drawn later is the same."""
    states = []
    for cls in (TRPO, ContribTRPO):
        agent(cls, 2, 2).learn(32)
        states.append(np.random.get_state()[2])
    assert states[0] == states[1]


@pytest.mark.parametrize(("n_envs", "factor"), [(1, 2), (2, 1)])
def test_nothing_is_drawn_where_no_row_is_left_out(
    n_envs: int, factor: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = agent(TRPO, n_envs, factor)
    found = rows_of_the_policys_step(model, monkeypatch)
    assert found == [i % n_envs for i in range(16 * n_envs)][::factor]
