"""ACKTR under SB3's contract: every space, both forms, the trust region, save and load, learning."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from pydantic import ValidationError
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.logger import Logger

from algos.acktr import ACKTR
from algos.acktr_heads import shares_parameters
from algos.kfac import KFAC


class Toy(gymnasium.Env[Any, Any]):
    """Random observations and rewards, episodes of ten steps, on any spaces."""

    def __init__(self, observation_space: spaces.Space[Any], action_space: spaces.Space[Any]) -> None:
        self.observation_space, self.action_space = copy.deepcopy((observation_space, action_space))
        self._steps = 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        if seed is not None:
            self.observation_space.seed(seed)
        self._steps = 0
        return self.observation_space.sample(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self._steps += 1
        return self.observation_space.sample(), float(self._steps % 3), self._steps >= 10, False, {}


VECTOR = spaces.Box(-1, 1, (5,), np.float32)
IMAGE = spaces.Box(0, 255, (4, 36, 36), np.uint8)
TORQUES = spaces.Box(-1, 1, (2,), np.float32)
CNN = {"conv_layers": [[4, 8, 4], [8, 4, 2]], "features_dim": 16}


def recorded(model: ACKTR) -> dict[str, list[float]]:
    """Every value that the agent logs from now on, by key."""
    log: dict[str, list[float]] = {}

    class Recorder(Logger):
        def record(self, key: str, value: Any, exclude: Any = None) -> None:
            log.setdefault(key, []).append(float(value))

        def record_mean(self, key: str, value: Any, exclude: Any = None) -> None:
            self.record(key, value)

    model.set_logger(Recorder(folder=None, output_formats=[]))
    return log


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
def test_every_space_and_policy_trains(observation_space: Any, policy: str, action_space: Any) -> None:
    env = make_vec_env(lambda: Toy(observation_space, action_space), n_envs=2, seed=0)
    kwargs = CNN if policy == "PaperCnnPolicy" else {}
    model = ACKTR(policy, env, n_steps=8, seed=0, device="cpu", ent_coef=0.01, policy_kwargs=kwargs)
    before = [parameter.detach().clone() for parameter in model.policy.parameters()]
    model.learn(48)
    after = list(model.policy.parameters())
    assert all(torch.isfinite(parameter).all() for parameter in after)
    assert sum(not torch.equal(a, b) for a, b in zip(before, after, strict=True)) == len(after)


def test_shared_network_has_one_optimizer_and_separate_networks_two() -> None:
    image = make_vec_env(lambda: Toy(IMAGE, spaces.Discrete(3)), n_envs=1)
    shared = ACKTR("PaperCnnPolicy", image, policy_kwargs=CNN, device="cpu")
    vector = make_vec_env(lambda: Toy(VECTOR, TORQUES), n_envs=1)
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


def test_the_step_is_eta_max_or_the_radius_whichever_is_smaller() -> None:
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


def test_with_the_exact_metric_a_small_delta_is_the_realised_kl() -> None:
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


@pytest.mark.parametrize("policy", ["PaperMlpPolicy", "PaperCnnPolicy"])
def test_adaptive_sigma_follows_the_error_and_is_saved(tmp_path: Path, policy: str) -> None:
    space, kwargs = (IMAGE, CNN) if policy == "PaperCnnPolicy" else (VECTOR, {})
    env = make_vec_env(lambda: Toy(space, TORQUES), n_envs=2, seed=0)
    model = ACKTR(policy, env, n_steps=8, critic_sigma="adaptive", seed=0, device="cpu", policy_kwargs=kwargs)
    log = recorded(model)
    model.learn(64)
    buffer = model.rollout_buffer
    assert len(log["train/critic_sigma"]) == 4
    assert log["train/critic_sigma"][-1] == pytest.approx(float(model.running_sigma.sigma))
    assert 0.1 * buffer.returns.std() < log["train/critic_sigma"][-1] < 10 * buffer.returns.std()
    model.save(tmp_path / "model")
    loaded = ACKTR.load(tmp_path / "model", env=env, device="cpu")
    assert torch.equal(loaded.running_sigma.sigma, model.running_sigma.sigma)


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


@pytest.mark.parametrize("policy", ["PaperMlpPolicy", "PaperCnnPolicy"])
def test_a_loaded_agent_continues_bit_for_bit(tmp_path: Path, policy: str) -> None:
    space = IMAGE if policy == "PaperCnnPolicy" else VECTOR
    kwargs = CNN if policy == "PaperCnnPolicy" else {}

    def environment() -> Any:
        return make_vec_env(lambda: Toy(space, TORQUES), n_envs=2, seed=5)

    model = ACKTR(policy, environment(), n_steps=8, seed=1, device="cpu", policy_kwargs=kwargs)
    model.learn(64)
    model.save(tmp_path / "model")
    loaded = ACKTR.load(tmp_path / "model", env=environment(), device="cpu")
    model.set_env(environment())
    for agent in (model, loaded):
        agent.set_random_seed(9)
        agent.learn(64, reset_num_timesteps=True)
    ours, theirs = model.policy.state_dict(), loaded.policy.state_dict()
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)


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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_steps": 1}, "ACKTR needs at least 2 timesteps"),
        ({"kfac_kwargs": {"dampin": 1.0}}, "dampin"),
        ({"critic_kwargs": {"n_updates": 0}}, "n_updates"),
        ({"eta_max": -1.0}, "expected a number >= 0"),
        ({"critic_sigma": "adaptiv"}, "critic_sigma is 'adaptiv'; expected a positive number or 'adaptive'"),
        ({"critic_sigma": 0.0}, "critic_sigma is 0.0"),
        ({"policy_kwargs": {"optimizer_class": torch.optim.Adam}}, "ACKTR's optimizer is K-FAC"),
    ],
    ids=str,
)
def test_bad_arguments_are_refused(arguments: dict[str, Any], message: str) -> None:
    env = make_vec_env("CartPole-v1", n_envs=1)
    with pytest.raises((ValueError, ValidationError), match=message):
        ACKTR("MlpPolicy", env, device="cpu", **arguments)
