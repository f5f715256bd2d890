"""Saving, loading and seeding ACKTR: a loaded agent goes on bit for bit, on the CPU."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.env_util import make_vec_env

from algos.acktr import ACKTR
from algos.schedules import as_callable

VECTOR = spaces.Box(-1, 1, (5,), np.float32)
IMAGE = spaces.Box(0, 255, (4, 36, 36), np.uint8)
TORQUES = spaces.Box(-1, 1, (2,), np.float32)


def agent(env: Any, policy: Any = "MlpPolicy", **kwargs: Any) -> ACKTR:
    return ACKTR(**{"policy": policy, "env": env, "n_steps": 8, "seed": 0, "device": "cpu", **kwargs})


FORMS: dict[str, dict[str, Any]] = {
    "separate": {"kfac_kwargs": {"stats_batch": 8, "inverse_every": 2, "inverse_lag": 1}},
    "critic momentum": {"critic_kwargs": {"n_updates": 2, "kfac_kwargs": {"momentum": 0.5}}},
    "adaptive": {"critic_sigma": "adaptive"},
    "target kl": {"target_kl": 0.002},
    "adaptive delta": {"adaptive_delta": True},
    "euclidean": {"critic_kwargs": {"norm": "euclidean"}},
    "shared": {"policy": "PaperCnnPolicy"},
    "shared adaptive": {"policy": "PaperCnnPolicy", "critic_sigma": "adaptive"},
    "shared euclidean": {"policy": "PaperCnnPolicy", "critic_kwargs": {"norm": "euclidean"}},
}


def of_form(make_toy: Any, form: str, **kwargs: Any) -> ACKTR:
    arguments = {**FORMS[form], **kwargs}
    shared = "policy" in arguments
    if shared:
        arguments["policy_kwargs"] = {"conv_layers": [[4, 8, 4]], "features_dim": 8}
    return agent(make_toy(IMAGE if shared else VECTOR, TORQUES), **arguments)


@pytest.mark.parametrize("form", FORMS)
def test_a_loaded_agent_goes_on_bit_for_bit(
    make_toy: Any, same_state: Any, tmp_path: Path, form: str
) -> None:
    model = of_form(make_toy, form, eta_max="lin_0.3").learn(48)
    model.save(tmp_path / "model")
    space = model.observation_space
    loaded = ACKTR.load(tmp_path / "model", env=make_toy(space, TORQUES, seed=5), device="cpu")
    assert same_state(loaded.get_parameters(), model.get_parameters())
    model.set_env(make_toy(space, TORQUES, seed=5))
    for continued in (model, loaded):
        continued.set_random_seed(9)
        continued.learn(48, reset_num_timesteps=False)
    assert same_state(loaded.get_parameters(), model.get_parameters())
    assert loaded.eta_max_factor == model.eta_max_factor
    assert (loaded.num_timesteps, loaded._n_updates) == (96, 6)


@pytest.mark.parametrize("form", FORMS)
def test_parameters_go_from_one_agent_to_another(
    make_toy: Any, same_state: Any, tmp_path: Path, form: str
) -> None:
    source, target = of_form(make_toy, form).learn(32), of_form(make_toy, form, seed=1).learn(16)
    assert not same_state(target.get_parameters(), source.get_parameters())
    target.set_parameters(source.get_parameters(), device="cpu")
    assert same_state(target.get_parameters(), source.get_parameters())
    source.learn(16).save(tmp_path / "model")
    target.set_parameters(str(tmp_path / "model"), device="cpu")
    assert same_state(target.get_parameters(), source.get_parameters())
    target.learn(16)
    part = source.get_parameters()
    del part["policy.optimizer"]
    target.set_parameters(part, exact_match=False, device="cpu")
    with pytest.raises(ValueError, match="Names of parameters do not match"):
        target.set_parameters(part, device="cpu")
    with pytest.raises(ValueError, match="invalid object name"):
        target.set_parameters({**part, "critik": {}}, device="cpu")


def test_a_model_loads_without_an_environment(make_toy: Any, tmp_path: Path) -> None:
    model = agent(make_toy(VECTOR, TORQUES)).learn(16)
    model.save(tmp_path / "model")
    loaded = ACKTR.load(tmp_path / "model", device="cpu")
    observations = model.get_env().reset()
    np.testing.assert_array_equal(
        loaded.predict(observations, deterministic=True)[0],
        model.predict(observations, deterministic=True)[0],
    )
    assert loaded.get_env() is None
    loaded.set_env(make_toy(VECTOR, TORQUES))
    loaded.learn(16)


def test_the_number_of_environments_may_change_on_loading(make_toy: Any, tmp_path: Path) -> None:
    agent(make_toy(VECTOR, TORQUES)).learn(16).save(tmp_path / "model")
    loaded = ACKTR.load(tmp_path / "model", env=make_toy(VECTOR, TORQUES, n_envs=5), device="cpu")
    assert loaded.learn(40).num_timesteps == 40
    with pytest.raises(ValueError, match="spaces do not match"):
        ACKTR.load(tmp_path / "model", env=make_toy(VECTOR, spaces.Discrete(2)), device="cpu")


def test_a_model_goes_through_a_file_object(make_toy: Any, same_state: Any) -> None:
    model = agent(make_toy(VECTOR, TORQUES)).learn(16)
    file = io.BytesIO()
    model.save(file)
    file.seek(0)
    assert same_state(ACKTR.load(file, device="cpu").get_parameters(), model.get_parameters())


def test_options_may_change_on_loading(make_toy: Any, tmp_path: Path) -> None:
    env = make_toy(VECTOR, TORQUES)
    agent(env, eta_max=0.5).learn(16).save(tmp_path / "model")
    options = {"eta_max": 0.125, "delta": "lin_0.5", "n_steps": 16, "kfac_kwargs": {"damping": 0.5}}
    model = ACKTR.load(tmp_path / "model", env=env, device="cpu", **options)
    assert model.lr_schedule(1.0) == 0.125
    assert model.delta(0.5) == 0.25
    assert model.rollout_buffer.buffer_size == 16
    assert model.learn(32)._n_updates == 2
    model = ACKTR.load(tmp_path / "model", device="cpu", custom_objects={"learning_rate": 0.25})
    assert model.lr_schedule(1.0) == 0.25


@pytest.mark.parametrize("by", ["argument", "custom object"])
def test_momentum_and_damping_change_on_loading(make_toy: Any, tmp_path: Path, by: str) -> None:
    env = make_toy(VECTOR, TORQUES)
    agent(env, "PaperMlpPolicy").learn(16).save(tmp_path / "model")
    options = {
        "kfac_kwargs": {"damping": 0.5, "momentum": 0.25},
        "critic_kwargs": {"kfac_kwargs": {"damping": 0.125, "momentum": 0.5}},
    }
    if by == "argument":
        model = ACKTR.load(tmp_path / "model", env, "cpu", **options)
    else:
        model = ACKTR.load(tmp_path / "model", env, "cpu", options)  # the fourth argument, as in SB3
    model.learn(16)
    for optimizer, damping, momentum in (
        (model.policy.optimizer, 0.5, 0.25),
        (model.critic_optimizer, 0.125, 0.5),
    ):
        assert (optimizer.param_groups[0]["damping"], optimizer.param_groups[0]["momentum"]) == (
            damping,
            momentum,
        )


def test_what_is_saved_can_be_chosen(make_toy: Any, tmp_path: Path) -> None:
    model = agent(make_toy(VECTOR, TORQUES)).learn(16)
    model.save(tmp_path / "model", exclude=["ep_info_buffer"], include=["_last_obs"])
    loaded = ACKTR.load(tmp_path / "model", device="cpu")
    assert loaded.ep_info_buffer is None
    np.testing.assert_array_equal(loaded._last_obs, model._last_obs)


@pytest.mark.parametrize("form", ["separate", "shared"])
def test_the_policy_alone_is_saved_and_loaded(make_toy: Any, tmp_path: Path, form: str) -> None:
    model = of_form(make_toy, form).learn(16)
    model.policy.save(tmp_path / "policy")
    policy = type(model.policy).load(tmp_path / "policy", device="cpu")
    observations = model.get_env().reset()
    np.testing.assert_array_equal(
        policy.predict(observations, deterministic=True)[0],
        model.predict(observations, deterministic=True)[0],
    )


@pytest.mark.parametrize(
    "value", [0.25, "lin_0.25", {"linear": [0.25, 0.1]}, lambda progress: 0.1 * progress]
)
def test_schedules_survive_saving(make_toy: Any, tmp_path: Path, value: Any) -> None:
    model = agent(make_toy(VECTOR, TORQUES), eta_max=value, delta=value)
    model.save(tmp_path / "model")
    loaded = ACKTR.load(tmp_path / "model", device="cpu")
    for progress in (1.0, 0.4, 0.0):
        assert loaded.lr_schedule(progress) == model.lr_schedule(progress)
        assert loaded.delta(progress) == model.delta(progress)


@pytest.mark.parametrize("value", [0.25, "lin_0.25"])
def test_schedules_are_pickled(value: Any) -> None:
    schedule = as_callable(value)
    assert pickle.loads(pickle.dumps(schedule))(0.3) == schedule(0.3)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("form", FORMS)
def test_an_agent_moves_between_devices(make_toy: Any, tmp_path: Path, form: str) -> None:
    model = of_form(make_toy, form).learn(32)
    model.save(tmp_path / "model")
    env = make_toy(model.observation_space, TORQUES)
    moved = ACKTR.load(tmp_path / "model", env=env, device="cuda").learn(32)
    assert next(moved.policy.parameters()).is_cuda
    moved.save(tmp_path / "back")
    assert ACKTR.load(tmp_path / "back", env=env, device="cpu").learn(32)._n_updates == 6


@pytest.mark.parametrize("policy", ["MlpPolicy", "PaperCnnPolicy"])
def test_the_same_seed_gives_the_same_run(make_toy: Any, same_state: Any, policy: str) -> None:
    def state(seed: int) -> dict[str, Any]:
        form = "shared" if policy == "PaperCnnPolicy" else "separate"
        return of_form(make_toy, form, seed=seed).learn(32).get_parameters()

    assert same_state(state(3), state(3))
    assert not same_state(state(3), state(4))


def test_the_seed_reaches_environments_and_action_space() -> None:
    class Remember(gymnasium.Wrapper[Any, Any, Any, Any]):
        seeds: list[int | None] = []  # noqa: RUF012  (shared by all instances)

        def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
            self.seeds.append(seed)
            return super().reset(seed=seed, options=options)

    env = make_vec_env(lambda: Remember(gymnasium.make("CartPole-v1")), n_envs=2)
    model = agent(env, seed=17).learn(16)
    assert {17, 18} <= set(Remember.seeds)
    assert model.seed == 17
