from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3 import A2C
from stable_baselines3.common.monitor import Monitor

from harness.envs import AtariProtocol
from harness.envs.make import HarnessVecEnv, make_vec_env

torch.set_num_threads(1)

NOOP = 0


def play(venv: HarnessVecEnv, actions: np.ndarray) -> list[tuple[Any, ...]]:
    """Step through ``actions`` [n_steps, n_envs]."""
    return [venv.step(action) for action in actions]


def random_actions(venv: HarnessVecEnv, n_steps: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, venv.action_space.n, (n_steps, venv.num_envs))  # type: ignore[attr-defined]


def noops(venv: HarnessVecEnv, n_steps: int) -> np.ndarray:
    return np.full((n_steps, venv.num_envs), NOOP)


def same(first: list[tuple[Any, ...]], second: list[tuple[Any, ...]]) -> bool:
    return all(np.array_equal(a[k], b[k]) for a, b in zip(first, second, strict=True) for k in range(3))


def test_the_seed_decides_whatever_the_number_of_threads() -> None:
    runs = []
    for seed, threads in ((1, 1), (1, 2), (2, None)):
        venv = make_vec_env("Breakout", AtariProtocol(), 5, seed, num_threads=threads)
        runs.append((venv.reset(), play(venv, random_actions(venv, 200))))
        venv.close()
    (reset_1, steps_1), (reset_2, steps_2), (_, steps_3) = runs
    np.testing.assert_array_equal(reset_1, reset_2)
    assert same(steps_1, steps_2)
    assert not same(steps_1, steps_3)
    assert any("episode" in info for step in steps_1 for info in step[3])


def test_games_open_with_numbers_of_noops_of_their_own() -> None:
    venv = make_vec_env("SpaceInvaders", AtariProtocol(), 4, 0)
    openings = set()
    for _ in range(2):
        venv.reset()
        frames = np.stack([step[0][:, -1] for step in play(venv, noops(venv, 40))], axis=1)
        openings |= {game.tobytes() for game in frames}
    venv.close()
    assert len(openings) >= 6


def test_observations_are_channels_first_and_sb3_leaves_them_alone() -> None:
    venv = make_vec_env("Pong", AtariProtocol(), 2, 0)
    assert venv.observation_space == spaces.Box(0, 255, (4, 84, 84), np.uint8)
    model = A2C("CnnPolicy", venv, n_steps=3, device="cpu", seed=0)
    assert model.get_env() is venv
    model.learn(12)
    assert model.num_timesteps == 12
    assert venv.env_is_wrapped(Monitor) == [True, True]
    assert venv.get_attr("render_mode") == [None, None]
    assert venv.env_method("get_action_meanings", indices=0)[0][:2] == ["NOOP", "FIRE"]
    with pytest.raises(AttributeError):
        venv.get_attr("no_such_attribute")


def test_the_ball_is_launched_after_every_lost_life_and_the_game_is_one_episode() -> None:
    """Breakout played with no-ops only: five lives, five times done, one episode."""
    venv = make_vec_env("Breakout", AtariProtocol(), 1, 0)
    venv.reset()
    steps = play(venv, noops(venv, 250))
    dones = [index for index, step in enumerate(steps) if step[2][0]]
    games = [index for index, step in enumerate(steps) if "episode" in step[3][0]]
    assert games[:1] == dones[4:5]
    assert [steps[index][3][0]["lives"] for index in dones[:5]] == [4, 3, 2, 1, 0]
    assert steps[games[0]][3][0]["episode"]["l"] == games[0] + 1
    assert all("terminal_observation" in steps[index][3][0] for index in dones)
    assert not any(step[3][0]["TimeLimit.truncated"] for step in steps)


def test_without_fire_the_ball_stays() -> None:
    venv = make_vec_env("Breakout", AtariProtocol(fire_reset=False), 1, 0)
    venv.reset()
    assert not any(step[2][0] for step in play(venv, noops(venv, 150)))


