"""ACKTR keeps the contract of SB3's agents: what SB3 tests for A2C, on environments of a few bytes."""

from __future__ import annotations

import copy
import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.callbacks import (
    BaseCallback,
    CallbackList,
    CheckpointCallback,
    EvalCallback,
    StopTrainingOnMaxEpisodes,
)
from stable_baselines3.common.env_checker import check_env
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.logger import configure
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.vec_env import VecNormalize, VecTransposeImage
from torch import nn

from algos.acktr import ACKTR

VECTOR = spaces.Box(-1, 1, (5,), np.float32)
IMAGE = spaces.Box(0, 255, (4, 36, 36), np.uint8)
DICT = spaces.Dict({"a": VECTOR, "b": spaces.Discrete(3), "c": spaces.Box(0, 255, (3, 36, 36), np.uint8)})
TORQUES = spaces.Box(-1, 1, (2,), np.float32)
ACTIONS = [spaces.Discrete(3), TORQUES, spaces.MultiDiscrete([2, 3]), spaces.MultiBinary(3)]
CHEAP = {"stats_batch": 4, "stats_patches": 20}


def agent(env: Any, policy: Any = "MlpPolicy", **kwargs: Any) -> ACKTR:
    return ACKTR(**{"policy": policy, "env": env, "n_steps": 8, "seed": 0, "device": "cpu", **kwargs})


@pytest.mark.parametrize("alias", ACKTR.policy_aliases)
def test_every_policy_alias_learns(make_toy: Any, alias: str) -> None:
    space: spaces.Space[Any] = VECTOR
    if "Cnn" in alias or "Pixels" in alias:
        space = IMAGE
    elif alias == "MultiInputPolicy":
        space = DICT
    model = agent(make_toy(space, TORQUES), alias, kfac_kwargs=CHEAP).learn(16)
    assert model._n_updates == 1


@pytest.mark.parametrize(
    "space", [spaces.Discrete(4), spaces.MultiDiscrete([2, 3]), spaces.MultiBinary(4)], ids=str
)
def test_observations_that_are_no_box(make_toy: Any, space: Any) -> None:
    assert agent(make_toy(space, spaces.Discrete(2))).learn(16)._n_updates == 1


@pytest.mark.parametrize(
    "kwargs",
    [
        {"net_arch": []},
        {"net_arch": [4]},
        {"net_arch": {"pi": [8], "vf": [16, 4]}},
        {"activation_fn": nn.ReLU, "ortho_init": False, "log_std_init": -1.0},
    ],
    ids=str,
)
def test_policy_kwargs_of_sb3(make_toy: Any, kwargs: dict[str, Any]) -> None:
    assert agent(make_toy(VECTOR, TORQUES), policy_kwargs=kwargs).learn(16)._n_updates == 1


@pytest.mark.parametrize("share", [True, False])
def test_features_extractor_shared_or_not(make_toy: Any, share: bool) -> None:
    kwargs = {"share_features_extractor": share, "features_extractor_kwargs": {"features_dim": 16}}
    model = agent(make_toy(IMAGE, TORQUES), "CnnPolicy", policy_kwargs=kwargs, kfac_kwargs=CHEAP).learn(16)
    assert (model.critic_optimizer is None) == share


class Linear(BaseFeaturesExtractor):
    """A feature extractor of one's own."""

    def __init__(self, observation_space: spaces.Box) -> None:
        super().__init__(observation_space, 6)
        self.layer = nn.Linear(int(np.prod(observation_space.shape)), 6)

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = self.layer(observations)
        return features


