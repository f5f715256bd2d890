from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.spec import RunSpec
from harness.sweep.plan import PlannedRun, plan_run
from harness.sweep.worker import Command

FAKE = Path(__file__).with_name("fake_worker.py")


def fake_spec(seed: int = 0, **hyperparameters: Any) -> RunSpec:
    return RunSpec.model_validate(
        {
            "algo": "a2c",
            "env_id": "CartPole-v1",
            "protocol": {"name": "gym"},
            "n_timesteps": 100,
            "hyperparameters": hyperparameters,
            "seed": seed,
        }
    )


@pytest.fixture
def fake_run(tmp_path: Path) -> Callable[..., PlannedRun]:
    """``fake_run(seed, end="fail")``: a planned run whose worker does as its hyper-parameters say."""
    return lambda seed=0, **hyperparameters: plan_run(
        fake_spec(seed, **hyperparameters), tmp_path / "runs", "s"
    )


@pytest.fixture
def fake_command() -> Command:
    return lambda directory: [sys.executable, str(FAKE), str(directory)]


@pytest.fixture
def counting_run(tmp_path: Path) -> Callable[..., PlannedRun]:
    """``counting_run(seed, n_timesteps)``: a run for ``counting_worker.py``, which does 10 a second."""

    def make(seed: int = 0, n_timesteps: int = 10) -> PlannedRun:
        spec = fake_spec(seed).model_copy(update={"n_timesteps": n_timesteps})
        return plan_run(spec, tmp_path / "runs", "s")

    return make
