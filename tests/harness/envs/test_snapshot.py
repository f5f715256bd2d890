from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

import harness.envs.atari_game
from harness.envs import (
    AtariProtocol,
    AtariStickyProtocol,
    GymProtocol,
    MujocoPixelsProtocol,
    MujocoProtocol,
)
from harness.envs.make import EnvironmentFault, HarnessVecEnv, make_vec_env

CASES: dict[str, tuple[str, Any, int]] = {
    "breakout": ("Breakout", AtariProtocol(), 230),
    "short games, seeds of many games": ("SpaceInvaders", AtariProtocol(max_frames_per_episode=100), 130),
    "a reset that does not forget": ("IceHockey", AtariProtocol(max_frames_per_episode=200), 60),
    "sticky": ("Breakout", AtariStickyProtocol(max_frames_per_episode=200), 60),
    "mujoco": ("Hopper", MujocoProtocol(), 70),
    "pixels": ("Hopper", MujocoPixelsProtocol(), 70),
    "discrete": ("CartPole-v1", GymProtocol(), 70),
    "continuous": ("Pendulum-v1", GymProtocol(normalize_obs=True), 70),
}


def actions(venv: HarnessVecEnv, n_steps: int, seed: int) -> list[np.ndarray]:
    venv.action_space.seed(seed)
    return [np.stack([venv.action_space.sample() for _ in range(venv.num_envs)]) for _ in range(n_steps)]


@pytest.mark.parametrize("case", CASES)
def test_a_restored_run_goes_on_as_the_other_would_have(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    if case == "pixels":
        request.getfixturevalue("rendering")
    monkeypatch.setattr(harness.envs.atari_game, "GAMES_PER_SEED", 3)
    env_id, protocol, n_steps = CASES[case]
    original = make_vec_env(env_id, protocol, 2, 4)
    original.reset()
    for action in actions(original, n_steps, 0):
        last = original.step(action)[0]
    saved: dict[str, Any] = {"episodes": original.snapshot(), "protocol": original.protocol_state()}
    for name, arrays in saved.items():
        np.savez(tmp_path / f"{name}.npz", **arrays)

    restored = make_vec_env(env_id, protocol, 2, 99)
    with np.load(tmp_path / "protocol.npz") as state:
        restored.load_protocol_state(dict(state))
    with np.load(tmp_path / "episodes.npz") as state:
        np.testing.assert_array_equal(restored.restore(dict(state)), last)

    ended = 0
    for action in actions(original, 120, 1):
        expected, got = original.step(action), restored.step(action)
        for index in range(3):
            np.testing.assert_array_equal(got[index], expected[index])
        for mine, other in zip(got[3], expected[3], strict=True):
            assert mine.keys() == other.keys()
            if "episode" in mine:
                ended += 1
                assert (mine["episode"]["r"], mine["episode"]["l"]) == (
                    other["episode"]["r"],
                    other["episode"]["l"],
                )
    assert ended >= (0 if env_id == "Pendulum-v1" else 1)
    original.close()
    restored.close()


def test_a_snapshot_that_does_not_play_out_is_a_fault() -> None:
    venv = make_vec_env("CartPole-v1", GymProtocol(), 2, 0)
    venv.reset()
    for action in actions(venv, 5, 0):
        venv.step(action)
    state = venv.snapshot()
    assert state["lengths"].tolist() == [5, 5]
    state["actions"][7] = 1 - state["actions"][7]
    with pytest.raises(EnvironmentFault, match=r"CartPole-v1 \(index 1\): playing episode 0 again"):
        venv.restore(state)


class Counting(gymnasium.Env[np.ndarray, np.ndarray]):
    """Shows the timestep, rewards as ``reward`` says, and keeps the actions that it was given."""

    observation_space = gymnasium.spaces.Box(0, 100, (1,), np.float32)
    action_space = gymnasium.spaces.MultiBinary(2)

    def __init__(self, reward: Callable[[], float]) -> None:
        self.reward = reward
        self.taken: list[np.ndarray] = []

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed)
        self.taken = []
        return np.zeros(1, dtype=np.float32), {}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        self.taken.append(action)
        return np.full(1, len(self.taken), dtype=np.float32), self.reward(), False, False, {}


@pytest.fixture
def counting() -> Iterator[Callable[..., HarnessVecEnv]]:
    name = "Counting-v0"

    def make(reward: Callable[[], float]) -> HarnessVecEnv:
        gymnasium.register(name, entry_point=lambda: Counting(reward))
        venv = make_vec_env(name, GymProtocol(), 1, 0)
        venv.reset()
        for value in (0.0, 1.0, 1.0):
            venv.step(np.full((1, 2), value, dtype=np.float32))  # as SB3's Bernoulli policies act
        return venv

    yield make
    del gymnasium.registry[name]


def test_rewards_that_do_not_repeat_themselves_are_a_fault(
    counting: Callable[..., HarnessVecEnv],
) -> None:
    rewards = itertools.count(1.0)
    venv = counting(lambda: next(rewards))
    with pytest.raises(EnvironmentFault, match="did not come to the return it had"):
        venv.restore(venv.snapshot())


def test_a_snapshot_without_returns_is_read_too(counting: Callable[..., HarnessVecEnv]) -> None:
    venv = counting(lambda: 1.0)
    state = venv.snapshot()
    del state["returns"]
    assert venv.restore(state).tolist() == [[3.0]]


def test_actions_are_played_again_in_the_type_they_had(counting: Callable[..., HarnessVecEnv]) -> None:
    venv = counting(lambda: 1.0)
    venv.restore(venv.snapshot())
    (taken,) = venv.get_attr("taken")
    assert [action.dtype for action in taken] == [np.float32] * 3
    assert [action.tolist() for action in taken] == [[0, 0], [1, 1], [1, 1]]


def test_an_environment_that_scales_its_actions_in_place_is_played_again(
    counting: Callable[..., HarnessVecEnv], monkeypatch: pytest.MonkeyPatch
) -> None:
    step = Counting.step

    def scaling(self: Counting, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        action *= 0.5
        observation, _, *rest = step(self, action)
        return observation, float(action.sum()), *rest

    monkeypatch.setattr(Counting, "step", scaling)
    venv = counting(lambda: 0.0)
    for _ in range(2):
        assert venv.snapshot()["actions"].tolist() == [[0, 0], [1, 1], [1, 1]]
        venv.restore(venv.snapshot())


def test_a_snapshot_of_another_size_is_refused() -> None:
    venv = make_vec_env("CartPole-v1", GymProtocol(), 2, 0)
    venv.reset()
    with pytest.raises(ValueError, match="the snapshot has 2 environments, expected 3"):
        make_vec_env("CartPole-v1", GymProtocol(), 3, 0).restore(venv.snapshot())


def test_restoring_changes_no_statistics() -> None:
    venv = make_vec_env("InvertedPendulum", MujocoProtocol(), 1, 0)
    venv.reset()
    for action in actions(venv, 30, 0):
        venv.step(action)
    before = venv.protocol_state()
    venv.restore(venv.snapshot())
    for key, value in venv.protocol_state().items():
        np.testing.assert_array_equal(value, before[key])
