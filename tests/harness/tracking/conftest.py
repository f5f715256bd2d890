"""Records that grow and are cut back as a worker's do, and a W&B server on the loopback interface."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from harness.records import EPISODE_COLUMNS, RunRecord
from harness.spec import RunSpec

API_KEY = "0123456789abcdef" * 2 + "01234567"
BATCH = 10
CLIENT_SECONDS = 180
"""How long the client waits for its own process and for the server; a machine may have other work."""


def load_here(name: str) -> ModuleType:
    """A module beside this file (the tests are no package)."""
    spec = importlib.util.spec_from_file_location(f"tracking_{name}", Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look for it
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def patient_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_X_SERVICE_WAIT", str(CLIENT_SECONDS))
    monkeypatch.setenv("WANDB_INIT_TIMEOUT", str(CLIENT_SECONDS))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A W&B server; the environment sends the client there."""
    for name in ("WANDB_DIR", "WANDB_PROJECT", "WANDB_ENTITY", "WANDB_MODE", "WANDB_SERVICE"):
        monkeypatch.delenv(name, raising=False)
    stub = load_here("stub_server").StubServer()
    monkeypatch.setenv("WANDB_BASE_URL", stub.url)
    monkeypatch.setenv("WANDB_API_KEY", API_KEY)
    monkeypatch.setenv("WANDB_X_FILE_STREAM_TRANSMIT_INTERVAL", "1")
    yield stub
    stub.close()


class GrowingRun:
    """A run whose rollouts are ``BATCH`` timesteps, with an episode in the middle and one at the end.

    A rollout's numbers depend on its timestep and ``flavour`` alone, as a deterministic run's do.
    """

    def __init__(self, directory: Path, seed: int = 0) -> None:
        self.record = RunRecord(directory)
        self.spec = RunSpec.model_validate(
            {
                "algo": "a2c",
                "env_id": "CartPole-v1",
                "protocol": {"name": "gym"},
                "n_timesteps": 100,
                "hyperparameters": {"n_steps": BATCH, "n_envs": 1},
                "seed": seed,
            }
        )
        self.record.create(self.spec.to_json(), "sweep")
        self.rollouts: list[str] = []

    def begin(self, resumed_at: int = 0) -> None:
        """An attempt begins: its record is cut back to the checkpoint."""
        self.record.begin_attempt({"agent_digest": "abc", "command": ["secret-free"]}, resumed_at=resumed_at)
        self.rollouts = self.rollouts[: resumed_at // BATCH]
        self._write()
        self.status("running", training_seconds=1.0)

    def train(self, until: int, flavour: str = "") -> None:
        """Whole rollouts up to timestep ``until``."""
        while len(self.rollouts) < until // BATCH:
            self.rollouts.append(flavour)
        self._write()

    def status(self, state: Any, **fields: Any) -> None:
        """Replace ``status.json``."""
        self.record.set_status(state, timesteps=len(self.rollouts) * BATCH, n_timesteps=100, **fields)

    def _write(self) -> None:
        rows, episodes = ["rollout/ep_rew_mean,time/fps,time/total_timesteps"], [",".join(EPISODE_COLUMNS)]
        for index, flavour in enumerate(self.rollouts):
            end = (index + 1) * BATCH
            shift = 0.5 if flavour else 0.0
            for half, timestep in ((1, end - BATCH // 2), (2, end)):
                episodes.append(f"{2 * index + half},{timestep},0,{timestep + shift},5,0.1")
            rows.append(f"{end * 2 + shift},{id(self) % 1000 + index},{end}")
        self.record.progress_file.write_text("".join(f"{row}\n" for row in rows))
        self.record.episodes_file.write_text("".join(f"{row}\n" for row in episodes))


@pytest.fixture
def growing(tmp_path: Path) -> Callable[..., GrowingRun]:
    """``growing(seed)``: a run directory in the usual place, to be grown by hand."""

    def make(seed: int = 0) -> GrowingRun:
        run = GrowingRun(tmp_path / "runs" / "sweep" / "a2c" / "CartPole-v1" / "hash" / f"seed-{seed}", seed)
        return run

    return make
