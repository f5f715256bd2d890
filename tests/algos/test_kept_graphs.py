"""Agents on images: an update from the kept graphs of acting equals one that runs the network again."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3 import A2C as StockA2C
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.policies import ActorCriticPolicy
from torch import nn

from algos.a2c import A2C
from algos.acktr import ACKTR
from algos.kept_graphs import KeptGraphs, can_keep_graphs
from algos.networks import PaperCnnPolicy

N_ENVS, N_STEPS = 8, 3
KWARGS: dict[str, Any] = {
    "policy": PaperCnnPolicy,
    "policy_kwargs": {"conv_layers": [[8, 8, 4], [8, 4, 2]], "features_dim": 32},
    "n_steps": N_STEPS,
    "ent_coef": 0.01,
    "seed": 3,
    "device": "cpu",
}


class Images(gymnasium.Env[Any, Any]):
    """Random images; the reward says whether the action is the image's brightest quarter."""

    observation_space = spaces.Box(0, 255, (4, 36, 36), np.uint8)
    action_space: spaces.Space[Any] = spaces.Discrete(4)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.steps = 0
        return self._image(), {}

    def step(self, action: Any) -> Any:
        self.steps += 1
        reward = float(np.argmax(self.image.mean(axis=(1, 2))) == np.asarray(action).flat[0])
        return self._image(), reward, False, self.steps == 7, {}

    def _image(self) -> Any:
        self.image = self.np_random.integers(0, 256, (4, 36, 36), np.uint8)
        return self.image


class ContinuousImages(Images):
    action_space = spaces.Box(-1, 1, (2,))


def agent(cls: type[Any], env: type[Images] = Images, n_envs: int = N_ENVS, **kwargs: Any) -> Any:
    return cls(env=make_vec_env(env, n_envs=n_envs, seed=0), **deepcopy(KWARGS | kwargs))  # A2C adds to them


def images_seen(policy: ActorCriticPolicy) -> dict[bool, int]:
    """How many images the convolutions see from now on, with gradients (True) and without."""
    seen = {True: 0, False: 0}

    def count(module: nn.Module, args: Any, output: torch.Tensor) -> None:
        seen[torch.is_grad_enabled()] += len(output)

    policy.features_extractor.conv.register_forward_hook(count)
    return seen


@pytest.mark.parametrize("env", [Images, ContinuousImages])
@pytest.mark.parametrize("normalize_advantage", [False, True])
def test_training_equals_sb3s(env: type[Images], normalize_advantage: bool) -> None:
    steps = 10 * N_ENVS * N_STEPS
    stock = agent(StockA2C, env, normalize_advantage=normalize_advantage).learn(steps)
    ours = agent(A2C, env, normalize_advantage=normalize_advantage).learn(steps)
    for (name, theirs), mine in zip(stock.policy.named_parameters(), ours.policy.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=2e-3, atol=2e-5, msg=name)


def test_the_network_runs_once_a_timestep() -> None:
    ours = agent(A2C)
    seen = images_seen(ours.policy)
    ours.learn(5 * N_ENVS * N_STEPS)
    assert seen == {
        True: 5 * N_ENVS * N_STEPS,
        False: 7 * N_ENVS,
    }  # bootstrapped: last observations, 2 time-outs
    assert ours._graphs is None


ACKTR_KWARGS: dict[str, Any] = {"delta": 0.01, "kl_interval": 0}
SMALL_STATISTICS = {"stats_batch": 8, "damping_mode": "eigen", "metric": "damped"}


