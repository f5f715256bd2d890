"""The committed sweep files: they load, and hold the paper's experiments."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.sweep.expand import load_sweep

SWEEPS = sorted((Path(__file__).resolve().parents[1] / "sweeps").glob("*.yaml"))


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_every_sweep_loads_and_says_what_it_is(path: Path) -> None:
    sweep = load_sweep(path)
    assert sweep.name == path.stem
    assert sweep.description
    assert sweep.runs


def by_name(name: str) -> dict[tuple[str, str], list[tuple[int, int]]]:
    """(label, environment) to (budget, batch size) of each seed."""
    rows: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for run in load_sweep(next(path for path in SWEEPS if path.stem == name)).runs:
        settings = run.hyperparameters
        batch = int(settings["n_envs"]) * int(settings["n_steps"])  # type: ignore[arg-type]
        rows.setdefault((run.label, run.env_id), []).append((run.n_timesteps, batch))
    return rows


def test_atari6_is_figure_1() -> None:
    rows = by_name("atari6")
    games = {env_id.removesuffix("NoFrameskip-v4") for _, env_id in rows}
    assert games == {"BeamRider", "Breakout", "Pong", "Qbert", "Seaquest", "SpaceInvaders"}
    batches = {"acktr-paper": 640, "acktr": 640, "a2c": 80, "trpo": 512}
    for (label, _), seeds in rows.items():
        assert seeds == [(10_000_000, batches[label])] * 2


def test_mujoco8_is_figure_3() -> None:
    rows = by_name("mujoco8")
    assert len({env_id for _, env_id in rows}) == 8
    batches = {"acktr-paper": 2500, "acktr": 1000, "a2c": 2500, "trpo": 25000}
    for (label, _), seeds in rows.items():
        assert seeds == [(1_000_000, batches[label])] * 3


def test_pixels3_is_figure_4() -> None:
    rows = by_name("pixels3")
    assert {env_id for _, env_id in rows} == {"HalfCheetah-v5", "Reacher-v5", "Walker2d-v5"}
    assert {label for label, _ in rows} == {"acktr-paper", "acktr", "a2c"}
    assert all(seeds == [(40_000_000, 8000)] * 3 for seeds in rows.values())
    runs = load_sweep(next(path for path in SWEEPS if path.stem == "pixels3")).runs
    assert {run.protocol.name for run in runs} == {"mujoco-pixels"}


def test_quickstart_is_small() -> None:
    rows = by_name("quickstart")
    assert {label for label, _ in rows} == {"acktr", "a2c", "trpo"}
    assert all(len(seeds) == 2 for seeds in rows.values())
    assert sum(budget for seeds in rows.values() for budget, _ in seeds) < 500_000
