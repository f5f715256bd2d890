"""Evaluations of small trained runs, beside an evaluation by hand."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.envs.mujoco.hopper_v5 import HopperEnv
from stable_baselines3 import A2C
from typer.testing import CliRunner

from harness.cli import app
from harness.envs import AtariProtocol, AtariStickyProtocol, GymProtocol, MujocoProtocol
from harness.envs.seeding import episode_seed
from harness.evaluation.evaluate import (
    MAX_ENVS,
    Settings,
    evaluate,
    evaluation_protocol,
    evaluation_seed,
)
from harness.evaluation.record import EVALUATION_COLUMNS, read_evaluations
from harness.records import RecordError, RunRecord
from harness.spec import MAX_SEED


@pytest.fixture
def copy(hopper: RunRecord, tmp_path: Path) -> RunRecord:
    return RunRecord(Path(shutil.copytree(hopper.directory, tmp_path / "run")))


def test_deterministic_returns_are_those_of_the_saved_model_played_by_hand(hopper: RunRecord) -> None:
    result = evaluate(hopper, Settings(n_episodes=3, deterministic=True, seed=5))
    model = A2C.load(hopper.model_file)
    statistics = np.load(hopper.protocol_state_file)
    for episode in result.episodes:
        env = gymnasium.make("Hopper-v5")
        observation, _ = env.reset(seed=episode_seed(MAX_SEED + 1 + 5, episode.env_index, episode.episode))
        total, length, over = 0.0, 0, False
        while not over:
            scaled = (observation - statistics["obs_mean"]) / np.sqrt(statistics["obs_var"] + 1e-8)
            action, _ = model.predict(np.clip(scaled, -10, 10).astype(np.float32), deterministic=True)
            observation, reward, terminated, truncated, _ = env.step(action)
            total, length, over = total + float(reward), length + 1, terminated or truncated
        assert episode.length == length
        assert episode.episode_return == pytest.approx(total, rel=1e-4)


def test_the_training_record_stays_as_it_was(copy: RunRecord) -> None:
    def contents() -> dict[str, bytes]:
        return {
            path.name: path.read_bytes()
            for path in copy.directory.iterdir()
            if path.is_file() and not path.name.startswith("evaluation-")
        }

    before = contents()
    evaluate(copy, Settings(n_episodes=2)).write(copy)
    assert contents() == before


def test_an_evaluation_can_be_repeated_and_depends_on_its_seed_and_actions(copy: RunRecord) -> None:
    settings = Settings(n_episodes=4, seed=1)
    first, again = (evaluate(copy, settings) for _ in range(2))
    assert again.episodes == first.episodes
    others = [Settings(n_episodes=4, seed=2), Settings(n_episodes=4, seed=1, deterministic=True)]
    for other in others:
        result = evaluate(copy, other)
        assert [e.episode_return for e in result.episodes] != [e.episode_return for e in first.episodes]
        assert result.name != first.name
        assert result.parameters == first.parameters


def test_every_environment_plays_its_share(hopper: RunRecord) -> None:
    n_episodes = MAX_ENVS + 3
    result = evaluate(hopper, Settings(n_episodes=n_episodes))
    shares = [sum(e.env_index == index for e in result.episodes) for index in range(MAX_ENVS)]
    assert shares == [2, 2, 2] + [1] * (MAX_ENVS - 3)
    assert len({episode.seed for episode in result.episodes}) == n_episodes


def test_no_training_run_can_have_the_seeds_of_an_evaluation() -> None:
    assert evaluation_seed(0) > MAX_SEED
    training = {episode_seed(0, index, number) for index in range(8) for number in range(100)}
    evaluated = {
        episode_seed(evaluation_seed(0), index, number) for index in range(8) for number in range(100)
    }
    assert not training & evaluated


def test_atari_is_evaluated_with_30_noop_starts_and_sticky_actions_without() -> None:
    assert evaluation_protocol(AtariProtocol(noop_max=0, frame_skip=2)) == AtariProtocol(frame_skip=2)
    for protocol in (AtariStickyProtocol(), MujocoProtocol(), GymProtocol()):
        assert evaluation_protocol(protocol) == protocol


def test_the_files_hold_every_episode_and_a_summary_by_named_references(
    breakout: RunRecord, tmp_path: Path
) -> None:
    record = RunRecord(Path(shutil.copytree(breakout.directory, tmp_path / "run")))
    result = evaluate(record, Settings(n_episodes=3))
    path = result.write(record)
    assert path == record.directory / "evaluation-40-sampled-n3-seed0.json"
    with path.with_suffix(".csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == EVALUATION_COLUMNS
    returns = [float(row["return"]) for row in rows]
    (content,) = read_evaluations(record)
    assert content["return"]["mean"] == pytest.approx(np.mean(returns))
    assert content["return"]["std"] == pytest.approx(np.std(returns, ddof=1))
    assert content["protocol"]["noop_max"] == 30
    labels = {row["reference"]: row for row in content["references"]}
    assert set(labels) == {"mnih2015 v1", "wang2016 v1"}
    expected = (np.mean(returns) - 1.7) / (31.8 - 1.7)
    assert labels["mnih2015 v1"]["human_normalized"] == pytest.approx(expected)
    path.write_text(json.dumps({**content, "evaluation_version": 99}))
    with pytest.raises(RecordError, match="evaluation_version is 99, expected 1"):
        read_evaluations(record)


def test_a_run_at_work_is_evaluated_from_its_checkpoint_and_a_bare_model_as_well(copy: RunRecord) -> None:
    whole = evaluate(copy, Settings(n_episodes=2))
    model, checkpoints = copy.model_file, copy.checkpoints_directory
    model.rename(model.with_suffix(".aside"))
    from_checkpoint = evaluate(copy, Settings(n_episodes=2))
    shutil.rmtree(checkpoints)
    with pytest.raises(RecordError, match=r"no intact checkpoint and no model\.zip yet"):
        evaluate(copy, Settings(n_episodes=2))
    model.with_suffix(".aside").rename(model)
    from_model = evaluate(copy, Settings(n_episodes=2))
    for result in (from_checkpoint, from_model):
        assert (result.episodes, result.timesteps) == (whole.episodes, whole.timesteps)
        assert result.parameters == whole.parameters


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        (("--episodes", "0"), "--episodes 0: expected a number >= 1"),
        (("--seed", "-1"), "--seed -1: expected a number from 0 to"),
        (("--device", "tpu"), "--device tpu: expected cpu, cuda or auto"),
        (("--video", "film.avi"), "--video film.avi: expected a file name that ends in .mp4"),
        (("--video", "nowhere/film.mp4"), "--video nowhere/film.mp4: cannot be written; expected a file in"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_mistakes_are_one_line(
    arguments: tuple[str, ...], fragment: str, copy: RunRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(copy.directory)
    refused = CliRunner().invoke(app, ["evaluate", ".", *arguments])
    assert refused.exit_code == 2
    assert refused.stderr.startswith(f"harness: {fragment}")
    assert len(refused.stderr.splitlines()) == 1
    assert not list(copy.directory.glob("evaluation-*"))


def test_what_is_no_run_directory_is_named(tmp_path: Path, copy: RunRecord) -> None:
    refused = CliRunner().invoke(app, ["evaluate", str(tmp_path / "nothing")])
    assert refused.exit_code == 2
    assert "nothing: no run directory (it has no run.json); expected one as in runs/" in refused.stderr
    content = json.loads(copy.run_file.read_text())
    content["spec"]["protocol"]["name"] = "atary"
    copy.run_file.write_text(json.dumps(content))
    refused = CliRunner().invoke(app, ["evaluate", str(copy.directory)])
    assert refused.exit_code == 2
    assert "run.json: spec.protocol: " in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_an_environment_that_raises_is_named(copy: RunRecord, monkeypatch: pytest.MonkeyPatch) -> None:
    def step(env: HopperEnv, action: Any) -> None:
        raise KeyError("no such body")

    monkeypatch.setattr(HopperEnv, "step", step)
    refused = CliRunner().invoke(app, ["evaluate", str(copy.directory)])
    assert refused.exit_code == 2
    assert refused.stderr == "harness: environment Hopper-v5 raised KeyError: 'no such body'\n"


def test_the_command_prints_the_result_and_says_what_it_wrote(copy: RunRecord) -> None:
    done = CliRunner().invoke(app, ["evaluate", str(copy.directory), "--episodes", "2"])
    assert done.exit_code == 0
    assert done.stdout.startswith("Hopper-v5, protocol mujoco v1, after 600 timesteps\nreturn ")
    assert "2 episodes, sampled actions, seed 0" in done.stdout
    assert "wrote " in done.stderr
    shown = CliRunner().invoke(app, ["evaluate", str(copy.directory), "--episodes", "2", "--json"])
    assert json.loads(shown.stdout)["return"] == read_evaluations(copy)[0]["return"]


def test_what_cannot_be_played_is_one_line(copy: RunRecord) -> None:
    def refused() -> str:
        result = CliRunner().invoke(app, ["evaluate", str(copy.directory), "--episodes", "1"])
        assert result.exit_code == 2
        assert len(result.stderr.splitlines()) == 1
        return result.stderr

    content = json.loads(copy.run_file.read_text())
    other = {**content["spec"], "env_id": "Ant-v5"}
    copy.run_file.write_text(json.dumps({**content, "spec": other}))
    assert "its parameters are not this agent's (" in refused()
    imported = {**content["spec"], "protocol": {"name": "imported", "version": 1}}
    copy.run_file.write_text(json.dumps({**content, "spec": imported}))
    assert "was imported, so that there is no agent to evaluate" in refused()


def test_a_checkpoint_that_cannot_be_read_is_passed_over(copy: RunRecord) -> None:
    (checkpoint,) = copy.checkpoints_directory.iterdir()
    (checkpoint / "manifest.json").unlink()
    (checkpoint / "manifest.json").mkdir()  # an OSError for root, too
    assert evaluate(copy, Settings(n_episodes=1)).timesteps == 600
    copy.model_file.unlink()
    copy.model_file.mkdir()
    with pytest.raises(RecordError, match="the final model is damaged"):
        evaluate(copy, Settings(n_episodes=1))
