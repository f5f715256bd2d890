"""A sweep of 12 runs on the scripts that stand for Slurm's commands: what its tests call and look at."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from click.testing import Result
from typer.testing import CliRunner

from harness.cli import app
from harness.records import RunRecord, find_runs
from harness.sweep.slurm.submissions import Jobs
from harness.sweep.state import found_state

SWEEP = """
n_timesteps: 1000
seeds: {seeds}
envs: [CartPole-v1]
algos: [a2c]
device: cpu
checkpoint_seconds: 60
"""


def harness(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def sweep(*arguments: str) -> Result:
    return harness("sweep", "s.yaml", "--backend", "./p.yaml", *arguments)


def calls(fake_slurm: Path, name: str) -> list[list[str]]:
    lines = (fake_slurm / "calls.txt").read_text().splitlines()
    return [arguments for command, *arguments in map(json.loads, lines) if command == name]


def seeds(directory: str = "runs/s") -> dict[int, RunRecord]:
    return {int(record.directory.name.partition("-")[2]): record for record in find_runs(Path(directory))}


def set_status(record: RunRecord, state: str, age: float = 0.0, **fields: Any) -> None:
    content = {"state": state, "heartbeat": time.time() - age, "timesteps": 10, "n_timesteps": 1000, **fields}
    record.status_file.write_text(json.dumps(content))


def queue(fake_slurm: Path, **states: str) -> None:
    jobs = {job.removeprefix("j"): state for job, state in states.items()}
    lines = [f"{job}|{state}|{name_of(job)}\n" for job, state in jobs.items()]
    (fake_slurm / "squeue.txt").write_text("".join(lines))


def name_of(job: str) -> str:
    names = {s.content["job_id"]: s.name for s in Jobs(Path("runs/s")).submissions}
    return names[job.partition("_")[0]]


def state_of(record: RunRecord) -> tuple[str, str | None]:
    found, status = found_state(record, Jobs(Path("runs/s")).of)
    return found, status.get("error")


def newest() -> str:
    return Jobs(Path("runs/s")).submissions[-1].directory.name
