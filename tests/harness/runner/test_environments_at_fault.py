"""NaN from an environment ends a run of every agent before it comes to the parameters."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium.envs.classic_control import CartPoleEnv
from gymnasium.envs.mujoco.inverted_pendulum_v5 import InvertedPendulumEnv

from algos.registry import agent_names
from harness.records import RunRecord
from harness.runner.build import build_agent
from harness.runner.exit_codes import ExitCode

MakeRun = Callable[..., RunRecord]
Attempt = Callable[..., ExitCode]
AT = 60
"""The step that gives NaN; every agent has been updated before it."""

ON_POLICY = {"n_envs": 1, "n_steps": 25}
EPOCHS = {**ON_POLICY, "batch_size": 25, "n_epochs": 1}
OFF_POLICY = {"buffer_size": 200, "learning_starts": 20, "batch_size": 8}

CARTPOLE: dict[str, dict[str, Any]] = {
    "a2c": ON_POLICY,
    "acktr": ON_POLICY,
    "ars": {"n_delta": 1},
    "dqn": OFF_POLICY,
    "maskable_ppo": EPOCHS,
    "qrdqn": OFF_POLICY,
}
PENDULUM: dict[str, dict[str, Any]] = {
    "a2c": ON_POLICY,
    "acktr": ON_POLICY,
    "trpo": {**ON_POLICY, "batch_size": 25},
    "ppo": EPOCHS,
    "recurrent_ppo": EPOCHS,
    "sac": OFF_POLICY,
    "td3": OFF_POLICY,
    "ddpg": OFF_POLICY,
    "crossq": OFF_POLICY,
    "tqc": OFF_POLICY,
}


@pytest.fixture
def agents(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The agents that runs of this process build."""
    built: list[Any] = []

    def build(*arguments: Any) -> Any:
        built.append(build_agent(*arguments))
        return built[-1]

    monkeypatch.setattr("harness.runner.train.build_agent", build)
    return built


def go_blind(monkeypatch: pytest.MonkeyPatch, kind: type[Any], what: str) -> None:
    """Have environments of ``kind`` give NaN as ``what`` at their step ``AT``."""
    step, taken = kind.step, count(1)

    def faulty(env: Any, action: Any) -> tuple[Any, ...]:
        observation, reward, *rest = step(env, action)
        if next(taken) == AT:
            if what == "reward":
                reward = float("nan")
            else:
                observation = np.full_like(observation, np.nan)
        return (observation, reward, *rest)

    monkeypatch.setattr(kind, "step", faulty)


def assert_ended_before_the_parameters(record: RunRecord, agent: Any, message: str) -> None:
    status = record.status()
    assert (status["state"], status["error"]) == ("failed", message)
    assert status["timesteps"] == AT - 1
    assert not record.model_file.exists()
    assert agent._n_updates > 0
    assert all(torch.isfinite(value).all() for value in agent.policy.state_dict().values())


@pytest.mark.parametrize("what", ["reward", "observation"])
@pytest.mark.parametrize("algo", CARTPOLE)
def test_under_gym(
    algo: str,
    what: str,
    make_run: MakeRun,
    attempt: Attempt,
    agents: list[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(CartPoleEnv, "action_masks", lambda env: np.ones(2, np.bool_), raising=False)
    record = make_run(algo, "CartPole-v1", 200, **CARTPOLE[algo])
    go_blind(monkeypatch, CartPoleEnv, what)
    assert attempt(record) == ExitCode.ENVIRONMENT_FAULT
    said = f"CartPole-v1 (index 0): the {what} is not finite in float32"
    assert_ended_before_the_parameters(record, agents[0], said)


@pytest.mark.parametrize(("algo", "what"), list(zip(PENDULUM, ["reward", "observation"] * 5, strict=True)))
def test_under_mujoco(
    algo: str,
    what: str,
    make_run: MakeRun,
    attempt: Attempt,
    agents: list[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    record = make_run(algo, "InvertedPendulum-v5", 200, **PENDULUM[algo])
    go_blind(monkeypatch, InvertedPendulumEnv, what)
    assert attempt(record) == ExitCode.ENVIRONMENT_FAULT
    said = f"InvertedPendulum-v5 (index 0): the {what} is not finite in float32"
    assert_ended_before_the_parameters(record, agents[0], said)


@pytest.mark.usefixtures("rendering")
@pytest.mark.parametrize(
    ("what", "message"),
    [("observation", "the state is not finite"), ("reward", "the reward is not finite in float32")],
)
def test_under_mujoco_pixels(
    what: str,
    message: str,
    make_run: MakeRun,
    attempt: Attempt,
    agents: list[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    record = make_run("a2c", "InvertedPendulum-v5", 200, protocol="mujoco-pixels", **ON_POLICY)
    go_blind(monkeypatch, InvertedPendulumEnv, what)
    assert attempt(record) == ExitCode.ENVIRONMENT_FAULT
    assert_ended_before_the_parameters(record, agents[0], f"InvertedPendulum-v5 (index 0): {message}")


def test_no_agent_is_left_out() -> None:
    assert {*CARTPOLE, *PENDULUM} == set(agent_names())
