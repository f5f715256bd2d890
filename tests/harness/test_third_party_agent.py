"""An agent of another package: installed with pip, listed, swept beside a built-in one, reported."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Harness = Callable[..., "subprocess.CompletedProcess[str]"]

PROJECT = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = "tiny-agents"
version = "1.0"

[project.entry-points."harness.algos"]
reinforce = "tiny_agents:Reinforce"
steady = "tiny_agents:Steady"
gated = "tiny_agents:Gated"

[tool.setuptools]
py-modules = ["tiny_agents"]
"""
AGENT = '''
"""REINFORCE in one file: SB3's A2C with Monte-Carlo returns and no critic."""

import torch
from stable_baselines3 import A2C


class Reinforce(A2C):
    presets = {"gym": {"n_envs": 2, "n_steps": 64}}

    def __init__(self, policy, env, learning_rate=1e-3, n_steps: int = 32, gamma=0.99, **runner):
        super().__init__(policy, env, learning_rate, n_steps, gamma, vf_coef=0.0, **runner)


class Steady(A2C):
    """A2C whose rollouts have one length."""

    def __init__(self, policy, env, learning_rate=1e-3, **runner):
        super().__init__(policy, env, learning_rate, n_steps=16, **runner)


class Gated(Steady):
    """Acts by what it learned outside of its policy."""

    def _setup_model(self):
        super()._setup_model()
        self.gate, self.level = torch.nn.Linear(1, 1), torch.zeros(1)

    def _get_torch_save_params(self):
        names, tensors = super()._get_torch_save_params()
        return [*names, "gate"], [*tensors, "level"]

    def train(self):
        super().train()
        torch.nn.init.constant_(self.gate.weight, 5.0)
        self.level.fill_(3.0)

    def predict(self, observation, *args, **kwargs):
        assert (float(self.gate.weight), float(self.level)) == (5.0, 3.0)
        return super().predict(observation, *args, **kwargs)
'''
SWEEP = """
n_timesteps: 512
seeds: 1
envs: [CartPole-v1]
algos:
  reinforce: {grid: {learning_rate: [1e-2, lin_1e-2]}}
  steady:
  a2c: {hyperparameters: {n_envs: 2}}
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the package installed in it."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("site")
    (source / "pyproject.toml").write_text(PROJECT)
    (source / "tiny_agents.py").write_text(AGENT)
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-index",
        "--no-deps",
        "--no-build-isolation",
    ]
    subprocess.run([*pip, "--target", str(target), str(source)], check=True, capture_output=True, timeout=120)
    return target


@pytest.fixture
def harness(site: Path, tmp_path: Path) -> Harness:
    """Run the command with the package on the path, in a directory of its own."""

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "harness.cli", *arguments]
        path = os.pathsep.join(filter(None, (str(site), os.environ.get("PYTHONPATH"))))
        environment = {**os.environ, "PYTHONPATH": path}
        return subprocess.run(
            command, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=240, check=False
        )

    return call


def test_it_is_listed_with_its_hyperparameters(harness: Harness) -> None:
    listed = json.loads(harness("algos", "--json").stdout)
    assert "reinforce" in [row["name"] for row in listed]
    assert "learning_rate" in harness("algos", "reinforce").stdout


def test_it_is_swept_and_reported_like_a_built_in_one(harness: Harness, tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(SWEEP)
    done = harness("sweep", "tiny.yaml", "--jobs", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    states = [
        json.loads(path.read_text())["state"] for path in tmp_path.glob("runs/tiny/*/*/*/*/status.json")
    ]
    assert states == ["done"] * 4
    spec = json.loads(next(tmp_path.glob("runs/tiny/reinforce/*/*/*/run.json")).read_text())["spec"]
    assert spec["hyperparameters"]["n_envs"] == 2
    assert spec["hyperparameters"]["gamma"] == 0.99
    rows = json.loads(harness("report", "tiny", "--json").stdout)["rows"]
    assert len(rows) == 4


def test_it_is_evaluated_with_all_that_it_learned(harness: Harness, tmp_path: Path) -> None:
    run = ("run", "--algo", "gated", "--env", "CartPole-v1", "--seed", "0", "--timesteps", "64")
    assert harness(*run).returncode == 0
    (directory,) = tmp_path.glob("runs/adhoc/gated/*/*/seed-0")
    for gone in (None, "checkpoints"):  # from the checkpoint, then from model.zip
        if gone is not None:
            shutil.rmtree(directory / gone)
        done = harness("evaluate", str(directory), "--episodes", "1")
        assert done.returncode == 0, done.stderr


def test_its_unknown_keys_are_refused(harness: Harness, tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(SWEEP.replace("learning_rate", "learning_rat"))
    refused = harness("sweep", "tiny.yaml")
    assert refused.returncode == 2
    assert "learning_rat" in refused.stderr
    assert "learning_rate" in refused.stderr
    assert not (tmp_path / "runs").exists()
