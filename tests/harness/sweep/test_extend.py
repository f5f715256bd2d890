"""A longer budget goes on from the shorter run's end, where no schedule forbids it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.records import RunRecord, find_runs
from harness.runner.compare import WALL_CLOCK, compare
from harness.spec import RunSpec
from harness.sweep.extend import ShorterRuns, create_record
from harness.sweep.plan import PlannedRun

MakeRun = Callable[..., PlannedRun]
SWEEP = """
n_timesteps: {}
seeds: 1
envs: [CartPole-v1]
algos: {{a2c: {{hyperparameters: {{n_steps: 20, learning_rate: 0.001}}}}}}
device: cpu
"""


def run_sweep(n_timesteps: int, runs_dir: str) -> str:
    Path("s.yaml").write_text(SWEEP.format(n_timesteps))
    done = CliRunner().invoke(app, ["sweep", "s.yaml", "--runs-dir", runs_dir])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_an_extended_run_equals_a_whole_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run_sweep(400, "runs")
    (short,) = find_runs(Path("runs"))
    said = run_sweep(800, "runs")
    assert f"goes on from {short.directory} (400 timesteps)" in said
    longer = next(record for record in find_runs(Path("runs")) if record.directory != short.directory)
    run_sweep(800, "whole")
    (whole,) = find_runs(Path("whole"))
    differences = {found.what: found.difference for found in compare(whole, longer, 0)}
    assert set(WALL_CLOCK) <= set(differences)
    assert differences == dict.fromkeys(differences)
    assert [attempt["resumed_at"] for attempt in longer.attempts] == [0, 480]  # three batches of 160
    assert longer.content()["extends"] == {"directory": str(short.directory), "timesteps": 480}
    assert short.status()["timesteps"] == 480


def test_fresh_does_not_go_on_from_a_shorter_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run_sweep(160, "runs")
    Path("s.yaml").write_text(SWEEP.format(320))
    said = CliRunner().invoke(app, ["sweep", "s.yaml", "--fresh"]).stdout
    assert "goes on from" not in said
    longer = next(record for record in find_runs(Path("runs")) if record.spec["n_timesteps"] == 320)
    assert "extends" not in longer.content()
    assert [attempt["resumed_at"] for attempt in longer.attempts] == [0]


def finished(spec: RunSpec, tmp_path: Path, checkpoint: bool = True) -> RunRecord:
    record = RunRecord(spec.directory(tmp_path / "runs", "s"))
    record.create(spec.to_json(), "s")
    record.set_status("done", timesteps=spec.n_timesteps, n_timesteps=spec.n_timesteps)
    if checkpoint:
        (record.checkpoints_directory / f"step-{spec.n_timesteps:012d}").mkdir(parents=True)
    return record


def longer(spec: RunSpec, n_timesteps: int = 1000, **changes: Any) -> RunSpec:
    return spec.model_copy(update={"n_timesteps": n_timesteps, **changes})


def test_the_longest_shorter_run_of_the_same_setting_and_seed(fake_run: MakeRun, tmp_path: Path) -> None:
    spec = fake_run(0, gamma=0.9).spec
    finished(spec, tmp_path)
    best = finished(longer(spec, 500), tmp_path)
    finished(longer(spec, 2000), tmp_path)
    finished(longer(spec, 900, seed=1), tmp_path)
    finished(longer(spec, 900, hyperparameters={"gamma": 0.8}), tmp_path)
    finished(longer(spec, 950), tmp_path).set_status("running", timesteps=1)
    shorter = ShorterRuns(tmp_path / "runs" / "s").of(longer(spec))
    assert shorter is not None
    assert (shorter.record, shorter.n_timesteps, shorter.usable) == (best, 500, True)
    assert ShorterRuns(tmp_path / "runs" / "s").of(longer(spec, seed=7)) is None
    assert ShorterRuns(tmp_path / "runs" / "nothing").of(longer(spec)) is None


@pytest.mark.parametrize(
    ("settings", "checkpoint", "why"),
    [
        ({"learning_rate": {"linear": [0.1, 0.0]}}, True, "learning_rate change over the budget"),
        ({"kfac_kwargs": {"delta": {"quadratic": [1, 0]}}}, True, "kfac_kwargs.delta change over the budget"),
        ({"learning_rate": 0.1}, False, "it has no checkpoint"),
    ],
)
def test_what_cannot_go_on_says_so(
    settings: dict[str, Any], checkpoint: bool, why: str, fake_run: MakeRun, tmp_path: Path
) -> None:
    spec = fake_run(0, **settings).spec
    record = finished(spec, tmp_path, checkpoint)
    shorter = ShorterRuns(tmp_path / "runs" / "s").of(longer(spec))
    assert shorter is not None
    assert shorter.describe() == f"begins anew, not from {record.directory} (100 timesteps): {why}"
    target = RunRecord(longer(spec).directory(tmp_path / "runs", "s"))
    create_record(target, longer(spec), "s", shorter)
    assert "extends" not in target.content()
    assert target.status()["timesteps"] == 0


def test_a_damaged_checkpoint_is_not_gone_on_from(fake_run: MakeRun, tmp_path: Path) -> None:
    spec = fake_run(0).spec
    record = finished(spec, tmp_path)
    (next(record.checkpoints_directory.iterdir()) / "manifest.json").write_text(json.dumps({"sha256": ""}))
    target = RunRecord(longer(spec).directory(tmp_path / "runs", "s"))
    create_record(target, longer(spec), "s", ShorterRuns(tmp_path / "runs" / "s").of(longer(spec)))
    assert "does not match its checksum" in target.content()["extends"]["problem"]
    assert target.attempts == []
    assert not target.checkpoints_directory.exists()
