"""One run as a process: what it leaves behind, that it repeats itself, and how it ends."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from stable_baselines3.common.base_class import BaseAlgorithm

from algos.registry import get_agent
from harness.records import RunRecord
from harness.runner.exit_codes import ExitCode

MakeRun = Callable[..., RunRecord]
Train = Callable[[RunRecord], int]
Attempt = Callable[..., ExitCode]
SMALL_ATARI = {"n_envs": 8, "n_steps": 48, "kfac_kwargs": {"stats_batch": 32}}


def episodes_without_wall_time(record: RunRecord) -> list[str]:
    lines = record.episodes_file.read_text().splitlines()
    return [line.rpartition(",")[0] for line in lines]


@pytest.mark.parametrize(
    ("env_id", "n_timesteps", "overrides"),
    [("Hopper-v5", 1500, {"n_steps": 250}), ("Breakout", 1900, SMALL_ATARI)],
    ids=["mujoco", "atari"],
)
def test_the_same_runspec_gives_the_same_episodes(
    make_run: MakeRun,
    train: Train,
    attempt: Attempt,
    env_id: str,
    n_timesteps: int,
    overrides: dict[str, Any],
) -> None:
    """In a worker, and in a process that has run other things before."""
    records = [
        make_run("acktr", env_id, n_timesteps, seed=seed, name=name, **overrides)
        for name, seed in (("first", 3), ("again", 3), ("other", 4))
    ]
    assert train(records[0]) == 0
    assert [attempt(record, checkpoint_seconds=600) for record in records[1:]] == [0, 0]
    first, again, other = (episodes_without_wall_time(record) for record in records)
    assert len(first) > 5
    assert first == again
    assert first != other
    assert records[0].episodes().iloc[-1]["timestep"] <= records[0].status()["timesteps"]


@pytest.mark.parametrize("algo", ["a2c", "trpo"])
def test_the_baselines_repeat_themselves(
    make_run: MakeRun, train: Train, attempt: Attempt, algo: str
) -> None:
    records = [make_run(algo, "InvertedPendulum-v5", 600, name=name, n_steps=200) for name in "ab"]
    assert [train(records[0]), attempt(records[1])] == [0, 0]
    first, again = (episodes_without_wall_time(record) for record in records)
    assert len(first) > 5
    assert first == again


@pytest.mark.parametrize(
    ("algo", "env_id", "overrides"),
    [
        ("ppo", "CartPole-v1", {"n_steps": 64}),
        ("recurrent_ppo", "CartPole-v1", {"n_steps": 64}),
        ("ars", "CartPole-v1", {"n_delta": 2, "delta_std": "lin_0.5"}),
        ("ars", "InvertedPendulum-v5", {"n_envs": 2, "n_eval_episodes": 2, "policy": "LinearPolicy"}),
        ("dqn", "CartPole-v1", {"buffer_size": 1000}),
        ("sac", "InvertedPendulum-v5", {"buffer_size": 1000}),
    ],
    ids=["ppo", "recurrent_ppo", "ars", "ars-linear", "dqn", "sac"],
)
def test_agents_of_sb3_run_by_name(
    make_run: MakeRun, attempt: Attempt, algo: str, env_id: str, overrides: dict[str, Any]
) -> None:
    record = make_run(algo, env_id, 300, **overrides)
    assert attempt(record, checkpoint_seconds=600) == 0, record.status()
    assert record.status()["timesteps"] >= 300
    episodes = record.episodes()
    assert len(episodes) >= 2
    n_envs = record.spec["hyperparameters"]["n_envs"]
    ends = episodes.groupby("env_index")["timestep"].max()
    lengths = episodes.groupby("env_index")["length"].sum()
    assert (lengths * n_envs <= ends).all()
    assert (n_envs > 1) or (lengths == ends).all()
    assert not record.progress().empty


def test_a_finished_run_holds_every_file_of_the_design(make_run: MakeRun, train: Train) -> None:
    record = make_run("acktr", "InvertedPendulum-v5", 3000)
    assert train(record) == 0
    status = record.status()
    assert status["state"] == "done"
    assert status["timesteps"] == status["n_timesteps"] == 3000
    assert status["steps_per_second"] > 0
    assert status["error"] is None
    episodes = record.episodes()
    assert status["episodes"] == len(episodes)
    assert status["last_return"] == pytest.approx(episodes["return"].tail(100).mean())
    progress = record.progress()
    assert {"rollout/ep_rew_mean", "time/fps", "time/total_timesteps", "train/kl_predicted"} <= set(progress)
    assert progress["time/total_timesteps"].iloc[-1] == 3000
    content = json.loads(record.run_file.read_text())
    provenance = content["attempts"][0]["provenance"]
    assert provenance["packages"]["torch"].startswith("2.13")
    assert len(provenance["agent_digest"]) == 16
    statistics = np.load(record.protocol_state_file, allow_pickle=False)
    assert len(statistics.files) > 0
    agent: BaseAlgorithm = get_agent("acktr").load().load(record.model_file, device="cpu")
    action, _ = agent.predict(np.zeros(4, dtype=np.float32), deterministic=True)
    assert action.shape == (1,)


def test_atari_returns_are_raw_and_whole_game(make_run: MakeRun, attempt: Attempt) -> None:
    record = make_run("a2c", "SpaceInvaders", 4000, n_envs=4, n_steps=50)
    assert attempt(record, checkpoint_seconds=600) == 0
    returns = record.episodes()["return"]
    assert len(returns) >= 3
    assert (returns % 5 == 0).all()
    assert returns.max() >= 50


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR2], ids=str)
def test_a_signal_ends_a_run_as_preempted(
    make_run: MakeRun, start: Callable[[RunRecord], Any], number: signal.Signals
) -> None:
    record = make_run("a2c", "InvertedPendulum-v5", 10_000_000)
    worker = start(record)
    deadline = time.monotonic() + 60
    while not record.episodes_file.exists() or len(record.episodes_file.read_text().splitlines()) < 3:
        assert worker.poll() is None, record.log_file.read_text()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    worker.send_signal(number)
    assert worker.wait(timeout=30) == 75
    status = record.status()
    assert status["state"] == "preempted"
    assert status["error"] == f"stopped by {number.name}"
    assert 0 < status["timesteps"] < 10_000_000
    assert len(record.episodes()) >= 2


def test_a_failing_run_says_why(make_run: MakeRun, train: Train) -> None:
    record = make_run("acktr", "InvertedPendulum-v5", 1000, policy="NoSuchPolicy")
    assert train(record) == 1
    status = record.status()
    assert status["state"] == "failed"
    assert "NoSuchPolicy" in status["error"]
    assert "Traceback" in record.log_file.read_text()


def test_a_damaged_run_file_is_named(make_run: MakeRun, train: Train) -> None:
    record = make_run("a2c", "InvertedPendulum-v5", 1000)
    record.run_file.write_text('{"record_version": 99}')
    assert train(record) == 1
    assert "record_version is 99, expected 1" in record.status()["error"]


def test_a_run_whose_parameters_explode_fails_and_says_when(make_run: MakeRun, train: Train) -> None:
    record = make_run("a2c", "InvertedPendulum-v5", 50_000, n_steps=5, learning_rate=1e38, max_grad_norm=1e38)
    assert train(record) == 1
    assert "is not finite after" in record.status()["error"]
    assert record.status()["timesteps"] < 50_000