class OwnPolicy(ActorCriticPolicy):
    """A policy class of one's own."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs, features_extractor_class=Linear)


def test_a_custom_policy_class(make_toy: Any, tmp_path: Path) -> None:
    model = agent(make_toy(VECTOR, spaces.Discrete(3)), OwnPolicy).learn(16)
    model.save(tmp_path / "model")
    assert isinstance(ACKTR.load(tmp_path / "model", device="cpu").policy, OwnPolicy)


def test_channel_last_images_are_transposed(make_toy: Any) -> None:
    env = make_toy(spaces.Box(0, 255, (36, 36, 3), np.uint8), spaces.Discrete(2))
    model = agent(env, "PaperCnnPolicy", policy_kwargs={"conv_layers": [[4, 8, 4]], "features_dim": 8}).learn(
        16
    )
    assert isinstance(model.get_env(), VecTransposeImage)


def test_the_toy_is_an_environment_by_sb3s_own_check(make_toy: Any) -> None:
    check_env(make_toy(VECTOR, TORQUES).envs[0].unwrapped)


@pytest.mark.parametrize("action_space", ACTIONS, ids=str)
@pytest.mark.parametrize("observation_space", [VECTOR, DICT], ids=["box", "dict"])
def test_predict_one_observation_and_a_vector_of_them(
    make_toy: Any, observation_space: Any, action_space: Any
) -> None:
    env = make_toy(observation_space, action_space)
    policy = "MultiInputPolicy" if observation_space is DICT else "MlpPolicy"
    model = agent(env, policy)
    single, state = model.predict(observation_space.sample(), deterministic=True)
    assert state is None
    assert action_space.contains(single if single.shape else int(single))
    actions, _ = model.predict(env.reset(), deterministic=False)
    assert actions.shape == (2, *action_space.shape)
    assert all(action_space.contains(action if action.shape else int(action)) for action in actions)


def test_deterministic_actions_do_not_vary(make_toy: Any) -> None:
    model = agent(make_toy(VECTOR, TORQUES))
    observation = VECTOR.sample()
    first, second = (model.predict(observation, deterministic=True)[0] for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(model.predict(observation)[0], model.predict(observation)[0])


def test_an_environment_by_its_id_is_monitored() -> None:
    model = agent("CartPole-v1", n_steps=32).learn(64)
    assert {"r", "l", "t"} <= set(model.ep_info_buffer[0])


def test_set_env(make_toy: Any) -> None:
    model = agent(make_toy(VECTOR, TORQUES)).learn(16)
    other = make_toy(VECTOR, TORQUES, seed=3)
    model.set_env(other)
    assert model.get_env() is other
    assert model.learn(16).num_timesteps == 16
    with pytest.raises(AssertionError, match="number of environments"):
        model.set_env(make_toy(VECTOR, TORQUES, n_envs=3))
    with pytest.raises(ValueError, match="Action spaces do not match"):
        model.set_env(make_toy(VECTOR, spaces.Discrete(2)))


def test_vec_normalize_is_found(make_toy: Any) -> None:
    env = VecNormalize(make_toy(VECTOR, TORQUES))
    model = agent(env).learn(16)
    assert model.get_vec_normalize_env() is env
    assert agent(make_toy(VECTOR, TORQUES)).get_vec_normalize_env() is None


def test_learning_goes_on_where_it_stopped(make_toy: Any) -> None:
    model = agent(make_toy(VECTOR, TORQUES)).learn(32)
    observation = copy.deepcopy(model._last_obs)
    model.learn(32, reset_num_timesteps=False)
    assert (model.num_timesteps, model._n_updates) == (64, 4)
    assert not np.array_equal(model._last_obs, observation)
    assert model._current_progress_remaining == 0.0
    assert model.learn(16).num_timesteps == 16


def test_callbacks(make_toy: Any, tmp_path: Path) -> None:
    env, events = make_toy(VECTOR, TORQUES), []

    class Watch(BaseCallback):
        def _on_training_start(self) -> None:
            events.append("start")

        def _on_rollout_start(self) -> None:
            events.append("rollout")

        def _on_step(self) -> bool:
            assert {"rewards", "dones", "infos", "actions", "new_obs"} <= set(self.locals)
            return True

        def _on_rollout_end(self) -> None:
            assert self.locals["rollout_buffer"].full
            events.append("rollout end")

        def _on_training_end(self) -> None:
            events.append("end")

    evaluation = EvalCallback(
        make_toy(VECTOR, TORQUES, n_envs=1),
        n_eval_episodes=1,
        eval_freq=8,
        log_path=str(tmp_path),
        best_model_save_path=str(tmp_path),
        verbose=0,
        warn=False,
    )
    checkpoints = CheckpointCallback(save_freq=8, save_path=str(tmp_path), name_prefix="at")
    agent(env).learn(32, callback=CallbackList([Watch(), evaluation, checkpoints]))
    assert events == ["start", "rollout", "rollout end", "rollout", "rollout end", "end"]
    assert len(np.load(tmp_path / "evaluations.npz")["timesteps"]) == 2
    for name in ("best_model", "at_16_steps", "at_32_steps"):
        assert ACKTR.load(tmp_path / name, device="cpu").num_timesteps > 0


def test_a_callback_stops_training(make_toy: Any) -> None:
    model = agent(make_toy(VECTOR, TORQUES))
    model.learn(1000, callback=lambda local, _: local["self"].num_timesteps < 20)
    assert model.num_timesteps == 20
    model.learn(1000, callback=StopTrainingOnMaxEpisodes(max_episodes=1))
    assert model.num_timesteps < 100


def test_progress_bar(make_toy: Any, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("tqdm")
    agent(make_toy(VECTOR, TORQUES)).learn(16, progress_bar=True)
    shown = capsys.readouterr()
    assert "16/16" in shown.out + shown.err


def test_the_log(make_toy: Any, tmp_path: Path) -> None:
    model = agent(make_toy(VECTOR, TORQUES), stats_window_size=3, verbose=1)
    model.set_logger(configure(str(tmp_path), ["csv"]))
    model.learn(64)
    assert model.ep_info_buffer.maxlen == 3
    with (tmp_path / "progress.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["time/total_timesteps"]) for row in rows] == [16, 32, 48, 64]
    expected = """rollout/ep_rew_mean rollout/ep_len_mean time/fps train/learning_rate train/eta_effective
        train/kl_predicted train/kl_exact train/clipped train/skipped_steps train/kept_inverses train/std
        train/policy_loss train/entropy_loss train/value_loss train/explained_variance train/n_updates
        train/refused_updates train/critic_eta_effective train/critic_kl_predicted train/critic_clipped"""
    assert set(expected.split()) <= set(rows[-1])
    assert float(rows[-1]["rollout/ep_len_mean"]) == 10.0


def test_log_interval(make_toy: Any, tmp_path: Path) -> None:
    model = agent(make_toy(VECTOR, TORQUES))
    model.set_logger(configure(str(tmp_path), ["csv"]))
    model.learn(64, log_interval=2)
    assert len((tmp_path / "progress.csv").read_text().splitlines()) == 1 + 2


def test_evaluate_policy() -> None:
    model = agent("CartPole-v1", n_steps=32)
    mean, _ = evaluate_policy(model, make_vec_env("CartPole-v1"), n_eval_episodes=2, warn=False)
    assert mean > 0
