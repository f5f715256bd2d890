"""What a checkpoint costs, as `harness bench checkpoint` says it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.bench import checkpoint
from harness.bench.checkpoint import CASES, Case, Cost, measure
from harness.cli import app


def test_a_case_is_trained_and_its_checkpoints_are_timed(tmp_path: Path) -> None:
    small = Case("", "a2c", "CartPole-v1", None, ("n_envs=1", "n_steps=50"))
    cost = measure("small", 3, 1, tmp_path, small.spec)
    assert cost.megabytes > 0
    assert 0 < cost.seconds < 60
    assert cost.steps_per_second > 0


def test_every_case_is_a_run() -> None:
    batches = {name: case.spec(2).n_timesteps for name, case in CASES.items()}
    assert batches["acktr-pixels"] == 2 * 100
    assert CASES["acktr-pixels"].spec(1).protocol.name == "mujoco-pixels"


def test_shares_are_those_of_the_rule() -> None:
    cheap, dear = Cost("x", 1.0, 0.6, 1000.0), Cost("x", 1.0, 60.0, 1000.0)
    assert (cheap.share, dear.share) == (pytest.approx(0.001), pytest.approx(0.01))
    assert cheap.share_of_long_run == pytest.approx(2 * 0.6 / 1000)  # 1000 s: one within, one at the end
    assert dear.share_of_long_run == pytest.approx(60 / 1000)


def test_the_command_prints_each_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        checkpoint, "measure", lambda name, rollouts, threads, directory: Cost(name, 1, 0.5, 800)
    )
    shown = CliRunner().invoke(app, ["bench", "checkpoint", "--only", "acktr-atari"])
    assert shown.exit_code == 0, shown.output
    assert "ACKTR on Breakout" in shown.output
    assert "0.083%" in shown.output
    told = CliRunner().invoke(app, ["bench", "checkpoint", "--json"])
    assert [row["case"] for row in json.loads(told.stdout)] == list(CASES)
    wrong = CliRunner().invoke(app, ["bench", "checkpoint", "--only", "atari"])
    assert wrong.exit_code == 2
    assert "expected one of: acktr-mujoco" in wrong.output
    nowhere = CliRunner().invoke(app, ["bench", "checkpoint", "--dir", "/nowhere"])
    assert nowhere.exit_code == 2
    assert "/nowhere: expected a writable directory" in nowhere.output
