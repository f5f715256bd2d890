"""ACKTR: every space, both forms, the trust region, schedules, learning."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.env_util import make_vec_env

from algos.acktr import ACKTR
from algos.acktr.heads import shares_parameters
from algos.kfac import KFAC

VECTOR = spaces.Box(-1, 1, (5,), np.float32)
IMAGE = spaces.Box(0, 255, (4, 36, 36), np.uint8)
TORQUES = spaces.Box(-1, 1, (2,), np.float32)
CNN = {"conv_layers": [[4, 8, 4], [8, 4, 2]], "features_dim": 16}


@pytest.mark.parametrize(
    "action_space",
    [spaces.Discrete(3), TORQUES, spaces.MultiDiscrete([2, 3]), spaces.MultiBinary(3)],
    ids=str,
)
@pytest.mark.parametrize(
    ("observation_space", "policy"),
    [
        (VECTOR, "MlpPolicy"),
        (VECTOR, "PaperMlpPolicy"),
        (IMAGE, "PaperCnnPolicy"),
        (spaces.Dict({"a": VECTOR, "b": spaces.Discrete(3)}), "MultiInputPolicy"),
    ],
    ids=["mlp", "paper-mlp", "paper-cnn", "dict"],
)
def test_every_space_and_policy_trains(
    make_toy: Any, observation_space: Any, policy: str, action_space: Any
) -> None:
    env = make_toy(observation_space, action_space)
    kwargs = CNN if policy == "PaperCnnPolicy" else {}
    model = ACKTR(policy, env, n_steps=8, seed=0, device="cpu", ent_coef=0.01, policy_kwargs=kwargs)
    before = [parameter.detach().clone() for parameter in model.policy.parameters()]
    model.learn(48)
    after = list(model.policy.parameters())
    assert all(torch.isfinite(parameter).all() for parameter in after)
    assert sum(not torch.equal(a, b) for a, b in zip(before, after, strict=True)) == len(after)


def test_shared_network_has_one_optimizer_and_separate_networks_two(make_toy: Any) -> None:
    image = make_toy(IMAGE, spaces.Discrete(3))
    shared = ACKTR("PaperCnnPolicy", image, policy_kwargs=CNN, device="cpu")
    vector = make_toy(VECTOR, TORQUES)
    separate = ACKTR("PaperMlpPolicy", vector, device="cpu")
    assert shares_parameters(shared.policy)
    assert shared.critic_optimizer is None
    assert not shares_parameters(separate.policy)
    assert isinstance(separate.critic_optimizer, KFAC)
    for model in (shared, separate):
        optimizers = [model.policy.optimizer, model.critic_optimizer]
        covered = [p for o in optimizers if o is not None for g in o.param_groups for p in g["params"]]
        assert {id(p) for p in covered} == {id(p) for p in model.policy.parameters()}
        assert len(covered) == len({id(p) for p in covered})


def test_the_step_is_eta_max_or_the_radius_whichever_is_smaller(recorded: Any) -> None:
    env = make_vec_env("Pendulum-v1", n_envs=4, seed=0)
    for eta_max, clipped in ((1e-4, False), (1.0, True)):
        model = ACKTR("PaperMlpPolicy", env, eta_max=eta_max, delta=1e-3, n_steps=32, seed=0, device="cpu")
        log = recorded(model)
        model.learn(4 * 32 * 3)
        assert log["train/clipped"] == [float(clipped)] * 3
        if clipped:
            assert log["train/kl_predicted"] == pytest.approx([1e-3] * 3, rel=1e-3)
        else:
            assert log["train/eta_effective"] == pytest.approx([eta_max] * 3, rel=1e-5)


def test_with_the_exact_metric_a_small_delta_is_the_realised_kl(recorded: Any) -> None:
    env = make_vec_env("Pendulum-v1", n_envs=4, seed=0)
    kfac = {"metric": "exact", "momentum_order": "average_then_clip"}
    model = ACKTR(
        "PaperMlpPolicy",
        env,
        eta_max=1.0,
        delta=1e-5,
        n_steps=64,
        kfac_kwargs=kfac,
        kl_interval=1,
        seed=0,
        device="cpu",
    )
    log = recorded(model)
    model.learn(4 * 64 * 6)
    realised = np.array(log["train/kl_exact"])[np.array(log["train/clipped"]) == 1]
    assert len(realised) >= 4
    assert realised == pytest.approx(np.full(len(realised), 1e-5), rel=0.2)


def test_schedules_reach_the_optimizers() -> None:
    env = make_vec_env("CartPole-v1", n_envs=2, seed=0)
    model = ACKTR(
        "PaperMlpPolicy",
        env,
        eta_max="lin_1.0",
        delta={"linear": [0.01, 0.002]},
        critic_kwargs={"eta_max": "lin_0.5"},
        n_steps=8,
        device="cpu",
    )
    model.learn(64)
    actor, critic = model.policy.optimizer.param_groups[0], model.critic_optimizer.param_groups[0]
    assert actor["lr"] == pytest.approx(0.0)
    assert actor["delta"] == pytest.approx(0.002)
    assert critic["lr"] == pytest.approx(0.0)


def test_the_same_seed_gives_the_same_agent() -> None:
    def weights(seed: int) -> torch.Tensor:
        env = make_vec_env("CartPole-v1", n_envs=2, seed=seed)
        model = ACKTR("PaperMlpPolicy", env, n_steps=8, seed=seed, device="cpu").learn(64)
        return torch.nn.utils.parameters_to_vector(model.policy.parameters())

    assert torch.equal(weights(3), weights(3))
    assert not torch.equal(weights(3), weights(4))


def test_it_learns_cartpole() -> None:
    from algos.registry import get_agent

    settings = get_agent("acktr").resolve("gym")
    env = make_vec_env("CartPole-v1", n_envs=settings.pop("n_envs"), seed=0)
    model = ACKTR(env=env, seed=0, device="cpu", **settings).learn(20_000)
    returns = [episode["r"] for episode in list(model.ep_info_buffer)[-20:]]
    assert np.mean(returns) > 100
