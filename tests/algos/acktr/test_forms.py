"""The forms of ACKTR: the critic's norm, sigma, the adapted step size; what does not fit together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.env_util import make_vec_env

from algos.acktr import ACKTR
from algos.acktr.step_size import adapted_factor
from algos.kfac import KFAC

VECTOR = spaces.Box(-1, 1, (5,), np.float32)
IMAGE = spaces.Box(0, 255, (4, 36, 36), np.uint8)
TORQUES = spaces.Box(-1, 1, (2,), np.float32)
CNN = {"conv_layers": [[4, 8, 4]], "features_dim": 8}


def agent(make_toy: Any, shared: bool, **kwargs: Any) -> ACKTR:
    if shared:
        kwargs |= {"policy": "PaperCnnPolicy", "env": make_toy(IMAGE, TORQUES), "policy_kwargs": CNN}
    else:
        kwargs |= {"policy": "PaperMlpPolicy", "env": make_toy(VECTOR, TORQUES)}
    return ACKTR(n_steps=8, seed=0, device="cpu", **kwargs)


def moved(model: ACKTR, part: torch.nn.Module, eta_max: float, learning_rate: float) -> bool:
    """Whether one update with these step sizes moves a part of the policy."""
    model.lr_schedule = lambda _: eta_max
    model.critic._learning_rate = lambda _: learning_rate
    before = [p.detach().clone() for p in part.parameters()]
    model.learn(16)
    return not all(torch.equal(a, b) for a, b in zip(before, part.parameters(), strict=True))


@pytest.mark.parametrize("optimizer", ["rmsprop", "adam", "sgd"])
@pytest.mark.parametrize("shared", [False, True])
def test_euclidean_critic_moves_the_critic_and_kfac_the_actor(
    make_toy: Any, shared: bool, optimizer: str
) -> None:
    model = agent(make_toy, shared, critic_kwargs={"norm": "euclidean", "optimizer": optimizer})
    policy = model.policy
    assert type(model.critic_optimizer).__name__.lower() == optimizer
    assert isinstance(policy.optimizer, KFAC)
    assert not moved(model, policy, 0.0, 0.0)
    assert moved(model, policy.value_net, 0.0, 1e-2)
    assert not moved(model, policy.action_net, 0.0, 1e-2)
    assert moved(model, policy.action_net, 0.1, 0.0)
    assert not moved(model, policy.value_net, 0.1, 0.0)
    if shared:
        assert moved(model, policy.features_extractor, 0.0, 1e-2)
        assert moved(model, policy.features_extractor, 0.1, 0.0)


def test_with_sgd_the_euclidean_step_is_the_gradient_of_half_the_squared_error(make_toy: Any) -> None:
    critic = {"norm": "euclidean", "optimizer": "sgd", "learning_rate": 0.1, "max_grad_norm": 1e9}
    model = agent(make_toy, True, critic_kwargs=critic, eta_max=0.0)
    before = model.policy.value_net.bias.item()
    model.learn(16)
    buffer = model.rollout_buffer
    errors = buffer.returns - buffer.values
    assert model.policy.value_net.bias.item() == pytest.approx(before + 0.1 * errors.mean(), rel=1e-4)


def test_the_euclidean_critic_clips_its_gradient_and_follows_its_schedule(
    make_toy: Any, recorded: Any
) -> None:
    critic = {
        "norm": "euclidean",
        "optimizer": "sgd",
        "learning_rate": "lin_0.1",
        "max_grad_norm": 1e-3,
        "n_updates": 2,
    }
    model = agent(make_toy, False, critic_kwargs=critic)
    before = torch.nn.utils.parameters_to_vector(model.critic.view.parameters()).detach()
    log = recorded(model)
    model.learn(32)
    step = torch.nn.utils.parameters_to_vector(model.critic.view.parameters()).detach() - before
    assert log["train/critic_learning_rate"] == pytest.approx([0.05, 0.0])
    assert step.norm().item() == pytest.approx(2 * 0.05 * 1e-3, rel=0.01)
    assert all(norm > 1e-3 for norm in log["train/critic_gradient_norm"])


def test_a_euclidean_step_with_a_gradient_that_is_not_finite_is_skipped(make_toy: Any, recorded: Any) -> None:
    model = agent(make_toy, False, critic_kwargs={"norm": "euclidean"})
    log = recorded(model)
    returns = torch.full((4,), 1e30)  # finite, but not their squares
    before = model.critic.view.state_dict()["output.weight"].clone()
    model.critic.step(torch.zeros(4, 5), returns, 1.0)
    assert torch.equal(before, model.critic.view.state_dict()["output.weight"])
    model.learn(16)
    assert log["train/critic_skipped_steps"] == [1]


@pytest.mark.parametrize("shared", [False, True])
def test_adaptive_sigma_takes_in_the_bellman_error_once_per_rollout(
    make_toy: Any, recorded: Any, shared: bool
) -> None:
    critic = {} if shared else {"n_updates": 5}
    model = agent(make_toy, shared, critic_sigma="adaptive", critic_kwargs=critic)
    log = recorded(model)
    expected, weight, seen = 1.0, 0.0, []
    for _ in range(3):
        model.learn(16, reset_num_timesteps=False)
        errors = model.rollout_buffer.returns - model.rollout_buffer.values
        past = 0.99 * weight
        weight = past + 0.01
        expected += (errors.var() - expected) * (1 - past / weight)
        seen.append(expected**0.5)
    assert log["train/critic_sigma"] == pytest.approx(seen, rel=1e-4)


@pytest.mark.parametrize("shared", [False, True])
def test_adaptive_delta_follows_the_spread_of_the_advantages(
    make_toy: Any, recorded: Any, shared: bool
) -> None:
    model = agent(make_toy, shared, adaptive_delta=True, delta=0.01, eta_max=100.0)
    log = recorded(model)
    variances: list[float] = []
    for reward_scale in (1.0, 0.1, 10.0):
        for env in model.env.envs:
            env.unwrapped.reward_scale = reward_scale
        model.learn(16, reset_num_timesteps=False)
        variances.append(model.rollout_buffer.advantages.astype(float).var())
        factor = min(1.0, variances[-1] / np.mean(variances))
        assert log["train/delta_factor"][-1] == pytest.approx(factor, rel=1e-4)
        assert log["train/kl_predicted"][-1] == pytest.approx(0.01 * factor, rel=1e-3)
    assert min(log["train/delta_factor"]) < 0.9


@pytest.mark.parametrize("adaptive", [False, True])
def test_standardised_advantages_keep_their_size_where_delta_is_adaptive(
    make_toy: Any, recorded: Any, adaptive: bool
) -> None:
    kfac = {"momentum": 0.9, "momentum_order": "average_then_clip"}
    model = agent(make_toy, False, adaptive_delta=adaptive, normalize_advantage=True, kfac_kwargs=kfac)
    log = recorded(model)
    variances = []
    for reward_scale in (1.0, 0.1):
        for env in model.env.envs:
            env.unwrapped.reward_scale = reward_scale
        model.learn(16, reset_num_timesteps=False)
        variances.append(model.rollout_buffer.advantages.astype(float).var())
    buffer = model.rollout_buffer
    advantages, log_probs = buffer.advantages.astype(float), buffer.log_probs.astype(float)
    size = (variances[1] / np.mean(variances)) ** 0.5 if adaptive else 1.0
    standardised = (advantages - advantages.mean()) / advantages.std(ddof=1)
    assert log["train/policy_loss"][-1] == pytest.approx(-size * (standardised * log_probs).mean(), rel=1e-4)
    if adaptive:
        assert size < 0.9
        share = (0.9 + size) ** 2 / (0.81 + size**2) / (1.9**2 / 1.81)
        assert log["train/delta_factor"][-1] == pytest.approx(size**2 * share, rel=1e-4)


def test_sigma_changes_the_joint_step(make_toy: Any, recorded: Any) -> None:
    def predicted(sigma: float) -> float:
        log = recorded(model := agent(make_toy, True, critic_sigma=sigma, eta_max=1e-3))
        model.learn(16)
        return log["train/kl_predicted"][0]

    assert predicted(0.5) != pytest.approx(predicted(2.0), rel=1e-3)


@pytest.mark.parametrize(
    ("factor", "eta_max", "kl", "expected"),
    [
        (1.0, 0.1, 0.002, 1.0),
        (1.0, 0.1, 0.0041, 1 / 1.5),
        (2.0, 0.1, 0.0009, 3.0),
        (1.0, 0.9, 0.0, 1 / 0.9),
        (1.0, 1e-8, 1.0, 1.0),
        (1.0, 0.1, float("nan"), 1.0),
        (1.0, 0.0, 1.0, 1.0),
    ],
)
def test_the_factor_follows_the_released_rule(
    factor: float, eta_max: float, kl: float, expected: float
) -> None:
    assert adapted_factor(factor, eta_max, kl, target_kl=0.002) == pytest.approx(expected)


def test_target_kl_brings_the_realised_kl_to_the_target(recorded: Any) -> None:
    env = make_vec_env("Pendulum-v1", n_envs=4, seed=0)
    kfac = {"momentum": 0.0}
    model = ACKTR(
        "MlpPolicy",
        env,
        eta_max=1e-3,
        delta=1.0,
        target_kl=2e-3,
        n_steps=64,
        normalize_advantage=True,
        kfac_kwargs=kfac,
        kl_interval=0,
        seed=0,
        device="cpu",
    )
    log = recorded(model)
    model.learn(4 * 64 * 40)
    assert len(log["train/kl_exact"]) == 40
    assert log["train/kl_exact"][0] < 1e-3
    assert 1e-3 < np.median(log["train/kl_exact"][20:]) < 4e-3
    assert log["train/learning_rate"][-1] == pytest.approx(log["train/eta_effective"][-1])


@pytest.mark.parametrize(
    ("shared", "options", "message"),
    [
        (True, {"critic_kwargs": {"n_updates": 10}}, "critic_kwargs.n_updates: PaperCnnPolicy shares"),
        (True, {"critic_kwargs": {"kfac_kwargs": {"damping": 1.0}}}, "critic_kwargs.kfac_kwargs: Paper"),
        (False, {"vf_coef": 0.25}, "vf_coef is 0.25.*see critic_kwargs.eta_max"),
        (
            True,
            {"vf_coef": 0.25, "critic_kwargs": {"norm": "euclidean"}},
            "vf_coef is 0.25.*see critic_kwargs.learning_rate",
        ),
        (False, {"critic_sigma": 0.5, "critic_kwargs": {"norm": "euclidean"}}, "critic_sigma is 0.5"),
        (False, {"critic_sigma": "adaptive", "critic_kwargs": {"norm": "euclidean"}}, "critic_sigma is adap"),
        (
            False,
            {"critic_kwargs": {"norm": "euclidean", "step_rule": "gauss_newton"}},
            "critic_kwargs: step_rule does not apply to norm=euclidean; leave it out, got 'gauss_newton'",
        ),
        (
            False,
            {"critic_kwargs": {"learning_rate": 0.1}},
            "critic_kwargs: learning_rate does not apply to norm=gauss_newton",
        ),
    ],
    ids=str,
)
def test_an_option_of_another_form_is_refused(
    make_toy: Any, shared: bool, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        agent(make_toy, shared, **options)


def test_the_critics_momentum_is_0_unless_it_is_given(make_toy: Any) -> None:
    model = agent(make_toy, False, critic_kwargs={"kfac_kwargs": {"damping": 0.1}})
    assert model.critic_optimizer.param_groups[0]["momentum"] == 0.0
    assert model.policy.optimizer.param_groups[0]["momentum"] == 0.9
