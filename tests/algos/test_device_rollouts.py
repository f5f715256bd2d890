"""Rollouts that stay on a device, tried on the CPU: one read a step, and the numbers of the other paths."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.env_util import make_vec_env

from algos.a2c import A2C
from algos.acktr import ACKTR
from algos.device_rollouts import DeviceRolloutBuffer, discounted_sums, drawn
from algos.kfac.host import read
from algos.ppo import PPO
from algos.rollouts import LeanRolloutBuffer
from algos.trpo import TRPO
from tests.algos.host_reads import HostReads, reads_that_wait

VECTOR = spaces.Box(-1, 1, (5,), np.float32)
IMAGE = spaces.Box(0, 255, (4, 36, 36), np.uint8)
TORQUES = spaces.Box(-1, 1, (2,), np.float32)
CNN = {"conv_layers": [[4, 8, 4], [8, 4, 2]], "features_dim": 16}
STEPS = 8


class ShortPendulum(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Pendulum whose episodes are cut off after 7 steps: a time-out in every rollout."""

    def __init__(self) -> None:
        super().__init__(gymnasium.make("Pendulum-v1", max_episode_steps=7))


def agent(cls: type[Any], env: Any, policy: str = "MlpPolicy", **kwargs: Any) -> Any:
    venv = make_vec_env(env, 2, seed=1) if not hasattr(env, "num_envs") else env
    kwargs = {"n_steps": STEPS, **kwargs}
    return cls(policy, venv, seed=1, device="cpu", **kwargs)


def on_device(cls: type[Any], env: Any, policy: str = "MlpPolicy", **kwargs: Any) -> Any:
    built = agent(cls, env, policy, **kwargs)
    assert type(built.rollout_buffer) is DeviceRolloutBuffer
    return built


def rollout(model: Any) -> bool:
    """One rollout without its update."""
    _, callback = model._setup_learn(10**6, None, False)
    return bool(model.collect_rollouts(model.env, callback, model.rollout_buffer, model.n_steps))


@pytest.fixture
def waiting() -> Any:
    """The CPU is a device that the host would wait for."""
    with reads_that_wait():
        yield


def test_the_count_sees_every_way_to_read() -> None:
    one = torch.ones(())
    ways: list[Any] = [
        lambda: one.item(),
        lambda: one.tolist(),
        lambda: one.numpy(),
        lambda: one.cpu(),
        lambda: float(one),
        lambda: int(one),
        lambda: bool(one),
        lambda: [0, 1][one.long()],
        lambda: np.asarray(one),
        lambda: torch.equal(one, one),
        lambda: torch.ones(3)[torch.ones(3) > 0],
        lambda: torch.ones(3).nonzero(),
        lambda: torch.ones(3).multinomial(1),
        lambda: torch.linalg.eigh(torch.eye(2)),
    ]
    for way in ways:
        with HostReads() as reads:
            way()
        assert len(reads.seen) == 1
    assert one.item() == 1.0
    with HostReads() as reads:
        torch.where(one > 0, one, 0.0).add_(1)
        torch.ones(3)[torch.tensor([0, 1])]
    assert reads.seen == []


@pytest.mark.parametrize("cls", [A2C, ACKTR, PPO, TRPO])
@pytest.mark.parametrize(
    "action_space",
    [TORQUES, spaces.Discrete(3), spaces.MultiDiscrete([2, 3]), spaces.MultiBinary(3)],
    ids=str,
)
@pytest.mark.parametrize("policy", ["MlpPolicy", "PaperCnnPolicy"])
def test_a_rollout_reads_its_actions_and_nothing_else(
    make_toy: Any, waiting: None, cls: type[Any], action_space: Any, policy: str
) -> None:
    images = policy == "PaperCnnPolicy"
    env = make_toy(IMAGE if images else VECTOR, action_space)
    model = on_device(cls, env, policy, policy_kwargs=dict(CNN if images else {}))
    assert model.rollout_buffer.columns.observations.dtype == (torch.uint8 if images else torch.float32)
    rollout(model)
    with HostReads() as reads:
        assert rollout(model)
    assert reads.seen == ["cpu", "numpy"] * STEPS
    model.train()
    model.learn(3 * 2 * STEPS)
    assert all(parameter.isfinite().all() for parameter in model.policy.parameters())


def test_a_rollout_that_ends_by_time_reads_nothing_more(waiting: None) -> None:
    model = on_device(A2C, ShortPendulum)
    rollout(model)
    before = model.rollout_buffer.rewards
    with HostReads() as reads:
        rollout(model)
    assert reads.seen == ["cpu", "numpy"] * STEPS
    assert (model.rollout_buffer.columns.rewards.numpy() != before).any()


