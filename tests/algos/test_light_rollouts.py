"""The light acting path against SB3's own loop: same actions, same buffer, same random stream."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3 import A2C as StockA2C
from stable_baselines3 import PPO as StockPPO
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.distributions import Distribution
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.policies import ActorCriticPolicy
from torch import nn

from algos.a2c import A2C
from algos.acktr import ACKTR
from algos.acting import light_actor
from algos.ppo import PPO
from algos.rollouts import LeanRolloutBuffer
from algos.trpo import TRPO

ENVIRONMENTS = ["CartPole-v1", "Pendulum-v1", "Acrobot-v1"]


class ShortPendulum(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Pendulum whose episodes are cut off after 7 steps: a time-out in every rollout."""

    def __init__(self) -> None:
        super().__init__(gymnasium.make("Pendulum-v1", max_episode_steps=7))


def a2c(cls: type[Any], env: Any, n_envs: int = 2, **kwargs: Any) -> Any:
    venv = make_vec_env(env, n_envs=n_envs, seed=1)
    return cls("MlpPolicy", venv, seed=1, device="cpu", n_steps=16, gae_lambda=0.9, **kwargs)


@pytest.mark.parametrize("env", [*ENVIRONMENTS, ShortPendulum])
def test_rollout_equals_sb3s(env: Any) -> None:
    stock, ours = a2c(StockA2C, env).learn(32), a2c(A2C, env).learn(32)
    assert light_actor(ours.policy, 2) is not None
    for name in ("observations", "actions", "rewards", "episode_starts", "values", "log_probs", "advantages"):
        theirs, mine = getattr(stock.rollout_buffer, name), getattr(ours.rollout_buffer, name)
        if theirs.shape != mine.shape:  # SB3's get() leaves some of its arrays flattened, environment first
            mine = RolloutBuffer.swap_and_flatten(mine)
        np.testing.assert_allclose(mine.reshape(theirs.shape), theirs, rtol=1e-4, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("env", ["CartPole-v1", "Pendulum-v1"])
@pytest.mark.parametrize(("their_class", "our_class"), [(StockA2C, A2C), (StockPPO, PPO)])
def test_training_equals_sb3s(their_class: type[Any], our_class: type[Any], env: str) -> None:
    stock, ours = a2c(their_class, env).learn(640), a2c(our_class, env).learn(640)
    for (name, theirs), mine in zip(stock.policy.named_parameters(), ours.policy.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-5, msg=name)
    assert [i["r"] for i in stock.ep_info_buffer] == pytest.approx(
        [i["r"] for i in ours.ep_info_buffer], rel=1e-4
    )


@pytest.mark.parametrize("env", ENVIRONMENTS)
@pytest.mark.parametrize("activation", [nn.Tanh, nn.ReLU, nn.ELU])
@pytest.mark.parametrize("n_envs", [1, 20])
def test_actions_and_random_stream_are_the_policys(
    env: str, activation: type[nn.Module], n_envs: int
) -> None:
    agent = a2c(A2C, env, n_envs, policy_kwargs={"activation_fn": activation})
    nn.init.normal_(agent.policy.action_net.bias)
    act = light_actor(agent.policy, n_envs)
    assert act is not None
    observations = np.stack([agent.observation_space.sample() for _ in range(n_envs)]).astype(np.float32)
    torch.manual_seed(5)
    light = np.stack([act(observations) for _ in range(5)])
    after_light = torch.get_rng_state()
    torch.manual_seed(5)
    with torch.no_grad():
        full = np.stack([agent.policy(torch.as_tensor(observations))[0].numpy() for _ in range(5)])
    assert torch.equal(torch.get_rng_state(), after_light)
    np.testing.assert_allclose(light, full, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("n_envs", [1, 20])
def test_noise_drawn_ahead_is_the_same_noise(n_envs: int) -> None:
    agent = a2c(A2C, "Pendulum-v1", n_envs)
    at_once, ahead = light_actor(agent.policy, n_envs), light_actor(agent.policy, n_envs, ahead=3)
    assert at_once is not None
    assert ahead is not None
    observations = np.ones((n_envs, 3), np.float32)
    torch.manual_seed(5)
    expected = [at_once(observations) for _ in range(6)]
    after = torch.get_rng_state()
    torch.manual_seed(5)
    np.testing.assert_array_equal([ahead(observations) for _ in range(6)], expected)
    assert torch.equal(torch.get_rng_state(), after)


@pytest.mark.parametrize("cls", [A2C, ACKTR, PPO, TRPO])
def test_each_rollout_is_acted_with_the_parameters_of_its_time(cls: type[Any]) -> None:
    venv = make_vec_env("Pendulum-v1", n_envs=2, seed=1)
    agent = cls("MlpPolicy", venv, seed=1, device="cpu", n_steps=16)

    means: list[float] = []

    class Shift(BaseCallback):
        def _on_rollout_start(self) -> None:
            with torch.no_grad():
                agent.policy.action_net.bias += 100.0

        def _on_rollout_end(self) -> None:
            means.append(float(agent.rollout_buffer.actions.mean()))

        def _on_step(self) -> bool:
            return True

    agent.learn(64, callback=Shift())
    np.testing.assert_allclose(means, [100.0, 200.0], atol=20.0)


def test_policies_that_are_no_small_mlp_take_sb3s_loop() -> None:
    wide = a2c(A2C, "Pendulum-v1", policy_kwargs={"net_arch": [400, 300]})
    assert light_actor(wide.policy, 2) is None
    dropout = a2c(A2C, "Pendulum-v1")
    dropout.policy.mlp_extractor.policy_net.append(nn.Dropout(0.5))
    assert light_actor(dropout.policy, 2) is None
    gsde = a2c(A2C, "Pendulum-v1", use_sde=True)
    assert light_actor(gsde.policy, 2) is None
    gsde.learn(32)

    class MultiBinaryEnv(gymnasium.Env[Any, Any]):
        observation_space = spaces.Box(-1, 1, (3,))
        action_space = spaces.MultiBinary(2)

        def reset(self, **kwargs: Any) -> Any:
            return np.zeros(3, np.float32), {}

        def step(self, action: Any) -> Any:
            return np.zeros(3, np.float32), 0.0, False, False, {}

    multi = a2c(A2C, MultiBinaryEnv)
    assert light_actor(multi.policy, 2) is None
    multi.learn(32)


@pytest.mark.parametrize("cls", [A2C, ACKTR, TRPO])
def test_a_callback_sees_each_step_and_can_end_training(cls: type[Any]) -> None:
    class Count(BaseCallback):
        seen = 0

        def _on_step(self) -> bool:
            self.seen += 1
            assert len(self.locals["infos"]) == len(self.locals["dones"]) == 2
            assert {"actions", "clipped_actions", "new_obs", "rewards", "n_steps"} <= self.locals.keys()
            return self.seen < 21

    kwargs = {} if cls is TRPO else {"gae_lambda": 0.9}
    agent = cls(
        "MlpPolicy", make_vec_env("Pendulum-v1", 2, seed=0), n_steps=16, seed=0, device="cpu", **kwargs
    )
    callback = Count()
    agent.learn(1000, callback=callback)
    assert callback.seen == 21
    assert agent.num_timesteps == 42


def random_buffer(cls: type[RolloutBuffer], gae_lambda: float, n_envs: int = 3) -> RolloutBuffer:
    rng = np.random.default_rng(0)
    buffer = cls(50, spaces.Box(-1, 1, (3,)), spaces.Discrete(2), "cpu", gae_lambda, 0.97, n_envs=n_envs)
    for _ in range(50):
        buffer.add(
            rng.normal(size=(n_envs, 3)),
            rng.integers(0, 2, (n_envs, 1)),
            rng.normal(size=n_envs),
            rng.random(n_envs) < 0.1,
            torch.tensor(rng.normal(size=n_envs)),
            torch.tensor(rng.normal(size=n_envs)),
        )
    buffer.compute_returns_and_advantage(torch.tensor(rng.normal(size=n_envs)), rng.random(n_envs) < 0.5)
    return buffer


@pytest.mark.parametrize("n_envs", [1, 3])
@pytest.mark.parametrize("gae_lambda", [1.0, 0.9, 0.0])
def test_advantages_and_returns_equal_sb3s(gae_lambda: float, n_envs: int) -> None:
    stock, lean = (random_buffer(cls, gae_lambda, n_envs) for cls in (RolloutBuffer, LeanRolloutBuffer))
    assert lean.advantages.dtype == np.float32
    np.testing.assert_allclose(lean.advantages, stock.advantages, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(lean.returns, stock.returns, rtol=1e-5, atol=1e-5)


def test_a_whole_batch_holds_each_timestep_once_with_its_columns() -> None:
    buffer = random_buffer(LeanRolloutBuffer, 0.9)
    batch = next(buffer.get(None))
    assert batch.observations.shape == (150, 3)
    assert batch.actions.shape == (150, 1)
    flat = 7 * 3 + 2  # timestep 7 of environment 2
    np.testing.assert_array_equal(batch.observations[flat], buffer.observations[7, 2])
    assert batch.returns[flat] == buffer.returns[7, 2]
    assert batch.advantages[flat] == buffer.advantages[7, 2]
    minibatches = list(buffer.get(40))
    assert [len(part.returns) for part in minibatches] == [40, 40, 40, 30]
    assert sorted(torch.cat([part.returns for part in minibatches]).tolist()) == sorted(
        batch.returns.tolist()
    )


class Residual(nn.Module):
    """An mlp_extractor whose latents are more than its two networks' outputs."""

    def __init__(self, n_features: int) -> None:
        super().__init__()
        self.policy_net = nn.Sequential(nn.Linear(n_features, n_features), nn.Tanh())
        self.value_net = nn.Sequential(nn.Linear(n_features, n_features), nn.Tanh())
        self.latent_dim_pi = self.latent_dim_vf = n_features

    def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.forward_actor(features), self.forward_critic(features)

    def forward_actor(self, features: torch.Tensor) -> torch.Tensor:
        return features + self.policy_net(features)

    def forward_critic(self, features: torch.Tensor) -> torch.Tensor:
        return features + self.value_net(features)


class OwnLatents(ActorCriticPolicy):
    def _build_mlp_extractor(self) -> None:
        self.mlp_extractor = Residual(self.features_dim)  # type: ignore[assignment]


class OwnFeatures(ActorCriticPolicy):
    def extract_features(self, obs: Any, features_extractor: Any = None) -> Any:
        return super().extract_features(2 * obs, features_extractor)


class OwnDistribution(ActorCriticPolicy):
    def _get_action_dist_from_latent(self, latent_pi: torch.Tensor) -> Distribution:
        return super()._get_action_dist_from_latent(-latent_pi)


@pytest.mark.parametrize("policy", [OwnLatents, OwnFeatures, OwnDistribution])
def test_a_policy_with_methods_of_its_own_acts_by_them(policy: type[ActorCriticPolicy]) -> None:
    stock, ours = (
        cls(policy, "CartPole-v1", n_steps=16, batch_size=16, seed=1, device="cpu").learn(64)
        for cls in (StockPPO, PPO)
    )
    for theirs, mine in zip(stock.policy.parameters(), ours.policy.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("policy", [OwnLatents, OwnFeatures, OwnDistribution])
def test_acktr_refuses_a_policy_that_is_not_its_layers_in_a_row(policy: type[ActorCriticPolicy]) -> None:
    with pytest.raises(ValueError, match=f"policy: {policy.__name__} computes something else"):
        ACKTR(policy, "Pendulum-v1", n_steps=16)


class Actions(gymnasium.Env[Any, Any]):
    """Takes actions of any shape and checks it."""

    observation_space = spaces.Box(-1, 1, (3,))

    def __init__(self, shape: tuple[int, ...] = (2, 2)) -> None:
        self.action_space = spaces.Box(-1, 1, shape)

    def reset(self, **kwargs: Any) -> Any:
        return np.zeros(3, np.float32), {}

    def step(self, action: Any) -> Any:
        assert self.action_space.contains(action)
        return np.zeros(3, np.float32), 0.0, False, False, {}


@pytest.mark.parametrize("cls", [A2C, ACKTR])
@pytest.mark.parametrize("shape", [(), (2, 1), (2, 2)])
def test_actions_have_the_shape_of_their_space(cls: type[Any], shape: tuple[int, ...]) -> None:
    assert a2c(cls, lambda: Actions(shape)).learn(64).num_timesteps == 64
