"""A W&B server that fails, hangs or is not there: training ends as without it, and says so."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.sweep.plan import PlannedRun
from harness.sweep.supervisor import Observer, supervise
from harness.sweep.trackers import tracked
from harness.tracking.settings import WandbBlock

FINISH_SECONDS = 2.0
CLIENT_SECONDS = 90.0
"""How long the client itself waits for a server at least."""

WORKER = """
import json, pathlib, sys, time
time.sleep(4)
path = pathlib.Path(sys.argv[1]) / "status.json"
path.write_text(json.dumps({**json.loads(path.read_text()), "state": "done", "at": time.time()}))
"""
SWEEP = """
n_timesteps: 500
seeds: 1
envs: [CartPole-v1]
algos: [a2c]
device: cpu
tracking: {wandb: {mode: online, project: p, finish_seconds: 15}}  # enough for the client to be at the server
"""


@pytest.mark.parametrize("trouble", ["failing", "hanging", "absent"])
def test_the_run_ends_when_it_ends(
    trouble: str, growing: Callable[..., Any], server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if trouble == "absent":
        server.close()
    else:
        server.mood = trouble
    run = growing()
    run.begin()
    run.train(50)
    run.status("preempted", training_seconds=1.0)
    planned = PlannedRun(run.spec, "sweep", run.record, "preempted")
    settings = WandbBlock(mode="online", project="p", finish_seconds=FINISH_SECONDS)
    outcome = supervise(
        [planned],
        lambda directory: [sys.executable, "-c", WORKER, str(directory)],
        jobs=1,
        observer=tracked(Observer(), settings),
    )
    assert time.time() - run.record.status()["at"] < CLIENT_SECONDS / 2
    assert outcome.exit_code == 0
    assert "harness wandb push" in run.record.log_file.read_text()


def test_a_real_sweep_with_a_server_that_never_answers(server: Any, tmp_path: Path) -> None:
    server.mood = "hanging"
    (tmp_path / "s.yaml").write_text(SWEEP)
    done = subprocess.run(
        [sys.executable, "-m", "harness.cli", "sweep", "s.yaml"],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    ended = time.time()
    assert done.returncode == 0, done.stdout + done.stderr
    (log,) = tmp_path.rglob("log.txt")
    status = log.with_name("status.json")
    assert '"done"' in status.read_text()
    assert ended - status.stat().st_mtime < CLIENT_SECONDS / 2
    assert "the tracker was not done 15 s after the run's end" in log.read_text()
    assert server.requests
    assert os.environ["WANDB_API_KEY"] not in done.stdout + done.stderr + log.read_text()