@pytest.mark.parametrize("env", [Images, ContinuousImages])
@pytest.mark.parametrize(
    "kfac_kwargs",
    [SMALL_STATISTICS, {"stats_every": 3}, {"stats_batch": 8, "metric": "exact", "metric_batch": 16}],
)
def test_acktr_equals_one_that_runs_the_network_again(
    env: type[Images], kfac_kwargs: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def trained() -> ACKTR:
        model: ACKTR = agent(ACKTR, env, **ACKTR_KWARGS, kfac_kwargs=kfac_kwargs)
        return model.learn(6 * N_ENVS * N_STEPS)

    kept = trained()
    monkeypatch.setattr("algos.acktr.agent.can_keep_graphs", lambda policy, n_envs: False)
    for (name, again), mine in zip(
        trained().policy.named_parameters(), kept.policy.parameters(), strict=True
    ):
        torch.testing.assert_close(mine, again, rtol=2e-3, atol=2e-5, msg=name)


def test_acktr_runs_the_network_again_for_statistics_only() -> None:
    ours = agent(ACKTR, **ACKTR_KWARGS, kfac_kwargs={**SMALL_STATISTICS, "stats_every": 2})
    seen = images_seen(ours.policy)
    ours.learn(4 * N_ENVS * N_STEPS)
    assert seen[True] == 4 * N_ENVS * N_STEPS + 2 * 8
    assert ours._graphs is None


def test_acktr_whose_statistics_need_all_examples_runs_twice_where_they_are_due() -> None:
    ours = agent(ACKTR, **ACKTR_KWARGS, kfac_kwargs={"stats_every": 2})
    seen = images_seen(ours.policy)
    ours.learn(4 * N_ENVS * N_STEPS)
    assert seen[True] == 4 * N_ENVS * N_STEPS
    bootstrapped = 4 + 1  # last observations, one time-out of every environment
    assert seen[False] == 2 * N_ENVS * N_STEPS + bootstrapped * N_ENVS


def test_acktr_with_a_critic_apart_runs_twice() -> None:
    ours = agent(ACKTR, **ACKTR_KWARGS, critic_kwargs={"norm": "euclidean"})
    seen = images_seen(ours.policy)
    ours.learn(N_ENVS * N_STEPS)
    assert seen == {True: 2 * N_ENVS * N_STEPS, False: N_ENVS * (N_STEPS + 1)}


def gradients(policy: ActorCriticPolicy, outputs: Any) -> list[torch.Tensor]:
    values, log_probs, entropies = outputs
    policy.zero_grad()
    (values.square().mean() - log_probs.mean() - entropies.mean()).backward()
    return [parameter.grad.clone() for parameter in policy.parameters() if parameter.grad is not None]


def kept_rollout(policy: ActorCriticPolicy) -> tuple[KeptGraphs, torch.Tensor, torch.Tensor]:
    graphs = KeptGraphs(policy)
    images = torch.randint(0, 256, (24, 4, 36, 36), dtype=torch.uint8)
    with torch.no_grad(), graphs.recorded():
        actions = torch.cat([policy(part)[0] for part in images.split(8)])
    return graphs, images, actions


def test_values_and_gradients_are_those_of_one_pass() -> None:
    policy = agent(A2C).policy
    graphs, images, actions = kept_rollout(policy)
    expected = gradients(policy, policy.evaluate_actions(images, actions))
    with graphs.replayed(24, policy):
        outputs = policy.evaluate_actions(images, actions)
        assert [tuple(output.shape) for output in outputs] == [(24, 1), (24,), (24,)]
        for mine, theirs in zip(gradients(policy, outputs), expected, strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-6)
    assert "extract_features" not in policy.__dict__
    extractor = policy.features_extractor
    assert not any("forward" in module.__dict__ for module in (policy, extractor, extractor.linear))


def change_in_place(policy: ActorCriticPolicy) -> None:
    with torch.no_grad():
        policy.value_net.bias += 1.0


def replace(policy: ActorCriticPolicy) -> None:
    policy.load_state_dict({k: v + 1 for k, v in policy.state_dict().items()}, assign=True)


@pytest.mark.parametrize("change", [change_in_place, replace])
def test_parameters_that_were_changed_after_acting(change: Callable[[ActorCriticPolicy], None]) -> None:
    policy = agent(A2C).policy
    graphs, images, actions = kept_rollout(policy)
    change(policy)
    expected = policy.evaluate_actions(images, actions)
    with graphs.replayed(24, policy):
        for mine, theirs in zip(policy.evaluate_actions(images, actions), expected, strict=True):
            assert torch.equal(mine, theirs)


def test_a_rollout_that_was_not_whole_is_not_used() -> None:
    policy = agent(A2C).policy
    graphs, _, _ = kept_rollout(policy)
    with graphs.replayed(32, policy):
        assert "extract_features" not in policy.__dict__


def test_a_model_is_saved_in_the_middle_of_a_rollout(tmp_path: Path) -> None:
    class Save(BaseCallback):
        def _on_step(self) -> bool:
            self.model.save(tmp_path / "model.zip")
            return self.n_calls < N_STEPS + 2

    ours = agent(A2C).learn(10_000, callback=Save())
    loaded = A2C.load(tmp_path / "model.zip")
    for mine, theirs in zip(ours.policy.parameters(), loaded.policy.parameters(), strict=True):
        assert torch.equal(mine, theirs)


def add_dropout(policy: ActorCriticPolicy) -> None:
    policy.features_extractor.linear.append(nn.Dropout(0.5))


def add_own_module(policy: ActorCriticPolicy) -> None:
    class Own(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * 2 if self.training else x

    policy.features_extractor.linear.append(Own())


@pytest.mark.parametrize("change", [add_dropout, add_own_module])
def test_networks_that_may_differ_in_training_run_twice(change: Callable[[ActorCriticPolicy], None]) -> None:
    ours = agent(A2C)
    assert can_keep_graphs(ours.policy, N_ENVS)
    change(ours.policy)
    assert not can_keep_graphs(ours.policy, N_ENVS)
    seen = images_seen(ours.policy)
    ours.learn(N_ENVS * N_STEPS)
    assert seen == {True: N_ENVS * N_STEPS, False: N_ENVS * (N_STEPS + 1)}


class OwnFeatures(PaperCnnPolicy):
    def extract_features(self, obs: Any, features_extractor: Any = None) -> Any:
        return super().extract_features(255 - obs, features_extractor)


def test_few_environments_and_policies_of_other_kinds_run_twice() -> None:
    assert not can_keep_graphs(agent(A2C, n_envs=2).policy, 2)
    apart = agent(A2C, policy_kwargs={"share_features_extractor": False})
    assert not can_keep_graphs(apart.policy, N_ENVS)
    vectors = A2C("MlpPolicy", make_vec_env("CartPole-v1", N_ENVS), device="cpu")
    assert not can_keep_graphs(vectors.policy, N_ENVS)
    own = A2C(OwnFeatures, make_vec_env(Images, N_ENVS), device="cpu")
    assert not can_keep_graphs(own.policy, N_ENVS)
