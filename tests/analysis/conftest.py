"""Run directories fabricated file by file, independent of the code that writes real ones."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from analysis.reference import Reference
from harness.envs.names import is_mujoco


@dataclass
class FabricatedRuns:
    """Writes run directories below ``root``."""

    root: Path

    def add(
        self,
        returns: Sequence[float] = (),
        *,
        sweep: str = "sweep",
        agent: str = "acktr",
        algo: str | None = None,
        env_id: str = "PongNoFrameskip-v4",
        identity: str = "aaaaaaaa",
        seed: int = 0,
        state: str = "done",
        length: int = 10,
        n_timesteps: int = 10_000,
        steps_per_second: float | None = 500.0,
        error: str | None = None,
        hyperparameters: dict[str, Any] | None = None,
        protocol: dict[str, Any] | None = None,
        code: str = "0123456789abcdef",
    ) -> Path:
        """A run whose every episode takes ``length`` timesteps; returns its directory."""
        directory = self.root / sweep / agent / env_id.replace("/", "-") / identity / f"seed-{seed}"
        directory.mkdir(parents=True)
        spec = {
            "spec_version": 1,
            "algo": algo or agent,
            "label": agent,
            "env_id": env_id,
            "protocol": protocol or {"name": "mujoco" if is_mujoco(env_id) else "atari", "version": 1},
            "n_timesteps": n_timesteps,
            "hyperparameters": hyperparameters or {},
            "seed": seed,
        }
        run = {
            "record_version": 1,
            "sweep": sweep,
            "spec": spec,
            "attempts": [{"provenance": {"agent_digest": code}}],
        }
        (directory / "run.json").write_text(json.dumps(run))
        status = {
            "state": state,
            "heartbeat": 0.0,
            "timesteps": n_timesteps if state == "done" else length * len(returns),
            "n_timesteps": n_timesteps,
            "steps_per_second": steps_per_second,
            "error": error,
        }
        (directory / "status.json").write_text(json.dumps(status))
        rows = [f"{i},{length * i},0,{float(r)!r},{length},{i}.000" for i, r in enumerate(returns, start=1)]
        header = "episode,timestep,env_index,return,length,wall_time"
        (directory / "episodes.csv").write_text("\n".join([header, *rows]) + "\n")
        return directory


@pytest.fixture
def runs(tmp_path: Path) -> FabricatedRuns:
    return FabricatedRuns(tmp_path / "runs")


@pytest.fixture
def level() -> Callable[..., Reference]:
    return lambda value, source="a human", window=100: Reference(value, source, window)
