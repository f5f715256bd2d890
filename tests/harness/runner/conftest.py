"""Runs in a worker process of their own, as the supervisor starts them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from algos.registry import get_agent
from harness.envs import canonical_env_id, default_protocol
from harness.records import RunRecord
from harness.spec import RunSpec

MakeRun = Callable[..., RunRecord]
Start = Callable[[RunRecord], "subprocess.Popen[bytes]"]


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Create a pending run directory from an algo's preset; keywords override hyper-parameters."""

    def make(
        algo: str, env_id: str, n_timesteps: int, seed: int = 0, name: str = "a", **overrides: Any
    ) -> RunRecord:
        env_id = canonical_env_id(env_id)
        protocol = default_protocol(env_id)
        hyperparameters: Mapping[str, Any] = get_agent(algo).resolve(protocol.name, overrides=overrides)
        spec = RunSpec(
            algo=algo,
            env_id=env_id,
            protocol=protocol,
            n_timesteps=n_timesteps,
            hyperparameters=dict(hyperparameters),
            seed=seed,
        )
        record = RunRecord(tmp_path / name)
        record.create(spec.to_json(), "test")
        return record

    return make


@pytest.fixture
def start() -> Start:
    """Start a worker on a run directory, its output in ``log.txt``."""

    def begin(record: RunRecord) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "harness.runner", str(record.directory)]
        with record.log_file.open("ab") as log:
            return subprocess.Popen(
                command, stdout=log, stderr=log, env={**os.environ, "OMP_NUM_THREADS": "1"}
            )

    return begin


@pytest.fixture
def train(start: Start) -> Callable[[RunRecord], int]:
    """Run a worker to its end; return its exit code."""

    def run(record: RunRecord) -> int:
        return start(record).wait(timeout=240)

    return run