def test_the_stack_is_cleared_at_done_and_fills_again() -> None:
    venv = make_vec_env("Breakout", AtariProtocol(), 1, 0)
    start = venv.reset()[0]
    assert not start[:3].any()
    assert start[3].any()
    steps = play(venv, noops(venv, 60))
    done = next(index for index, step in enumerate(steps) if step[2][0])
    for age, step in enumerate(steps[done : done + 4]):
        filled = [bool(frame.any()) for frame in step[0][0]]
        assert filled == [False] * (3 - age) + [True] * (1 + age)
    before, last = steps[done - 1][0][0], steps[done][3][0]["terminal_observation"]
    np.testing.assert_array_equal(last[:3], before[1:])


def test_rewards_are_signs_and_the_episode_has_the_points() -> None:
    clipped, raw = (
        make_vec_env("SpaceInvaders", AtariProtocol(clip_rewards=clip), 1, 0) for clip in (True, False)
    )
    clipped.reset()
    raw.reset()
    actions = random_actions(raw, 900)
    mine, points = play(clipped, actions), play(raw, actions)
    total = 0.0
    for seen, true in zip(mine, points, strict=True):
        assert seen[1][0] == np.sign(true[1][0])
        total += true[1][0]
        if "episode" in true[3][0]:
            break
    assert true[3][0]["episode"]["r"] == seen[3][0]["episode"]["r"] == total >= 100


def test_lives_do_not_end_episodes_when_told_so() -> None:
    venv = make_vec_env("Breakout", AtariProtocol(terminal_on_life_loss=False), 1, 0)
    venv.reset()
    lives = set()
    for step in play(venv, random_actions(venv, 400)):
        lives.add(step[3][0]["lives"])
        assert step[2][0] == ("episode" in step[3][0])
    assert {5, 4, 3, 2, 1} <= lives


def test_a_game_is_truncated_at_its_frames() -> None:
    venv = make_vec_env("Pong", AtariProtocol(max_frames_per_episode=408), 1, 0)
    venv.reset()
    steps = play(venv, noops(venv, 110))
    dones = [index for index, step in enumerate(steps) if step[2][0]]
    assert dones == [99]  # two timesteps of the 102 went into FIRE
    info = steps[99][3][0]
    assert info["TimeLimit.truncated"] is True
    assert info["episode"]["l"] == 100
    assert info["terminal_observation"].shape == (4, 84, 84)
    np.testing.assert_array_equal(info["terminal_observation"][:3], steps[98][0][0][1:])


def test_settings_of_the_protocol_shape_the_spaces() -> None:
    protocol = AtariProtocol(screen_size=42, frame_stack=2, full_action_space=True)
    venv = make_vec_env("Pong", protocol, 1, 0)
    assert venv.reset().shape == (1, 2, 42, 42)
    assert venv.action_space == spaces.Discrete(18)


def test_a_timestep_is_frame_skip_frames() -> None:
    """The same 96 frames of Pong under no-ops, as 24 timesteps of 4 frames and as 12 of 8."""
    screens = []
    for skip in (4, 8):
        venv = make_vec_env("Pong", AtariProtocol(frame_skip=skip, fire_reset=False), 1, 0)
        venv.reset()
        screens.append(play(venv, noops(venv, 96 // skip))[-1][0][0, -1])
        venv.close()
    np.testing.assert_array_equal(screens[0], screens[1])


def test_sticky_actions_change_the_game_and_are_seeded() -> None:
    runs = []
    for probability in (0.25, 0.25, 0.0):
        venv = make_vec_env("Breakout", AtariProtocol(repeat_action_probability=probability), 1, 0)
        venv.reset()
        runs.append(play(venv, random_actions(venv, 60)))
        venv.close()
    assert same(runs[0], runs[1])
    assert not same(runs[0], runs[2])


def test_a_wrong_action_is_refused() -> None:
    venv = make_vec_env("Pong", AtariProtocol(), 1, 0)
    venv.reset()
    for action in (6, -1):
        with pytest.raises(ValueError, match=rf"PongNoFrameskip-v4: action {action} .*expected 0 to 5"):
            venv.step(np.array([action]))
    assert venv.step(np.array([5]))[0].shape == (1, 4, 84, 84)
