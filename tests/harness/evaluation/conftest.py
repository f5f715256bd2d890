"""Small trained runs, to be evaluated; who writes to one copies it before."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from algos.registry import get_agent
from harness.envs import AtariProtocol, GymProtocol, MujocoProtocol, Protocol
from harness.records import RunRecord
from harness.spec import RunSpec


def trained(
    directory: Path, env_id: str, protocol: Protocol, n_timesteps: int, algo: str = "a2c", **overrides: Any
) -> RunRecord:
    spec = RunSpec(
        algo=algo,
        env_id=env_id,
        protocol=protocol,
        n_timesteps=n_timesteps,
        hyperparameters=get_agent(algo).resolve(protocol.name, overrides=overrides),
        seed=0,
    )
    record = RunRecord(directory)
    record.create(spec.to_json(), "test")
    subprocess.run(
        [sys.executable, "-m", "harness.runner", str(directory)], check=True, capture_output=True, timeout=240
    )
    return record


@pytest.fixture(scope="session")
def hopper(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    return trained(tmp_path_factory.mktemp("hopper"), "Hopper-v5", MujocoProtocol(), 600, n_steps=200)


@pytest.fixture(scope="session")
def breakout(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    protocol = AtariProtocol(noop_max=0, max_frames_per_episode=2000)
    env_id = "BreakoutNoFrameskip-v4"
    return trained(tmp_path_factory.mktemp("breakout"), env_id, protocol, 40, n_envs=2, n_steps=10)


@pytest.fixture(scope="session")
def dqn(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    return trained(tmp_path_factory.mktemp("dqn"), "CartPole-v1", GymProtocol(), 200, algo="dqn")
