"""The paper's networks: sizes of Appendix A, separate or shared, orthogonal, plain arguments."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3 import A2C as StockA2C
from stable_baselines3.common.env_util import make_vec_env
from torch import nn

from algos.a2c import A2C
from algos.acktr import ACKTR
from algos.networks import ConvFeatures, PaperCnnPolicy, PaperMlpPolicy, PaperPixelsPolicy
from algos.rollouts import LeanRolloutBuffer

ATARI = spaces.Box(0, 255, (4, 84, 84), np.uint8)
PIXELS = spaces.Box(0, 255, (6, 42, 42), np.uint8)
SMALL_PIXELS = spaces.Box(0, 255, (6, 16, 16), np.uint8)
STATE = spaces.Box(-np.inf, np.inf, (11,), np.float32)
TORQUES = spaces.Box(-1, 1, (3,), np.float32)


def constant(_: float) -> float:
    return 1e-3


def shapes(module: nn.Module) -> list[tuple[int, ...]]:
    return [
        tuple(layer.weight.shape) for layer in module.modules() if isinstance(layer, nn.Linear | nn.Conv2d)
    ]


def test_atari_network_of_a1() -> None:
    policy = PaperCnnPolicy(ATARI, spaces.Discrete(6), constant)
    assert shapes(policy.features_extractor) == [(32, 4, 8, 8), (64, 32, 4, 4), (32, 64, 3, 3), (512, 1568)]
    assert shapes(policy.action_net) == [(6, 512)]
    assert shapes(policy.value_net) == [(1, 512)]


def test_the_pass_with_gradients_is_the_plain_networks() -> None:
    """It works channels-last; outputs and gradients are those of the same layers in torch's own format."""
    torch.manual_seed(0)
    policy = PaperCnnPolicy(ATARI, spaces.Discrete(6), constant)
    extractor = policy.features_extractor
    plain = nn.Sequential(*extractor.conv, *extractor.linear)
    images = torch.rand(6, 4, 84, 84)
    weights = torch.randn(6, 512)
    expected = plain(images)
    (expected * weights).sum().backward()
    gradients = [parameter.grad for parameter in extractor.parameters()]
    policy.zero_grad(set_to_none=True)
    found = extractor(images)
    (found * weights).sum().backward()
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    with torch.no_grad():
        torch.testing.assert_close(extractor(images), expected, rtol=1e-4, atol=1e-5)
    for parameter, gradient in zip(extractor.parameters(), gradients, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-3, atol=1e-3)


class PlainFeatures(ConvFeatures):
    """The same layers, always in torch's own memory format."""

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = self.linear(self.conv(observations))
        return features


class Images(gymnasium.Env[Any, Any]):
    """Noise in which the brightness of the first channel says which action is rewarded; 8 steps."""

    observation_space = spaces.Box(0, 255, (4, 36, 36), np.uint8)
    action_space = spaces.Discrete(3)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.steps_left = 8
        return self._picture(), {}

    def _picture(self) -> Any:
        self.rewarded = int(self.np_random.integers(3))
        picture = self.np_random.integers(0, 256, (4, 36, 36), dtype=np.uint8)
        picture[0] = 100 * self.rewarded
        return picture

    def step(self, action: Any) -> Any:
        reward, self.steps_left = float(action == self.rewarded), self.steps_left - 1
        return self._picture(), reward, False, self.steps_left == 0, {}


def test_a2c_on_images_learns_as_sb3s() -> None:
    def agent(cls: type[StockA2C], extractor: type[ConvFeatures]) -> StockA2C:
        options = {"conv_layers": [[8, 8, 4], [16, 4, 2]], "features_dim": 16}
        policy_kwargs = {"features_extractor_class": extractor, "features_extractor_kwargs": options}
        env = make_vec_env(Images, 3, seed=1)
        return cls(PaperCnnPolicy, env, seed=1, device="cpu", policy_kwargs=policy_kwargs).learn(300)

    ours, stock = agent(A2C, ConvFeatures), agent(StockA2C, PlainFeatures)
    assert isinstance(ours.rollout_buffer, LeanRolloutBuffer)
    assert ours.rollout_buffer.observations.dtype == np.uint8
    assert [i["r"] for i in ours.ep_info_buffer] == [i["r"] for i in stock.ep_info_buffer]
    for mine, theirs in zip(ours.policy.parameters(), stock.policy.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-4)


def test_trpo_atari_network_of_a1() -> None:
    policy = PaperCnnPolicy(
        ATARI, spaces.Discrete(6), constant, conv_layers=[[8, 8, 4], [16, 4, 2]], features_dim=128
    )
    assert shapes(policy.features_extractor) == [(8, 4, 8, 8), (16, 8, 4, 4), (128, 1296)]


def test_mujoco_networks_of_a2_are_separate() -> None:
    policy = PaperMlpPolicy(STATE, TORQUES, constant)
    actor, critic = policy.mlp_extractor.policy_net, policy.mlp_extractor.value_net
    assert shapes(actor) == shapes(critic) == [(64, 11), (64, 64)]
    assert [type(layer) for layer in actor] == [nn.Linear, nn.Tanh] * 2
    assert [type(layer) for layer in critic] == [nn.Linear, nn.ELU] * 2
    actor_ids = {id(parameter) for parameter in actor.parameters()}
    assert not actor_ids & {id(parameter) for parameter in critic.parameters()}


