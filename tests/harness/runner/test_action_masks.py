"""Agents that take action masks: no invalid action in training, after resuming, or in an evaluation."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.evaluation.evaluate import Settings, evaluate
from harness.records import RunRecord
from harness.runner.compare import compare
from harness.runner.exit_codes import ExitCode
from tests.harness import corridor

MakeRun = Callable[..., RunRecord]
Attempt = Callable[..., ExitCode]
SMALL = {"n_envs": 2, "n_steps": 50, "batch_size": 50, "n_epochs": 2}
ENV_IDS = ["Corridor-v0", "MaskedCorridor-v0"]


@pytest.mark.parametrize("env_id", ENV_IDS)
def test_only_valid_actions_are_taken_in_training_and_evaluation(
    env_id: str, make_run: MakeRun, attempt: Attempt
) -> None:
    record = make_run("maskable_ppo", env_id, 600, **SMALL)
    assert attempt(record) == ExitCode.DONE
    assert record.status()["timesteps"] == 600
    assert record.attempts[-1]["exact_resume"] is True
    episodes = record.episodes()
    assert len(episodes) == record.status()["episodes"] > 50
    assert set(episodes["env_index"]) == {0, 1}
    for deterministic in (False, True):
        played = evaluate(record, Settings(n_episodes=20, deterministic=deterministic)).episodes
        assert len(played) == 20
        assert any(episode.length > 1 for episode in played)


@pytest.mark.parametrize("env_id", ENV_IDS)
def test_without_masks_an_invalid_action_ends_the_run(
    env_id: str, make_run: MakeRun, attempt: Attempt
) -> None:
    """The environments of these tests would notice."""
    record = make_run("ppo", env_id, 600, **SMALL)
    assert attempt(record) == ExitCode.ENVIRONMENT_FAULT
    assert record.status()["error"].startswith(f"environment {env_id} raised ValueError: move ")


def test_an_evaluation_passes_the_masks(
    make_run: MakeRun, attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = make_run("maskable_ppo", "Corridor-v0", 100, **SMALL)
    assert attempt(record) == ExitCode.DONE
    monkeypatch.setattr("harness.evaluation.play.takes_action_masks", lambda agent_class: False)
    with pytest.raises(ValueError, match="move"):
        evaluate(record, Settings(n_episodes=20))


@pytest.mark.parametrize("env_id", ENV_IDS)
def test_a_stopped_run_goes_on_exactly(env_id: str, make_run: MakeRun, attempt: Attempt) -> None:
    whole, cut = (make_run("maskable_ppo", env_id, 600, name=name, **SMALL) for name in "ab")
    assert attempt(whole) == ExitCode.DONE
    assert attempt(cut, stop_at=300) == ExitCode.PREEMPTED
    assert attempt(cut) == ExitCode.DONE
    assert cut.attempts[-1]["resumed_at"] == 300
    assert [one.difference for one in compare(whole, cut, 1)] == [None, None, None]


@pytest.mark.timeout(900)  # processes that import everything
def test_an_environment_of_another_package_is_trained_on_and_its_resume_verified(tmp_path: Path) -> None:
    metadata = tmp_path / "corridors-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: corridors\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[harness.envs]\ncorridors = corridors\n")
    shutil.copy(corridor.__file__, tmp_path / "corridors.py")
    paths = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    options = ["--algo", "maskable_ppo", "--env", "MaskedCorridor-v0", "--seed", "1", "--timesteps", "1000"]
    settings = [f"--set={name}={value}" for name, value in SMALL.items()]
    done = subprocess.run(
        [sys.executable, "-m", "harness.cli", "verify-resume", *options, *settings, "-k", "1"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert "resume is exact: 1 interruptions" in done.stdout, done.stderr
