"""The real client against a server on the loopback interface."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.records import RunRecord
from harness.tracking.describe import describe
from harness.tracking.points import STEP
from harness.tracking.sent import place_of
from harness.tracking.settings import WandbBlock

PATIENCE = 200
"""Seconds; a machine may have other work."""

ONLINE = WandbBlock(mode="online", project="p", tags=["tier-1"])


def start(record: RunRecord, settings: WandbBlock = ONLINE) -> subprocess.Popen[bytes]:
    """A tracker, its output in ``tracker.txt``."""
    output = record.directory / "wandb" / "tracker.txt"
    output.parent.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "harness.tracking", str(record.directory), settings.model_dump_json()]
    with output.open("wb") as file:
        return subprocess.Popen(command, stdout=file, stderr=file)


def kill(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL to the tracker and to the client's own process."""
    for child in psutil.Process(process.pid).children(recursive=True):
        child.kill()
    process.kill()
    process.wait()


def until(condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def steps(kept: Any) -> list[int]:
    assert all(point["_step"] == point[STEP] for point in kept.points)
    return [point["_step"] for point in kept.points]


def test_a_run_is_shown_while_it_trains_and_after_a_kill_goes_on_as_one(
    growing: Callable[..., Any], server: Any
) -> None:
    run = growing()
    run.status("running")  # the supervisor's word: the record is not cut back yet
    tracker = start(run.record)
    time.sleep(1)
    assert not server.runs
    run.begin()
    run.train(50)
    name = describe(run.record).id
    until(lambda: name in server.runs and len(server.runs[name].history) >= 9)
    kill(tracker)
    run.begin(resumed_at=20)
    run.train(100)
    run.status("done")
    assert start(run.record).wait(PATIENCE) == 0, (run.record.directory / "wandb" / "tracker.txt").read_text()
    (kept,) = server.runs.values()
    assert steps(kept) == list(range(5, 105, 5))
    assert kept.points[-1]["rollout/ep_rew_mean"] == 200
    assert kept.points[-1]["episode/return"] == 100
    assert kept.exit_code == 0
    assert kept.facts["groupName"] == f"sweep/a2c/CartPole-v1/{run.spec.identity}"
    assert kept.facts["tags"] == ["tier-1"]
    assert kept.facts["displayName"].startswith("CartPole-v1__a2c__0__")
    assert kept.config["hyperparameters"]["value"] == {"n_steps": 10, "n_envs": 1}
    assert kept.config["seed"]["value"] == 0
    metrics = kept.config["_wandb"]["value"]["m"]
    assert [metric for metric in metrics if metric.get("1") == STEP]
    assert not list((run.record.directory / "wandb").glob("run-*"))  # uploaded: nothing left to keep


def test_how_a_run_ended_is_told(growing: Callable[..., Any], server: Any) -> None:
    run = growing()
    run.begin()
    run.train(20)
    run.status("failed", error="diverged")
    assert start(run.record).wait(PATIENCE) == 0
    (kept,) = server.runs.values()
    assert (steps(kept), kept.exit_code) == ([5, 10, 15, 20], 1)


def test_push_sends_what_is_missing_once_and_another_history_elsewhere(
    growing: Callable[..., Any], server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = growing()
    runs_dir = str(run.record.directory.parents[4])
    run.begin()
    run.train(30)
    run.status("preempted")

    def push(*arguments: str) -> str:
        # A process of its own: the client keeps one connection per process.
        done = subprocess.run(
            [sys.executable, "-m", "harness.cli", "wandb", "push", *arguments],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    name = describe(run.record).id
    first = push("sweep", "--runs-dir", runs_dir, "--project", "p")
    assert first.startswith(f"{name}  6 points sent, 0 there before")
    n_requests = len([path for path in server.requests if "file_stream" in path])
    assert n_requests > 0
    run.train(60)
    run.status("done")
    # Without --project: where the run was sent before.
    assert push(str(run.record.directory)).startswith(f"{name}  6 points sent, 6 there before")
    assert place_of(run.record.directory / "wandb") == (None, "p")
    assert push(str(run.record.directory)).startswith(f"{name}  0 points sent, 12 there before")
    assert steps(server.runs[name]) == list(range(5, 65, 5))
    run.begin()
    run.train(40, flavour="fresh")
    run.status("done")
    printed = push(str(run.record.directory))
    assert printed.startswith(f"{name}-1  8 points sent, 0 there before; {name} held other points")
    assert steps(server.runs[f"{name}-1"]) == list(range(5, 45, 5))
    assert server.runs[f"{name}-1"].points[0]["episode/return"] == 5.5
    assert "superseded" in server.runs[name].facts["tags"]


def test_the_api_key_is_written_nowhere(growing: Callable[..., Any], server: Any, tmp_path: Path) -> None:
    import os

    run = growing()
    run.begin()
    run.train(20)
    run.status("done")
    server.mood = "failing"  # so that the client's own files stay
    tracker = start(run.record)
    until(lambda: any((run.record.directory / "wandb").glob("run-*/logs/debug-internal.log")))
    until(lambda: "/graphql" in server.requests)
    kill(tracker)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    key = os.environ["WANDB_API_KEY"].encode()
    assert len(files) > 5
    assert [path for path in files if key in path.read_bytes()] == []


def test_without_a_key_it_is_hopeless_and_says_so(
    growing: Callable[..., Any], server: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("WANDB_API_KEY")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    run = growing()
    run.begin()
    run.status("done")
    assert start(run.record).wait(PATIENCE) == 2
    assert "API key" in (run.record.directory / "wandb" / "tracker.txt").read_text().splitlines()[-1]


def test_push_names_what_is_wrong(growing: Callable[..., Any], tmp_path: Path) -> None:
    runner = CliRunner()
    result = runner.invoke(app, ["wandb", "push", "nothing", "--runs-dir", str(tmp_path)])
    assert result.exit_code == 2
    assert "expected a run directory or a sweep" in result.output
    run = growing()
    result = runner.invoke(app, ["wandb", "push", str(run.record.directory)])
    assert (result.exit_code, result.output) == (0, "left out: 1 run not begun yet\n")
    result = runner.invoke(app, ["wandb", "push", str(run.record.directory), "--project", "a b"])
    assert result.exit_code == 2
    assert "--project 'a b'" in result.output
