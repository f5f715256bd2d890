"""``harness verify-resume``: what it prints and how it exits; the proof is tested beside the runner."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.runner.compare import Comparison
from harness.runner.verify import Interruption, Kill, Verdict, WorkerFailed
from harness.spec import RunSpec

ASKED = [
    "verify-resume",
    "--algo",
    "a2c",
    "--env",
    "CartPole-v1",
    "--seed",
    "3",
    "--timesteps",
    "1e3",
    "-k",
    "2",
]


def play(monkeypatch: pytest.MonkeyPatch, difference: str | None, resumed: int = 1) -> list[Any]:
    """Have the proof come out as told; return what it is called with."""
    calls: list[Any] = []

    def verify(spec: RunSpec, directory: Path, kills: int, **options: Any) -> Verdict:
        calls.append((spec, directory, kills, options))
        options["tell"]("whole run: 1.0 s")
        interruptions = [Interruption(1, Kill.SIGKILL, 0.5, -9), Interruption(1, Kill.POWER_CUT, 0.25, -9)]
        names = ("episodes.csv", "progress.csv", "final model")
        comparisons = [Comparison(1, name, difference if name == "progress.csv" else None) for name in names]
        return Verdict(1.0, interruptions, resumed, comparisons)

    monkeypatch.setattr("harness.runner.verify.verify_resume", verify)
    return calls


def test_an_exact_resume(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = play(monkeypatch, None)
    result = CliRunner().invoke(app, [*ASKED, "--set", "n_steps=7", "--checkpoint-seconds", "2"])
    assert result.exit_code == 0
    assert "SIGKILL, power cut   identical      identical      identical" in result.stdout
    assert result.stdout.endswith(
        "resume is exact: 2 interruptions, 1 resumed from a checkpoint, wall-clock columns aside\n"
    )
    assert result.stderr == "whole run: 1.0 s\n"
    ((spec, _, kills, options),) = calls
    assert (spec.algo, spec.seed, spec.n_timesteps, spec.hyperparameters["n_steps"]) == ("a2c", 3, 1000, 7)
    assert (kills, options["checkpoint_seconds"]) == (2, 2.0)


def test_one_that_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, "line 3: 1 instead of 2")
    result = CliRunner().invoke(app, ASKED)
    assert result.exit_code == 1
    assert "run 1, progress.csv: line 3: 1 instead of 2" in result.stdout
    assert "resume is NOT exact" in result.stdout
    in_json = CliRunner().invoke(app, [*ASKED, "--json"])
    assert in_json.exit_code == 1
    content = json.loads(in_json.stdout)
    assert content["exact"] is False
    assert content["interruptions"][1] == {
        "run": 1,
        "kind": "power cut",
        "after_seconds": 0.25,
        "exit_code": -9,
    }
    assert content["comparisons"][1]["difference"] == "line 3: 1 instead of 2"


def test_one_that_was_never_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, None, resumed=0)
    result = CliRunner().invoke(app, ASKED)
    assert result.exit_code == 1
    assert result.stdout.endswith(
        "every run began anew, which proves nothing: expected more --timesteps or more --kills\n"
    )
    in_json = CliRunner().invoke(app, [*ASKED, "--json"])
    assert (in_json.exit_code, json.loads(in_json.stdout)["resumed"]) == (1, 0)


def test_a_worker_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any, **options: Any) -> Verdict:
        raise WorkerFailed("whole: exit code 1: ValueError")

    monkeypatch.setattr("harness.runner.verify.verify_resume", fail)
    result = CliRunner().invoke(app, ASKED)
    assert (result.exit_code, result.stderr) == (1, "harness verify-resume: whole: exit code 1: ValueError\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--algo", "a2c"], "--env, --seed, --timesteps missing"),
        ([*ASKED[1:], "-k", "0"], "-k"),
        ([*ASKED[1:], "--algo", "a3c"], "unknown agent 'a3c'"),
        ([*ASKED[1:], "--algo", "dqn"], "dqn starts again from zero: exact resume exists for on-policy"),
        ([*ASKED[1:], "--keep", "full"], "--keep full: is not empty"),
        ([*ASKED[1:], "--keep", "full/file"], "--keep full/file: is not empty, or no directory"),
        ([*ASKED[1:], "--keep", "full/file/x"], "--keep full/file/x: cannot be written (Not a directory)"),
    ],
    ids=["missing", "kills", "algo", "off-policy", "keep", "keep in a file", "keep below a file"],
)
def test_mistakes_are_one_line(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    result = CliRunner().invoke(app, ["verify-resume", *arguments])
    assert result.exit_code == 2
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