def test_pixel_networks_of_a2_are_separate() -> None:
    policy = PaperPixelsPolicy(PIXELS, TORQUES, constant)
    actor, critic = policy.pi_features_extractor, policy.vf_features_extractor
    assert shapes(actor) == shapes(critic) == [(32, 6, 3, 3), (32, 32, 3, 3), (256, 11 * 11 * 32)]
    for network, activation in ((actor, nn.ReLU), (critic, nn.ELU)):
        functions = [layer for layer in network.modules() if isinstance(layer, nn.ReLU | nn.ELU)]
        assert [type(function) for function in functions] == [activation] * 3
    assert shapes(policy.action_net) == [(3, 256)]
    assert shapes(policy.value_net) == [(1, 256)]
    actor_ids = {id(parameter) for parameter in actor.parameters()}
    assert not actor_ids & {id(parameter) for parameter in critic.parameters()}
    weight = critic.linear[0].weight
    assert torch.allclose(weight @ weight.T, 2 * torch.eye(256), atol=1e-4)
    n_parameters = sum(len(group["params"]) for group in policy.optimizer.param_groups)
    assert n_parameters == len(list(policy.parameters()))


def test_pixel_policies_use_each_network_for_its_own_head() -> None:
    policy = PaperPixelsPolicy(PIXELS, TORQUES, constant, features_dim=8)
    observations = torch.randint(0, 256, (5, 6, 42, 42), dtype=torch.uint8)
    before = policy.predict_values(observations), policy.get_distribution(observations).distribution.mean
    with torch.no_grad():
        policy.vf_features_extractor.linear[0].weight.zero_()
    assert not torch.equal(policy.predict_values(observations), before[0])
    assert torch.equal(policy.get_distribution(observations).distribution.mean, before[1])


class Noise(gymnasium.Env[np.ndarray, np.ndarray]):
    """Random pictures, and a reward for small torques."""

    observation_space = SMALL_PIXELS
    action_space = TORQUES

    def reset(self, **kwargs: Any) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(**kwargs)
        return self.np_random.integers(0, 256, SMALL_PIXELS.shape, dtype=np.uint8), {}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        observation = self.np_random.integers(0, 256, SMALL_PIXELS.shape, dtype=np.uint8)
        return observation, -float(np.square(action).sum()), False, False, {}


def test_an_acktr_update_moves_every_parameter_of_the_pixel_networks() -> None:
    kfac = {"stats_batch": 4, "metric": "exact", "metric_batch": 4}
    agent = ACKTR(
        "PaperPixelsPolicy", Noise(), n_steps=8, seed=0, kfac_kwargs=kfac, critic_kwargs={"kfac_kwargs": kfac}
    )
    before = {name: tensor.detach().clone() for name, tensor in agent.policy.named_parameters()}
    agent.learn(8)
    for name, tensor in agent.policy.named_parameters():
        assert torch.isfinite(tensor).all(), name
        assert not torch.equal(tensor, before[name]), name


def test_log_std_does_not_depend_on_the_state() -> None:
    policy = PaperMlpPolicy(STATE, TORQUES, constant, log_std_init=-1.0)
    assert policy.log_std.shape == (3,)
    observations = torch.randn(2, 11)
    std = policy.get_distribution(observations).distribution.stddev
    assert torch.allclose(std, torch.full((2, 3), float(np.exp(-1))))


@pytest.mark.parametrize("layer", ["policy_net", "value_net"])
def test_hidden_layers_are_orthogonal_with_gain_sqrt_2(layer: str) -> None:
    policy = PaperMlpPolicy(STATE, TORQUES, constant)
    weight = getattr(policy.mlp_extractor, layer)[2].weight
    assert torch.allclose(weight @ weight.T, 2 * torch.eye(64), atol=1e-5)
    assert torch.allclose(policy.value_net.weight.norm(), torch.tensor(1.0), atol=1e-5)
    assert torch.allclose(
        policy.action_net.weight @ policy.action_net.weight.T, 1e-4 * torch.eye(3), atol=1e-7
    )


def test_an_unknown_activation_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown activation 'gelu'; expected one of: tanh, elu, relu"):
        PaperMlpPolicy(STATE, TORQUES, constant, value_activation="gelu")
    with pytest.raises(ValueError, match="unknown activation 'gelu'; expected one of: tanh, elu, relu"):
        PaperPixelsPolicy(PIXELS, TORQUES, constant, value_activation="gelu")


def test_images_are_required_for_the_cnn() -> None:
    with pytest.raises(ValueError, match="the paper's convolutions need uint8 images"):
        PaperCnnPolicy(STATE, TORQUES, constant)


def test_the_pixel_policy_rebuilds_itself_from_its_own_file(tmp_path: object) -> None:
    path = f"{tmp_path}/policy.pth"
    policy = PaperPixelsPolicy(PIXELS, TORQUES, constant, features_dim=8, value_activation="tanh")
    policy.save(path)
    again = PaperPixelsPolicy.load(path)
    observations = torch.randint(0, 256, (3, 6, 42, 42), dtype=torch.uint8)
    assert torch.equal(policy.predict_values(observations), again.predict_values(observations))


def test_a_policy_rebuilds_itself_from_its_own_file(tmp_path: object) -> None:
    path = f"{tmp_path}/policy.pth"
    policy = PaperMlpPolicy(STATE, TORQUES, constant, hidden=[8], value_activation="relu")
    policy.save(path)
    again = PaperMlpPolicy.load(path)
    observations = torch.randn(3, 11)
    assert torch.equal(policy.predict_values(observations), again.predict_values(observations))


@pytest.mark.parametrize(("name", "value"), [("net_arch", [256, 256]), ("activation_fn", nn.ReLU)])
def test_arguments_that_the_paper_mlp_does_not_use_are_refused(name: str, value: Any) -> None:
    with pytest.raises(
        ValueError, match=f"{name}: PaperMlpPolicy does not use it; expected (hidden|policy_act)"
    ):
        A2C("PaperMlpPolicy", "Pendulum-v1", policy_kwargs={name: value})