@pytest.mark.parametrize("cls", [A2C, ACKTR])
@pytest.mark.parametrize("env", ["CartPole-v1", "Pendulum-v1", ShortPendulum])
def test_it_equals_the_rollout_of_the_cpu(cls: type[Any], env: Any) -> None:
    """Same actions from the same random stream, and what follows from them up to rounding."""
    ours = agent(cls, env, gae_lambda=0.9)
    assert type(ours.rollout_buffer) is LeanRolloutBuffer
    rollout(ours)
    after = torch.get_rng_state()
    with reads_that_wait():
        theirs = on_device(cls, env, gae_lambda=0.9)
        rollout(theirs)
    assert torch.equal(torch.get_rng_state(), after)
    for name in ("observations", "actions", "values", "log_probs", "advantages", "returns", "episode_starts"):
        expected, found = (getattr(model.rollout_buffer, name) for model in (ours, theirs))
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5, err_msg=name)
    np.testing.assert_allclose(
        theirs.rollout_buffer.columns.rewards, ours.rollout_buffer.rewards, rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize(
    ("cls", "kwargs"),
    [
        (A2C, {}),
        (PPO, {"n_epochs": 1, "batch_size": 16}),
        (TRPO, {"batch_size": 16}),
        (ACKTR, {"adaptive_delta": True, "normalize_advantage": True, "critic_sigma": "adaptive"}),
        (ACKTR, {"critic_kwargs": {"norm": "euclidean"}, "target_kl": 1e-3}),
        (ACKTR, {"kfac_kwargs": {"damping_mode": "eigen", "momentum_order": "clip_then_average"}}),
    ],
)
@pytest.mark.parametrize("env", ["CartPole-v1", "Pendulum-v1"])
def test_training_on_it_equals_training_on_the_cpu(cls: type[Any], kwargs: dict[str, Any], env: str) -> None:
    n_timesteps = 6 * 2 * STEPS  # rounding grows from update to update
    ours = agent(cls, env, **copy.deepcopy(kwargs)).learn(n_timesteps)
    with reads_that_wait():
        theirs = on_device(cls, env, **copy.deepcopy(kwargs)).learn(n_timesteps)
    for (name, expected), found in zip(
        ours.policy.named_parameters(), theirs.policy.parameters(), strict=True
    ):
        torch.testing.assert_close(found, expected, rtol=1e-2, atol=1e-3, msg=name)
    assert [i["r"] for i in theirs.ep_info_buffer] == pytest.approx(
        [i["r"] for i in ours.ep_info_buffer], rel=1e-3
    )


def test_an_update_of_a2c_reads_once(waiting: None) -> None:
    model = on_device(A2C, "Pendulum-v1")
    model.learn(2 * STEPS)
    rollout(model)
    with HostReads() as reads:
        model.train()
    assert reads.seen == ["tolist"]


def test_discrete_draws_are_those_of_multinomial() -> None:
    distribution = torch.distributions.Categorical(logits=torch.randn(7, 5))
    torch.manual_seed(3)
    expected = [distribution.sample() for _ in range(200)]
    after = torch.get_rng_state()
    torch.manual_seed(3)
    assert all(map(torch.equal, (drawn(distribution) for _ in range(200)), expected))
    assert torch.equal(torch.get_rng_state(), after)


@pytest.mark.parametrize("length", [1, 2, 3, 8, 13])
def test_discounted_sums_obey_their_recursion(length: int) -> None:
    terms, decays = torch.randn(length, 3).double(), torch.rand(length, 3).double()
    decays[length // 2] = 0
    total = torch.zeros(3).double()
    for t in reversed(range(length)):
        total = terms[t] + decays[t] * total
        torch.testing.assert_close(discounted_sums(terms, decays)[t], total)


def test_minibatches_hold_each_timestep_once(waiting: None) -> None:
    model = on_device(PPO, "Pendulum-v1", batch_size=6)
    rollout(model)
    whole = next(model.rollout_buffer.get(None))
    parts = list(model.rollout_buffer.get(6))
    assert [len(part.returns) for part in parts] == [6, 6, 4]
    assert sorted(torch.cat([part.returns for part in parts]).tolist()) == sorted(whole.returns.tolist())
    torch.testing.assert_close(whole.observations[7 * 2 + 1], model.rollout_buffer.columns.observations[7, 1])


def test_a_saved_agent_takes_the_buffer_of_where_it_is_loaded(tmp_path: Path) -> None:
    with reads_that_wait():
        on_device(A2C, "Pendulum-v1").learn(16).save(tmp_path / "model")
    there = A2C.load(tmp_path / "model", env=make_vec_env("Pendulum-v1", 2), device="cpu")
    assert type(there.rollout_buffer) is LeanRolloutBuffer
    there.learn(16).save(tmp_path / "back")
    with reads_that_wait():
        back = A2C.load(tmp_path / "back", env=make_vec_env("Pendulum-v1", 2), device="cpu")
        assert type(back.rollout_buffer) is DeviceRolloutBuffer
        back.learn(16)


def test_values_are_read_in_their_order_and_kind() -> None:
    with HostReads() as reads:
        numbers = read({"a": 2, "b": torch.tensor(3), "c": torch.tensor(True), "d": torch.tensor(0.1)})
    assert reads.seen == ["tolist"]
    assert list(numbers.items()) == [("a", 2), ("b", 3), ("c", 1.0), ("d", torch.tensor(0.1).item())]
    assert [type(number) for number in numbers.values()] == [int, int, float, float]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("cls", [A2C, ACKTR])
def test_on_cuda_a_rollout_waits_for_its_actions_only(
    make_toy: Any, monkeypatch: pytest.MonkeyPatch, cls: type[Any]
) -> None:
    env = make_toy(IMAGE, spaces.Discrete(3))
    model = cls("PaperCnnPolicy", env, n_steps=STEPS, device="cuda", policy_kwargs=dict(CNN)).learn(2 * STEPS)
    to_host, reads = torch.Tensor.cpu, []

    def allowed(tensor: torch.Tensor) -> torch.Tensor:
        torch.cuda.set_sync_debug_mode("default")
        try:
            reads.append(tensor.shape)
            return to_host(tensor)
        finally:
            torch.cuda.set_sync_debug_mode("error")

    monkeypatch.setattr(torch.Tensor, "cpu", allowed)
    torch.cuda.set_sync_debug_mode("error")
    try:
        rollout(model)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert reads == [(2,)] * STEPS
