"""An agent that takes action masks is refused in an environment without, before anything is written."""

from __future__ import annotations

import json
from pathlib import Path

import gymnasium
import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.spec import SpecError
from harness.sweep.expand import load_sweep
from harness.sweep.single import read_run, run_from_options
from tests.harness import corridor

EXPECTED = "expected an environment with a method action_masks(), as sb3_contrib's ActionMasker gives it"
SWEEP = "n_timesteps: 100\nseeds: 1\nenvs: [Corridor-v0, {env}]\nalgos: [acktr, maskable_ppo]\n"


def refusal(env_id: str) -> str:
    return f"maskable_ppo takes action masks and {env_id} offers none; {EXPECTED}"


@pytest.mark.parametrize("env_id", ["BareCorridor-v0", "CartPole-v1", "PongNoFrameskip-v4", "Hopper-v5"])
def test_a_sweep_is_refused_in_one_line(env_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("s.yaml").write_text(SWEEP.format(env=env_id))
    refused = CliRunner().invoke(app, ["sweep", "s.yaml"])
    assert refused.exit_code == 2
    assert refused.stderr == f"harness: s.yaml:3: envs.1: {refusal(env_id)}\n"
    assert not Path("runs").exists()


def test_a_sweep_of_environments_with_masks_is_not_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(SWEEP.format(env="MaskedCorridor-v0"))
    assert [(run.env_id, run.algo) for run in load_sweep(path).runs] == [
        (env_id, algo)
        for env_id in ("Corridor-v0", "MaskedCorridor-v0")
        for algo in ("acktr", "maskable_ppo")
    ]


def test_a_single_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        run_from_options("maskable_ppo", "CartPole-v1", 0, "100")
    assert str(caught.value) == f"--env: {refusal('CartPole-v1')}"
    run = run_from_options("maskable_ppo", "Corridor-v0", 0, "100").to_json()
    path = tmp_path / "run.json"
    path.write_text(json.dumps(run))
    assert read_run(path).env_id == "Corridor-v0"
    path.write_text(json.dumps({**run, "env_id": "CartPole-v1"}))
    with pytest.raises(SpecError) as caught:
        read_run(path)
    assert str(caught.value) == f"{path}: env_id: {refusal('CartPole-v1')}"


def test_an_environment_that_cannot_be_made_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> corridor.Corridor:
        raise RuntimeError("no\ncorridor")

    spec = gymnasium.envs.registration.EnvSpec("BrokenCorridor-v0", entry_point=broken)
    monkeypatch.setitem(gymnasium.registry, spec.id, spec)
    with pytest.raises(
        SpecError, match=r"^--env: BrokenCorridor-v0 cannot be made: RuntimeError: no corridor$"
    ):
        run_from_options("maskable_ppo", spec.id, 0, "100")
