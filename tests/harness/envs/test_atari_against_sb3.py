"""The same actions in SB3's own Atari stack: rewards, dones, lives and returns must be equal.

No-ops are off on both sides, since their numbers are drawn differently.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from stable_baselines3.common.env_util import make_atari_env
from stable_baselines3.common.vec_env import VecFrameStack, VecTransposeImage

from harness.envs import AtariProtocol
from harness.envs.make import make_vec_env


def sb3_stack(game: str, **wrapper_kwargs: object) -> Any:
    wrapper_kwargs["noop_max"] = 0
    venv = make_atari_env(f"{game}NoFrameskip-v4", 1, seed=0, wrapper_kwargs=wrapper_kwargs)
    return VecTransposeImage(VecFrameStack(venv, 4))


@pytest.mark.parametrize(
    ("game", "n_steps", "largest_difference"),
    [
        ("Breakout", 400, 0),  # FIRE after each of its lives
        ("SpaceInvaders", 700, 0),
        ("MsPacman", 600, 40),  # no FIRE; sprites flicker, and maximum and grey do not commute
    ],
)
def test_whole_games_are_those_of_sb3(game: str, n_steps: int, largest_difference: int) -> None:
    ours, theirs = make_vec_env(game, AtariProtocol(noop_max=0), 1, 0), sb3_stack(game)
    np.testing.assert_array_equal(ours.reset(), theirs.reset())
    actions = np.random.default_rng(3).integers(0, ours.action_space.n, (n_steps, 1))  # type: ignore[attr-defined]
    dones, returns = 0, []
    for action in actions:
        my_obs, my_reward, my_done, (my_info,) = ours.step(action)
        sb3_obs, sb3_reward, sb3_done, (sb3_info,) = theirs.step(action)
        difference = np.abs(my_obs.astype(int) - sb3_obs.astype(int))
        assert difference.max() <= largest_difference
        assert (difference > 0).mean() < 0.02
        assert my_reward == sb3_reward
        assert my_done == sb3_done
        assert my_info["lives"] == sb3_info["lives"]
        assert my_info["TimeLimit.truncated"] == sb3_info["TimeLimit.truncated"]
        dones += int(my_done[0])
        if "episode" in sb3_info:
            returns.append((my_info["episode"]["r"], sb3_info["episode"]["r"]))
        else:
            assert "episode" not in my_info
    assert dones >= 3
    assert len(returns) >= 1
    assert all(mine == sb3 for mine, sb3 in returns)


def test_raw_rewards_and_games_without_lives_are_those_of_sb3() -> None:
    protocol = AtariProtocol(noop_max=0, clip_rewards=False, terminal_on_life_loss=False)
    ours = make_vec_env("Qbert", protocol, 1, 0)
    theirs = sb3_stack("Qbert", clip_reward=False, terminal_on_life_loss=False)
    ours.reset()
    theirs.reset()
    rewards = []
    for action in np.random.default_rng(1).integers(0, ours.action_space.n, (250, 1)):  # type: ignore[attr-defined]
        mine, sb3 = ours.step(action), theirs.step(action)
        assert mine[1] == sb3[1]
        assert mine[2] == sb3[2]
        rewards.append(float(mine[1][0]))
    assert max(rewards) > 1
