"""Small sweeps for the paper's figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.load import Setting, load_sweeps
from analysis.paper.figures import FIGURES

N_EPISODES = 40


def write_progress(directory: Path, exact: Sequence[float], predicted: Sequence[float]) -> None:
    """A row per update, the first one without metrics, as the training writes them."""
    rows = [
        f"{update},{update},{e},{p}" for update, (e, p) in enumerate(zip(exact, predicted, strict=True), 1)
    ]
    header = "time/total_timesteps,train/n_updates,train/kl_exact,train/kl_predicted"
    (directory / "progress.csv").write_text("\n".join([header, "0,,,", *rows]) + "\n")


@pytest.fixture
def load(runs) -> Callable[[], tuple[Setting, ...]]:
    """Every sweep that was fabricated."""
    return lambda: load_sweeps(runs.root, sorted(path.name for path in runs.root.iterdir())).settings


@pytest.fixture
def add_figure(runs) -> Callable[..., None]:
    """Fabricates runs for every panel of a figure: two agents, a tenth of the paper's budget."""

    def add(figure_id: str, *, seeds: int = 2, tier: str = "-smoke", **fields: Any) -> None:
        generator = np.random.default_rng(0)
        for sweep, env_id, timesteps in {(p.sweep, p.env_id, p.timesteps) for p in FIGURES[figure_id].panels}:
            for agent in ("a2c", "acktr"):
                for seed in range(seeds):
                    directory = runs.add(
                        np.linspace(0, 10, N_EPISODES) + generator.normal(size=N_EPISODES),
                        sweep=sweep + tier,
                        agent=agent,
                        env_id=env_id,
                        seed=seed,
                        length=timesteps // 10 // N_EPISODES,
                        n_timesteps=timesteps // 10,
                        hyperparameters={"n_envs": 4, "n_steps": 10, "delta": 0.001},
                        **fields,
                    )
                    if sweep == "kl" and agent == "acktr":
                        write_progress(directory, generator.uniform(1, 2, 20), np.ones(20))

    return add
