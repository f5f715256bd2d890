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
from harness.envs import canonical_env_id, protocol_class
from harness.records import RunRecord
from harness.runner.checkpoint import checkpoint_directories
from harness.runner.exit_codes import ExitCode
from harness.runner.options import Options
from harness.runner.stop import StopFlag
from harness.runner.train import run as run_here
from harness.spec import RunSpec

MakeRun = Callable[..., RunRecord]
Attempt = Callable[..., ExitCode]
Start = Callable[[RunRecord], "subprocess.Popen[bytes]"]


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Create a pending run directory from an algo's preset; keywords override hyper-parameters."""

    def make(
        algo: str,
        env_id: str,
        n_timesteps: int,
        seed: int = 0,
        name: str = "a",
        protocol: str | None = None,
        **overrides: Any,
    ) -> RunRecord:
        env_id = canonical_env_id(env_id)
        played = protocol_class(env_id, protocol)()
        hyperparameters: Mapping[str, Any] = get_agent(algo).resolve(played.name, overrides=overrides)
        spec = RunSpec(
            algo=algo,
            env_id=env_id,
            protocol=played,
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


class StopAt(StopFlag):
    """Becomes true once the run has a checkpoint at ``timesteps`` or later."""

    def __init__(self, record: RunRecord, timesteps: int) -> None:
        super().__init__()
        self.signal_name = "SIGTERM"
        self._record = record
        self._timesteps = timesteps

    def __bool__(self) -> bool:
        directories = checkpoint_directories(self._record.checkpoints_directory)
        return bool(directories) and int(directories[0].name.removeprefix("step-")) >= self._timesteps


@pytest.fixture
def attempt() -> Attempt:
    """Train in this process, with a checkpoint before each rollout; ``stop_at`` preempts it there."""

    def begin(record: RunRecord, stop_at: int | None = None, **options: Any) -> ExitCode:
        stop = StopFlag() if stop_at is None else StopAt(record, stop_at)
        return run_here(record, stop, Options(**{"checkpoint_seconds": 0.0, **options}))

    return begin
