"""A real sweep, stopped by a signal and started again: it goes on where it was."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from harness.records import find_runs

SWEEP = """
n_timesteps: 6000
seeds: 1
envs: [InvertedPendulum-v5]
algos: {a2c: {hyperparameters: {n_steps: 20}}}
device: cpu
checkpoint_seconds: 3600
"""


def test_a_run_goes_on_where_it_was(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(SWEEP)
    command = [sys.executable, "-m", "harness.cli", "sweep", "s.yaml"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with (tmp_path / "out.txt").open("w") as out:
        first = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=out, stderr=out)
    deadline = time.monotonic() + 120
    while not any(file.stat().st_size > 60 for file in tmp_path.glob("runs/*/*/*/*/*/episodes.csv")):
        assert time.monotonic() < deadline, (tmp_path / "out.txt").read_text()
        assert first.poll() is None, (tmp_path / "out.txt").read_text()
        time.sleep(0.01)
    first.send_signal(signal.SIGINT)
    assert first.wait(timeout=120) == 130
    (run,) = find_runs(tmp_path / "runs")
    reached = run.status()["timesteps"]
    assert run.status()["state"] == "preempted"
    assert 0 < reached < 6000
    again = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert again.returncode == 0, again.stdout + again.stderr
    assert again.stdout.splitlines()[0] == "1 run: 0 done, 1 to run (1 preempted before)"
    assert [attempt["resumed_at"] for attempt in run.attempts] == [0, reached]
    assert run.status()["timesteps"] == 6000
    assert run.episodes()["timestep"].max() > reached
