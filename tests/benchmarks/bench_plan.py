"""Seconds that ``harness sweep --dry-run`` and ``harness status`` take over ten thousand runs.

    python tests/benchmarks/bench_plan.py [--runs 10000]

Every command is a process of its own and its wall-clock is from start to end, imports included. The run
directories are made first, without waiting for the disk, and are in the operating system's cache when they
are read.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from algos.registry import get_agent
from harness.provenance import provenance
from harness.sweep.expand import load_sweep

SWEEP = "n_timesteps: 1000\nseeds: {runs}\nenvs: [CartPole-v1]\nalgos: [a2c]\n"


def make_runs(file: Path, runs_dir: Path) -> None:
    """Record every run of ``file`` as finished by today's code."""
    sweep = load_sweep(file)
    attempt = {"attempt": 1, "resumed_at": 0, "provenance": provenance(get_agent("a2c").sources)}
    status = {
        "state": "done",
        "heartbeat": time.time(),
        "timesteps": 1000,
        "n_timesteps": 1000,
        "last_return": 1.0,
    }
    for spec in sweep.runs:
        directory = spec.directory(runs_dir, sweep.name)
        directory.mkdir(parents=True)
        content = {"record_version": 1, "sweep": sweep.name, "spec": spec.to_json(), "attempts": [attempt]}
        (directory / "run.json").write_text(json.dumps(content))
        (directory / "status.json").write_text(json.dumps(status))


def timed(*arguments: str) -> None:
    """Run ``harness`` with ``arguments``; print its seconds and the last line that it wrote."""
    before, begun = os.times(), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "harness.cli", *arguments], capture_output=True, text=True, check=True
    )
    wall, after = time.perf_counter() - begun, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    said = next(line for line in reversed(done.stdout.splitlines()) if line.strip())
    print(f"harness {' '.join(arguments)}: {wall:.2f} s, {cpu:.2f} s of CPU; it says: {said.strip()}")


def main() -> None:
    """Time the commands."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=10_000)
    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        Path("many.yaml").write_text(SWEEP.format(runs=parser.parse_args().runs))
        Path("packed.yaml").write_text('walltime: "1:00:00"\nruns_per_job: 8\n')
        timed("--help")
        timed("sweep", "many.yaml", "--dry-run", "--backend", "./packed.yaml")
        make_runs(Path("many.yaml"), Path("runs"))
        timed("sweep", "many.yaml", "--dry-run")
        timed("status", "many")


if __name__ == "__main__":
    main()
