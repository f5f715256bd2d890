"""How the pages' commands are made small enough to execute: options, placeholders filled, a place."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tests.docs.blocks import ROOT

ONE_RUN = "--set n_timesteps=160 --set seeds=1 --set envs=[Breakout] --set algos=[a2c]"
FILLED = {
    "harness verify-resume --algo acktr --env …": "harness verify-resume --algo acktr --env CartPole-v1 "
    "--seed 0 --timesteps 4000 --set n_steps=250",
    "harness run --algo acktr --env Breakout --seed 5 --timesteps 1e6 --set …": "harness run --algo acktr "
    "--env Breakout --seed 5 --timesteps 1e6 --set delta=0.001",
    "harness run --algo acktr --env ENV --seed SEED --timesteps 1e6 --set …": "harness run --algo acktr "
    "--env InvertedPendulum-v5 --seed 11 --timesteps 1e6 --set adaptive_delta=false",
    "harness logs runs/atari6/acktr/…/seed-0 -f": "harness logs runs/atari6/a2c/*/*/seed-0 -f",
}
"""Commands with placeholders, and what a reader could put there."""

ADDED = {
    "harness sweep sweeps/atari6.yaml": ONE_RUN,
    "harness sweep sweeps/quickstart.yaml": ONE_RUN,
    "harness sweep first.yaml": "--set n_timesteps=512 --set seeds=1",
    "harness run --algo acktr --env Hopper-v5": "--timesteps 300",
    "harness run --algo acktr --env Breakout": "--timesteps 160",
    "harness run --algo acktr --env InvertedPendulum-v5": "--timesteps 300 --set n_steps=100",
    "harness reproduce figure3 --tier short --run": "--sweeps-dir small",
    "harness evaluate": "--episodes 1",
    "harness bench train": "--rounds 1 --threads 1 --scale 0.01 --only a2c-mujoco",
    "harness bench envs": "--rounds 1 --threads 1 --scale 0.01 --only envs-mujoco",
    "harness bench checkpoint": "--rollouts 1 --only acktr-mujoco",
    "harness bench table3": "small/mujoco8.yaml --threads 1 --scale 0.01",
}
"""Beginning of a command -> options of it that make the same small; the last one given counts."""

SMALL_SWEEP = """
n_timesteps: 500
seeds: 1
envs: [InvertedPendulum-v5]
algos: {a2c: {hyperparameters: {n_steps: 100}}}
tiers: {short: {n_timesteps: 400}}
"""


def small(line: str) -> str:
    """The command as it is executed."""
    line = FILLED.get(line, line)
    added = [options for beginning, options in ADDED.items() if line.startswith(beginning)]
    return " ".join([line, *added])


def make_place(directory: Path) -> Path:
    """A directory like the project's, with what the pages take as given: sweeps that ran, files of others."""
    for name in ("docs", "tests", "analysis"):
        (directory / name).symlink_to(ROOT / name)
    for name in ("sweeps", "slurm"):
        shutil.copytree(ROOT / name, directory / name)
    profile = (ROOT / "slurm" / "gpu.yaml").read_text(encoding="utf-8")
    (directory / "slurm" / "mine.yaml").write_text(profile, encoding="utf-8")
    (directory / "small").mkdir()
    (directory / "small" / "mujoco8.yaml").write_text(SMALL_SWEEP, encoding="utf-8")
    _monitor(directory / "logs" / "ppo" / "Pong_1", "PongNoFrameskip-v4", 1)
    for agent, slope in (("acktr", 2), ("trpo", 1)):
        _monitor(directory / "theirs" / agent / "Hopper-v5_1", "Hopper-v5", slope)
    curves = [f"Hopper-v5,sac,{step},{step / 10}" for step in (1000, 2000)]
    (directory / "curves.csv").write_text("\n".join(["env,algo,timestep,mean_reward", *curves]) + "\n")
    return directory


BEFORE = {
    "README.md": (
        "harness import theirs --sweep quickstart",
        "harness import theirs --sweep mujoco8",
        "harness import logs/ppo --sweep atari6",
    ),
    "docs/statistics.md": ("harness import logs/ppo --sweep atari6",),
}
"""Page -> what is executed before its commands."""


def _monitor(directory: Path, env_id: str, slope: int) -> None:
    directory.mkdir(parents=True)
    rows = [f"{slope * episode},40,{episode}.5" for episode in range(120)]
    header = f"#{json.dumps({'t_start': 0.0, 'env_id': env_id})}"
    (directory / "monitor.csv").write_text("\n".join([header, "r,l,t", *rows]) + "\n", encoding="utf-8")
