from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3 import A2C
from stable_baselines3.common.env_util import make_vec_env as make_sb3_vec_env
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import VecEnv, VecNormalize

from harness.envs import AtariProtocol, GymProtocol, MujocoProtocol
from harness.envs.make import EnvironmentFault, HarnessVecEnv, make_vec_env

torch.set_num_threads(1)


class Scripted(gymnasium.Env[Any, int]):
    """Counts its steps; from step ``bad_after`` on it gives ``bad`` as observation or reward."""

    action_space: Any = spaces.Discrete(2)

    def __init__(
        self,
        space: spaces.Space[Any] | None = None,
        bad: str = "",
        bad_after: int = 3,
        value: float | None = None,
    ) -> None:
        self.observation_space = space or spaces.Box(-np.inf, np.inf, (2,))
        self.bad, self.bad_after = bad, bad_after
        self.value = value if value is not None else {"observation": np.inf, "reward": np.nan}.get(bad, 0.0)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.steps = 0
        return self.observation_space.sample() * 0, {"fresh": True}

    def step(self, action: int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.steps += 1
        wrong = self.steps >= self.bad_after
        observation = np.full(2, self.value if wrong and self.bad == "observation" else self.steps, float)
        return observation, self.value if wrong and self.bad == "reward" else 1.0, self.steps >= 7, False, {}


@pytest.fixture
def register() -> Iterator[Any]:
    registered: list[str] = []

    def add(**kwargs: Any) -> str:
        env_id = f"Scripted{len(registered)}-v0"
        gymnasium.register(env_id, entry_point=lambda **_: Scripted(**kwargs))
        registered.append(env_id)
        return env_id

    yield add
    for env_id in registered:
        del gymnasium.registry[env_id]


def random_steps(venv: VecEnv, n_steps: int, seed: int = 0) -> Iterator[tuple[Any, ...]]:
    venv.action_space.seed(seed)
    for _ in range(n_steps):
        yield venv.step(np.stack([venv.action_space.sample() for _ in range(venv.num_envs)]))


def trace(venv: HarnessVecEnv, n_steps: int) -> list[np.ndarray]:
    arrays = [venv.reset()]
    for observations, rewards, dones, _ in random_steps(venv, n_steps):
        arrays += [observations, rewards, dones]
    venv.close()
    return arrays


@pytest.mark.parametrize(
    ("env_id", "protocol"),
    [
        ("InvertedPendulum", MujocoProtocol()),
        ("HalfCheetah", MujocoProtocol()),
        ("CartPole-v1", GymProtocol()),
        ("FrozenLake-v1", GymProtocol()),
    ],
)
def test_the_seed_decides(env_id: str, protocol: MujocoProtocol | GymProtocol) -> None:
    first, second, other = (trace(make_vec_env(env_id, protocol, 2, seed), 150) for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_environments_and_episodes_differ() -> None:
    venv = make_vec_env("CartPole-v1", GymProtocol(), 3, 0)
    starts = [row.tolist() for row in venv.reset()] + [row.tolist() for row in venv.reset()]
    assert len({tuple(row) for row in starts}) == 6
    venv.seed(0)
    assert [row.tolist() for row in venv.reset()] == starts[:3]


def test_statistics_and_outputs_are_those_of_vec_normalize() -> None:
    """Against SB3 on the same stream of raw observations, episode ends included."""
    ours = make_vec_env("InvertedPendulum", MujocoProtocol(), 2, 3, gamma=0.9)
    unnormalised = MujocoProtocol(normalize_obs=False, normalize_reward=False)
    raw = make_vec_env("InvertedPendulum", unnormalised, 2, 3)
    theirs: Any = VecNormalize(raw, gamma=0.9)
    np.testing.assert_allclose(ours.reset(), theirs.reset(), rtol=1e-5, atol=1e-6)
    ended = 0
    for mine, sb3 in zip(random_steps(ours, 200), random_steps(theirs, 200), strict=True):
        np.testing.assert_allclose(mine[0], sb3[0], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(mine[1], sb3[1], rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(mine[2], sb3[2])
        for my_info, sb3_info in zip(mine[3], sb3[3], strict=True):
            assert my_info.keys() == sb3_info.keys()
            if "terminal_observation" in my_info:
                ended += 1
                np.testing.assert_allclose(
                    my_info["terminal_observation"], sb3_info["terminal_observation"], rtol=1e-4, atol=1e-5
                )
                assert my_info["episode"]["r"] == sb3_info["episode"]["r"]
    assert ended > 5
    state = ours.protocol_state()
    np.testing.assert_allclose(state["obs_mean"], theirs.obs_rms.mean, rtol=1e-9)
    np.testing.assert_allclose(state["obs_var"], theirs.obs_rms.var, rtol=1e-9)
    np.testing.assert_allclose(state["returns_var"], theirs.ret_rms.var, rtol=1e-4)


def test_the_simulation_is_that_of_gymnasium() -> None:
    venv = make_vec_env("Hopper", MujocoProtocol(normalize_obs=False, normalize_reward=False), 1, 5)
    first = venv.reset()[0]
    plain = gymnasium.make("Hopper-v5")
    observation, _ = plain.reset(seed=venv.seed(5)[0])
    np.testing.assert_array_equal(first, observation)
    total, length = 0.0, 0
    for step in random_steps(venv, 300):
        length += 1
        if step[2][0]:
            break
    plain.action_space.seed(0)
    for _ in range(length):
        observation, reward, terminated, truncated, _ = plain.step(plain.action_space.sample())
        total += float(reward)
    assert terminated or truncated
    np.testing.assert_array_equal(step[3][0]["terminal_observation"], observation)
    assert step[3][0]["episode"]["r"] == pytest.approx(total, abs=1e-5)
    assert step[3][0]["episode"]["l"] == length


def test_a_time_limit_is_a_truncation_and_a_fall_is_not() -> None:
    limit = make_vec_env("Pendulum-v1", GymProtocol(), 1, 0)
    fall = make_vec_env("CartPole-v1", GymProtocol(), 1, 0)
    for venv, length, truncated in ((limit, 200, True), (fall, None, False)):
        venv.reset()
        info = next(info[0] for _, _, done, info in random_steps(venv, 300) if done[0])
        assert info["TimeLimit.truncated"] is truncated
        assert info["episode"]["t"] >= 0
        assert length is None or info["episode"]["l"] == length


def test_statistics_stand_still_when_not_training() -> None:
    venv = make_vec_env("InvertedPendulum", MujocoProtocol(), 2, 0)
    trace(venv, 20)
    learned = venv.protocol_state()
    assert float(learned["obs_count"]) == pytest.approx(42, abs=1e-3)

    other = make_vec_env("InvertedPendulum", MujocoProtocol(), 2, 1, training=False)
    other.load_protocol_state(learned)
    trace(other, 20)
    for key in ("obs_mean", "obs_var", "obs_count", "returns_mean", "returns_var", "returns_count"):
        np.testing.assert_array_equal(other.protocol_state()[key], learned[key])


@pytest.mark.parametrize("what", ["observation", "reward"])
def test_a_number_that_is_not_finite_is_a_fault(register: Any, what: str) -> None:
    env_id = register(bad=what)
    venv = make_vec_env(env_id, GymProtocol(), 2, 0)
    venv.reset()
    venv.step(np.zeros(2, dtype=np.int64))
    venv.step(np.zeros(2, dtype=np.int64))
    with pytest.raises(EnvironmentFault, match=rf"{env_id} \(index 0\): the {what} is not finite in float32"):
        venv.step(np.zeros(2, dtype=np.int64))


WHOLE, SINGLE, DOUBLE = (spaces.Box(0, 255, (2,), kind) for kind in (np.uint8, np.float32, np.float64))


@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
@pytest.mark.parametrize(
    ("space", "what", "value"),
    [
        (SINGLE, "reward", 1e39),
        (SINGLE, "reward", -1e300),
        (SINGLE, "observation", 1e39),
        (DOUBLE, "observation", 1e39),
        (DOUBLE, "observation", -1e300),
        (DOUBLE, "observation", np.nan),
        (WHOLE, "observation", np.nan),
        (WHOLE, "observation", np.inf),
    ],
)
def test_what_is_not_finite_to_the_agent_is_a_fault(
    register: Any, space: spaces.Space[Any], what: str, value: float
) -> None:
    env_id = register(space=space, bad=what, value=value)
    venv = make_vec_env(env_id, GymProtocol(), 2, 0)
    venv.reset()
    venv.step(np.zeros(2, dtype=np.int64))
    venv.step(np.zeros(2, dtype=np.int64))
    with pytest.raises(EnvironmentFault, match=rf"{env_id} \(index 0\): the {what} is not finite in float32"):
        venv.step(np.zeros(2, dtype=np.int64))


@pytest.mark.parametrize(("space", "value"), [(SINGLE, 3e38), (DOUBLE, 3e38), (DOUBLE, -1e20), (WHOLE, 7.0)])
def test_large_numbers_that_the_agent_can_see_are_none(
    register: Any, space: spaces.Space[Any], value: float
) -> None:
    venv = make_vec_env(register(space=space, bad="observation", value=value), GymProtocol(), 1, 0)
    venv.reset()
    for _ in range(3):
        observations, *_ = venv.step(np.zeros(1, dtype=np.int64))
    assert observations.dtype == space.dtype
    np.testing.assert_array_equal(observations, np.full((1, 2), value, dtype=space.dtype))


@pytest.mark.parametrize("space", [spaces.Dict(x=spaces.Discrete(2)), spaces.MultiBinary(3)])
def test_other_observation_spaces_are_refused(register: Any, space: spaces.Space[Any]) -> None:
    with pytest.raises(
        ValueError, match=rf"{type(space).__name__} is not supported, expected Box or Discrete"
    ):
        make_vec_env(register(space=space), GymProtocol(), 1, 0)


@pytest.mark.parametrize(
    ("space", "expected"),
    [(spaces.Discrete(3, start=1), "expected one from 0"), (spaces.Box(0, 1, ()), "expected a dimension")],
)
def test_observation_spaces_that_agents_cannot_read_are_refused(
    register: Any, space: spaces.Space[Any], expected: str
) -> None:
    with pytest.raises(ValueError, match=expected):
        make_vec_env(register(space=space), GymProtocol(), 1, 0)


@pytest.mark.parametrize(
    ("space", "expected"),
    [
        (spaces.Discrete(3, start=1), "expected actions from 0"),
        (spaces.MultiDiscrete([2, 3], start=[0, 1]), "expected actions from 0"),
        (spaces.Box(-3, 3, (2,), np.int64), "expected a Box of floats"),
        (spaces.Box(-np.inf, np.inf, (2,)), "expected finite bounds"),
        (spaces.Tuple([spaces.Discrete(2)]), "expected Box, Discrete, MultiDiscrete or MultiBinary"),
    ],
)
def test_action_spaces_that_agents_do_not_act_in_are_refused(
    register: Any, space: spaces.Space[Any], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Scripted, "action_space", space)
    with pytest.raises(ValueError, match=rf"^Scripted0-v0: action space .* {expected}$"):
        make_vec_env(register(), GymProtocol(), 1, 0)


def test_an_episode_entry_of_the_environment_is_not_taken_for_a_monitors(
    register: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = Scripted.step
    monkeypatch.setattr(Scripted, "step", lambda self, action: (*step(self, action)[:4], {"episode": 3}))
    venv = make_vec_env(register(), GymProtocol(), 1, 0)
    A2C("MlpPolicy", venv, n_steps=4, device="cpu").learn(8, log_interval=1)
    venv.reset()
    infos = [info[0] for *_, info in random_steps(venv, 7)]
    assert [info["episode"]["l"] for info in infos if "episode" in info] == [7]


def test_sb3_finds_attributes_methods_and_monitor() -> None:
    venv = make_vec_env("CartPole-v1", GymProtocol(), 2, 0)
    assert venv.get_attr("gravity") == [9.8, 9.8]
    venv.set_attr("gravity", 1.0, indices=1)
    assert venv.get_attr("gravity") == [9.8, 1.0]
    assert venv.env_method("has_wrapper_attr", "gravity", indices=[0]) == [True]
    assert venv.env_is_wrapped(Monitor) == [True, True]
    assert venv.env_is_wrapped(VecNormalize) == [False, False]
    with pytest.raises(ValueError, match="reset options"):
        venv.set_options({"low": 1})


def test_sb3_trains_and_evaluates() -> None:
    venv = make_vec_env("CartPole-v1", GymProtocol(), 2, 0)
    model = A2C("MlpPolicy", venv, n_steps=5, device="cpu", seed=0)
    assert model.get_env() is venv
    model.learn(400)
    assert model.ep_info_buffer is not None
    assert len(model.ep_info_buffer) > 3
    returns, lengths = evaluate_policy(model, venv, n_eval_episodes=4, return_episode_rewards=True)
    assert returns == lengths


def test_a_rollout_array_is_not_overwritten_by_the_next_step() -> None:
    venv = make_vec_env("CartPole-v1", GymProtocol(), 2, 0)
    kept = [venv.reset()] + [step[0] for step in random_steps(venv, 5)]
    copies = [array.copy() for array in kept]
    list(random_steps(venv, 5))
    for array, copy in zip(kept, copies, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_stepping_before_reset_is_an_error() -> None:
    venv = make_vec_env("CartPole-v1", GymProtocol(), 1, 0)
    with pytest.raises(RuntimeError, match="before reset"):
        venv.step(np.zeros(1, dtype=np.int64))


@pytest.mark.parametrize(
    ("env_id", "protocol", "message"),
    [
        (
            "Pong",
            MujocoProtocol(),
            "PongNoFrameskip-v4 is played under the protocol 'atari' or 'atari-sticky', not 'mujoco'",
        ),
        (
            "HalfCheetah",
            AtariProtocol(),
            "HalfCheetah-v5 is played under the protocol 'mujoco' or 'mujoco-pixels', not 'atari'",
        ),
        ("CartPole-v1", MujocoProtocol(), "CartPole-v1 is played under the protocol 'gym', not 'mujoco'"),
    ],
)
def test_a_protocol_of_another_kind_is_refused(env_id: str, protocol: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_vec_env(env_id, protocol, 1, 0)


@pytest.mark.parametrize("sizes", [{"n_envs": 0}, {"n_envs": 1, "num_threads": 0}])
def test_sizes_below_one_are_refused(sizes: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="is 0, expected 1 or more"):
        make_vec_env("CartPole-v1", GymProtocol(), seed=0, **sizes)  # type: ignore[arg-type]


def test_spaces_are_those_of_sb3_when_nothing_is_normalised() -> None:
    ours = make_vec_env("CartPole-v1", GymProtocol(), 1, 0)
    theirs = make_sb3_vec_env("CartPole-v1", 1)
    assert ours.observation_space == theirs.observation_space
    assert ours.action_space == theirs.action_space
