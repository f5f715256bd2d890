"""What a checkpoint costs, and which share of a run's time that is at the default interval.

Each case is a run of the preset that writes a checkpoint before every rollout. Cost is everything that a
checkpoint keeps training waiting for: collecting the state, checksums, writing, flushing to disk.

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_checkpoint.py
    OMP_NUM_THREADS=1 python tests/benchmarks/bench_checkpoint.py --rollouts 40 --dir /scratch
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from harness.records import RunRecord
from harness.runner.checkpoint import checkpoint_directories
from harness.runner.options import Options
from harness.runner.safe_points import COST_FACTOR, DEFAULT_SECONDS
from harness.runner.stop import StopFlag
from harness.runner.train import run
from harness.sweep.single import run_from_options

CASES = (("acktr", "Breakout"), ("acktr", "HalfCheetah-v5"), ("a2c", "Breakout"), ("trpo", "HalfCheetah-v5"))


def measure(algo: str, env_id: str, rollouts: int, directory: Path) -> str:
    """A row of the table."""
    settings = run_from_options(algo, env_id, 0, "1").hyperparameters
    batch_size = int(settings["n_envs"]) * int(settings["n_steps"])
    spec = run_from_options(algo, env_id, 0, str(rollouts * batch_size))
    record = RunRecord(directory / f"{algo}-{env_id}")
    record.create(spec.to_json(), None)
    run(record, StopFlag(), Options(checkpoint_seconds=0.0))
    status = record.status()
    cost = status["checkpoint_seconds"] / (rollouts + 1)  # one before each rollout and one at the end
    interval = max(DEFAULT_SECONDS, COST_FACTOR * cost)
    (newest,) = checkpoint_directories(record.checkpoints_directory)
    size = sum(path.stat().st_size for path in newest.iterdir()) / 1e6
    share, here = cost / interval, status["checkpoint_seconds"] / status["training_seconds"]
    return f"{algo:<6} {env_id:<15} {size:9.1f} MB  {1000 * cost:9.0f} ms  {share:9.3%}  {here:9.1%}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rollouts", type=int, default=10, help="checkpoints per case")
    parser.add_argument("--dir", type=Path, help="a directory on the disk in question")
    arguments = parser.parse_args()
    print("agent  environment         size       mean cost   default   one a rollout")
    with tempfile.TemporaryDirectory(dir=arguments.dir) as directory:
        for algo, env_id in CASES:
            print(measure(algo, env_id, arguments.rollouts, Path(directory)), flush=True)


if __name__ == "__main__":
    main()
