"""What a sweep's file and the commands' options say about tracking."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.commands.tracking_options import tracking
from harness.spec import SpecError
from harness.sweep.expand import load_sweep
from harness.sweep.worker import runner_command
from harness.tracking.settings import TrackingBlock, WandbBlock

SWEEP = "n_timesteps: 100\nseeds: 1\nenvs: [CartPole-v1]\nalgos: [a2c]\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "s.yaml"
    path.write_text(SWEEP)
    return path


def test_it_is_no_part_of_a_runs_identity(file: Path) -> None:
    plain = load_sweep(file)
    shown = load_sweep(file, ["tracking.wandb.mode=online", "tracking.tensorboard=true"])
    assert plain.tracking == TrackingBlock()
    assert not plain.tracking.wandb.enabled
    assert (shown.tracking.wandb.mode, shown.tracking.tensorboard) == ("online", True)
    assert plain.runs == shown.runs


def test_a_mode_alone_is_short_for_a_block(file: Path) -> None:
    file.write_text(f"{SWEEP}tracking: {{wandb: offline}}\n")
    assert load_sweep(file).tracking.wandb == WandbBlock(mode="offline")


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("{wandb: on}", r"s.yaml:5: tracking.wandb"),
        ("{wandb: {mode: live}}", r"s.yaml:5: tracking.wandb.mode: .*'online', 'offline' or 'disabled'"),
        ("{wandb: {projekt: x}}", r"tracking.wandb.projekt: unknown key; did you mean 'project'"),
        ("{wandb: {project: a/b}}", r"tracking.wandb.project"),
        ("{wandb: {finish_seconds: -1}}", r"tracking.wandb.finish_seconds: expected a number >= 0"),
        ("{tensorbord: true}", r"tracking.tensorbord: unknown key; did you mean 'tensorboard'"),
        ("{wandb: {api_key: abc}}", r"tracking.wandb.api_key: unknown key"),
    ],
)
def test_mistakes_are_named(file: Path, block: str, message: str) -> None:
    file.write_text(f"{SWEEP}tracking: {block}\n")
    with pytest.raises(SpecError, match=message):
        load_sweep(file)


def test_options_win_over_the_file() -> None:
    given = TrackingBlock(wandb=WandbBlock(mode="online", project="p"))
    assert tracking(given, None, False) == given
    over = tracking(given, "disabled", True)
    assert (over.wandb.mode, over.wandb.project, over.tensorboard) == ("disabled", "p", True)


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SpecError, match=r"wandb is not installed; expected this package's extra 'wandb'"):
        tracking(TrackingBlock(), "online", False)
    assert tracking(TrackingBlock(), "disabled", False) == TrackingBlock()


def test_the_worker_is_told_of_tensorboard_alone() -> None:
    assert runner_command("cpu", tensorboard=True)(Path("d"))[3:] == ["d", "--device", "cpu", "--tensorboard"]
    assert "--tensorboard" not in runner_command("cpu")(Path("d"))


def test_a_wrong_mode_is_one_line() -> None:
    arguments = [
        "run",
        "--algo",
        "a2c",
        "--env",
        "CartPole-v1",
        "--seed",
        "0",
        "--timesteps",
        "10",
        "--wandb",
        "live",
    ]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert "'live' is not one of 'online', 'offline', 'disabled'" in result.output
