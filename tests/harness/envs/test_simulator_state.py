"""Why episodes are played again: MuJoCo's own saved state does not bring back every task exactly."""

from __future__ import annotations

from typing import Any

import gymnasium
import mujoco
import numpy as np
import pytest

from harness.envs import MujocoProtocol
from harness.envs.make import make_vec_env

STATE = mujoco.mjtState.mjSTATE_INTEGRATION
N_BEFORE, N_AFTER = 30, 20


def simulator(env_id: str) -> Any:
    """The task without its time limit, which has no part in observations and rewards."""
    return gymnasium.make(env_id, disable_env_checker=True).unwrapped


def rewards_after_saved_state(env_id: str, *, forward: bool) -> tuple[list[float], list[float]]:
    """The rewards of an unbroken episode, and of one set to its state on the way; observations are the same.

    Args:
        forward: ``mj_forward`` follows ``mj_setState``, and computes what is no part of the state.
    """
    unbroken, other = simulator(env_id), simulator(env_id)
    unbroken.reset(seed=3)
    other.reset(seed=4)
    unbroken.action_space.seed(5)
    for _ in range(N_BEFORE):
        unbroken.step(unbroken.action_space.sample())
    state = np.empty(mujoco.mj_stateSize(unbroken.model, STATE))
    mujoco.mj_getState(unbroken.model, unbroken.data, state, STATE)
    mujoco.mj_setState(other.model, other.data, state, STATE)
    if forward:
        mujoco.mj_forward(other.model, other.data)
    rewards: tuple[list[float], list[float]] = ([], [])
    for _ in range(N_AFTER):
        action = unbroken.action_space.sample()
        steps = [env.step(action) for env in (unbroken, other)]
        np.testing.assert_array_equal(steps[1][0], steps[0][0])
        for kept, step in zip(rewards, steps, strict=True):
            kept.append(float(step[1]))
    return rewards


@pytest.mark.parametrize("forward", [False, True], ids=["set", "set and forward"])
@pytest.mark.parametrize("env_id", ["Ant-v5", "Humanoid-v5"])
def test_a_saved_state_does_not_bring_back_the_next_reward(env_id: str, forward: bool) -> None:
    expected, got = rewards_after_saved_state(env_id, forward=forward)
    assert got[0] != expected[0]
    assert got[1:] == expected[1:]


@pytest.mark.parametrize("env_id", ["HalfCheetah-v5", "Hopper-v5", "Swimmer-v5", "Walker2d-v5"])
def test_where_a_task_reads_nothing_but_the_state_it_does(env_id: str) -> None:
    expected, got = rewards_after_saved_state(env_id, forward=False)
    assert got == expected


@pytest.mark.parametrize("env_id", ["Ant", "Humanoid"])
def test_playing_the_episode_again_does_so_too(env_id: str) -> None:
    unbroken, other = (make_vec_env(env_id, MujocoProtocol(), 1, seed) for seed in (3, 4))
    unbroken.reset()
    unbroken.action_space.seed(5)
    for _ in range(N_BEFORE):
        unbroken.step(unbroken.action_space.sample()[None])
    other.load_protocol_state(unbroken.protocol_state())
    other.restore(unbroken.snapshot())
    for _ in range(N_AFTER):
        action = unbroken.action_space.sample()[None]
        expected, got = unbroken.step(action), other.step(action)
        for index in range(3):
            np.testing.assert_array_equal(got[index], expected[index])
    unbroken.close()
    other.close()
