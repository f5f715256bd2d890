"""What ACKTR refuses when it is built or loaded, in one line each."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from stable_baselines3 import A2C
from stable_baselines3.common.distributions import SquashedDiagGaussianDistribution
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.torch_layers import FlattenExtractor
from stable_baselines3.dqn.policies import DQNPolicy
from torch import nn

from algos.acktr import ACKTR
from algos.acktr.model_format import FORMAT
from algos.errors import ForeignModel
from algos.kfac import KFACError


class SquashedPolicy(ActorCriticPolicy):
    """A policy whose actions are squashed by tanh."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.action_dist = SquashedDiagGaussianDistribution(int(np.prod(self.action_space.shape)))


class NormalisedFeatures(FlattenExtractor):
    """A feature extractor with a layer that K-FAC does not cover."""

    def __init__(self, observation_space: spaces.Box) -> None:
        super().__init__(observation_space)
        self.norm = nn.LayerNorm(self.features_dim)

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        normalised: torch.Tensor = self.norm(super().forward(observations))
        return normalised


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_steps": 1}, "n_steps * n_envs is 1; ACKTR needs at least 2 timesteps"),
        ({"n_steps": 0}, "n_steps: expected greater than or equal to 1, got 0"),
        ({"kfac_kwargs": {"dampin": 1.0}}, "kfac_kwargs.dampin: unknown option; did you mean 'damping'?"),
        ({"kfac_kwargs": {"x": 1.0}}, "kfac_kwargs.x: unknown option; expected one of momentum, "),
        ({"kfac_kwargs": [1]}, "kfac_kwargs: expected a mapping, got [1]"),
        ({"kfac_kwargs": {"damping": "much"}}, "kfac_kwargs.damping: expected a valid number"),
        (
            {"kfac_kwargs": {"inverse_lag": 2}},
            "kfac_kwargs: inverse_lag is 2, expected at most inverse_every=1",
        ),
        (
            {"critic_kwargs": {"kfac_kwargs": {"metrik": "kfac"}}},
            "critic_kwargs.kfac_kwargs.metrik: unknown option; did you mean 'metric'?",
        ),
        ({"critic_kwargs": {"n_updates": 0}}, "critic_kwargs.n_updates: expected greater"),
        ({"critic_kwargs": {"eta_max": -1}}, "critic_kwargs.eta_max: expected a number >= 0, "),
        ({"critic_kwargs": {"norm": "euclid"}}, "critic_kwargs.norm: expected 'gauss_newton' or"),
        (
            {"eta_max": -1.0},
            "eta_max: expected a number >= 0, 'lin_<number>', or {linear: [start, end]} or ",
        ),
        ({"eta_max": "linear"}, "eta_max: expected a number >= 0"),
        ({"delta": float("nan")}, "delta: expected a number >= 0"),
        (
            {"delta": lambda progress: progress - 0.5},
            "delta is -0.5 at progress_remaining=0; expected a finite number >= 0 everywhere",
        ),
        (
            {"eta_max": lambda progress: -progress},
            "eta_max is -1.0 at progress_remaining=1; expected",
        ),
        (
            {"critic_sigma": "adaptiv"},
            "critic_sigma: expected a positive number or 'adaptive', got 'adaptiv'",
        ),
        ({"critic_sigma": 0.0}, "critic_sigma: expected a positive number or 'adaptive', got 0.0"),
        ({"gamma": 1.5}, "gamma: expected less than or equal to 1, got 1.5"),
        ({"target_kl": 0.0}, "target_kl: expected greater than 0, got 0.0"),
        ({"kl_interval": -1}, "kl_interval: expected greater than or equal to 0, got -1"),
        ({"max_refused": 0}, "max_refused is 0; expected at least 1"),
        (
            {"policy_kwargs": {"optimizer_class": torch.optim.Adam}},
            "policy_kwargs.optimizer_class: ACKTR's optimizer is K-FAC; remove it",
        ),
        ({"policy_kwargs": {"use_sde": True}}, "policy_kwargs.use_sde: gSDE is not supported; remove it"),
        ({"policy": DQNPolicy}, "policy: ACKTR needs a subclass of SB3's ActorCriticPolicy, got DQNPolicy"),
        ({"policy": "NoPolicy"}, "Policy NoPolicy unknown"),
        (
            {"policy": SquashedPolicy},
            "policy: ACKTR has no Fisher matrix for the SquashedDiagGaussianDistribution of SquashedPolicy; ",
        ),
        (
            {"policy": RecurrentActorCriticPolicy},
            "policy: ACKTR would never train lstm_actor.weight_ih_l0 of RecurrentActorCriticPolicy",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_bad_arguments_are_refused_in_one_line(arguments: dict[str, Any], message: str) -> None:
    env = make_vec_env("Pendulum-v1", n_envs=1)
    with pytest.raises(ValueError, match=f"^{re.escape(message)}") as caught:
        ACKTR(**{"policy": "MlpPolicy", "env": env, "device": "cpu", **arguments})
    assert "\n" not in str(caught.value)


def test_gsde_is_no_argument() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'use_sde'"):
        ACKTR("MlpPolicy", "Pendulum-v1", device="cpu", use_sde=True)


def test_a_layer_that_kfac_does_not_cover_is_named() -> None:
    kwargs = {"features_extractor_class": NormalisedFeatures}
    with pytest.raises(KFACError, match=r"features\.norm\.weight"):
        ACKTR("MlpPolicy", "Pendulum-v1", device="cpu", policy_kwargs=kwargs)


class Odd(gymnasium.Env[Any, Any]):
    """An environment with spaces of one's choice, which is never stepped."""

    def __init__(self, observation_space: spaces.Space[Any], action_space: spaces.Space[Any]) -> None:
        self.observation_space, self.action_space = observation_space, action_space


VECTOR = spaces.Box(-1, 1, (3,), np.float32)


@pytest.mark.parametrize(
    ("observation_space", "action_space", "message"),
    [
        (VECTOR, spaces.Tuple([spaces.Discrete(2)]), "only supports"),
        (VECTOR, spaces.Dict({"a": spaces.Discrete(2)}), "only supports"),
        (spaces.Dict({"a": VECTOR}), spaces.Discrete(2), "You must use `MultiInputPolicy`"),
    ],
    ids=["tuple actions", "dict actions", "dict observations"],
)
def test_unsupported_spaces_are_refused(observation_space: Any, action_space: Any, message: str) -> None:
    env = make_vec_env(lambda: Odd(observation_space, action_space), n_envs=2)
    with pytest.raises((ValueError, AssertionError), match=message):
        ACKTR("MlpPolicy", env, device="cpu")


def test_a_schedule_that_turns_negative_on_the_way_stops_training() -> None:
    def dipping(progress: float) -> float:
        return 0.1 if progress in (0.0, 1.0) else -0.1

    env = make_vec_env("CartPole-v1", n_envs=2)
    model = ACKTR("MlpPolicy", env, delta=dipping, n_steps=8, device="cpu")
    with pytest.raises(ValueError, match=r"delta is -0\.1 at progress_remaining=0\.5; expected a finite"):
        model.learn(32)


def test_a_schedule_is_not_asked_for_its_value_beyond_the_end() -> None:
    env = make_vec_env("CartPole-v1", n_envs=2)
    model = ACKTR("MlpPolicy", env, eta_max=lambda progress: 0.1 * progress, n_steps=8, device="cpu")
    model.learn(17)  # two rollouts of 16; SB3 then counts progress_remaining below 0
    assert model._current_progress_remaining < 0
    assert model.policy.optimizer.param_groups[0]["lr"] == 0.0


def test_a_radius_may_be_decayed_to_0() -> None:
    env = make_vec_env("CartPole-v1", n_envs=2, seed=0)
    model = ACKTR("MlpPolicy", env, delta="lin_0.01", n_steps=8, seed=0, device="cpu").learn(16)
    assert all(torch.isfinite(parameter).all() for parameter in model.policy.parameters())


def saved(path: Path, policy: str = "MlpPolicy", **options: Any) -> ACKTR:
    model = ACKTR(policy, make_vec_env("CartPole-v1", n_envs=2), n_steps=8, device="cpu", **options)
    model.learn(16).save(path)
    return model


def test_a_model_of_another_class_is_refused(tmp_path: Path) -> None:
    A2C("MlpPolicy", "CartPole-v1", device="cpu").save(tmp_path / "a2c.zip")
    with pytest.raises(ForeignModel, match=r"a2c\.zip: expected a model saved by ACKTR, this"):
        ACKTR.load(tmp_path / "a2c.zip", device="cpu")
    with (tmp_path / "a2c.zip").open("rb") as file, pytest.raises(ForeignModel, match=r"a2c\.zip: expected"):
        ACKTR.load(file, device="cpu")


@pytest.mark.parametrize("version", [FORMAT - 1, 99, str(FORMAT), None])
def test_a_model_of_another_version_is_refused(tmp_path: Path, version: Any) -> None:
    saved(tmp_path / "model")
    with zipfile.ZipFile(tmp_path / "model.zip") as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    data = json.loads(files["data"])
    data["acktr_format"] = version
    files["data"] = json.dumps(data).encode()
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    with pytest.raises(
        ForeignModel, match=f"other: expected ACKTR format {FORMAT}, got {version!r}, which another"
    ):
        ACKTR.load(tmp_path / "other", device="cpu")


def test_a_file_that_is_no_model_is_refused_as_by_sb3(tmp_path: Path) -> None:
    (tmp_path / "text.zip").write_text("no zip file")
    with pytest.raises(ValueError, match="wasn't a zip-file"):
        ACKTR.load(tmp_path / "text.zip", device="cpu")
    with pytest.raises(FileNotFoundError):
        ACKTR.load(tmp_path / "nothing", device="cpu")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"critic_kwargs": {"norm": "euclidean", "optimizer": "adam"}},
            "critic_kwargs.optimizer: expected 'rms",
        ),
        (
            {"critic_kwargs": None},
            "critic_kwargs.norm: expected 'euclidean', the form of the saved agent's state",
        ),
        ({"critic_sigma": "adaptive"}, "critic_sigma: expected 'a number', .* got 'adaptive'"),
        ({"adaptive_delta": True}, "adaptive_delta: expected False, .* got True"),
    ],
)
def test_a_saved_agent_keeps_its_form(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    saved(tmp_path / "model", "PaperMlpPolicy", critic_kwargs={"norm": "euclidean"})
    with pytest.raises(ValueError, match=message):
        ACKTR.load(tmp_path / "model", device="cpu", **changed)


def test_options_changed_on_loading_are_checked_too(tmp_path: Path) -> None:
    saved(tmp_path / "model")
    with pytest.raises(ValueError, match=r"kfac_kwargs\.dampin: unknown option"):
        ACKTR.load(tmp_path / "model", device="cpu", kfac_kwargs={"dampin": 1.0})
    with pytest.raises(ValueError, match="delta: expected a number"):
        ACKTR.load(tmp_path / "model", device="cpu", delta=-1.0)
    with pytest.raises(ValueError, match="n_steps \\* n_envs is 1"):
        ACKTR.load(tmp_path / "model", env=make_vec_env("CartPole-v1", n_envs=1), device="cpu", n_steps=1)
