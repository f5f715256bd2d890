"""What a checkpoint costs, and which share of a run's time that is at the default interval.

Each case is a run of the preset that writes a checkpoint before every rollout and one at its end. Cost is
everything that a checkpoint keeps training waiting for: collecting the state, checksums, writing, flushing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.bench.measure import BenchError
from harness.records import RunRecord
from harness.spec import RunSpec

LONG_RUN = 1_000_000
"""Timesteps of the run that the last share is of."""


@dataclass(frozen=True)
class Case:
    """A run to write checkpoints of.

    Attributes:
        about: what is shown.
        algo, env_id: agent and environment.
        protocol: the environment's own where None.
        settings: of its hyper-parameters, as on the command line.
    """

    about: str
    algo: str
    env_id: str
    protocol: str | None = None
    settings: tuple[str, ...] = ()

    def spec(self, rollouts: int) -> RunSpec:
        """The run, so many rollouts long."""
        from harness.sweep.single import run_from_options

        def run(n_timesteps: int) -> RunSpec:
            seed = 0
            return run_from_options(
                self.algo, self.env_id, seed, str(n_timesteps), None, self.settings, self.protocol
            )

        values = run(1).hyperparameters
        return run(rollouts * int(values["n_envs"]) * int(values["n_steps"]))


CASES = {
    "acktr-mujoco": Case("ACKTR on HalfCheetah-v5", "acktr", "HalfCheetah-v5"),
    "acktr-atari": Case("ACKTR on Breakout", "acktr", "BreakoutNoFrameskip-v4"),
    "acktr-pixels": Case(
        "ACKTR on HalfCheetah-v5 from pixels, batch 100",
        "acktr",
        "HalfCheetah-v5",
        "mujoco-pixels",
        ("n_steps=100",),
    ),
    "a2c-atari": Case("A2C on Breakout", "a2c", "BreakoutNoFrameskip-v4"),
    "trpo-mujoco": Case("TRPO on HalfCheetah-v5", "trpo", "HalfCheetah-v5"),
}


@dataclass(frozen=True)
class Cost:
    """What the checkpoints of one case cost.

    Attributes:
        case: its name.
        megabytes: size of one.
        seconds: of one, mean.
        steps_per_second: of training, without them.
    """

    case: str
    megabytes: float
    seconds: float
    steps_per_second: float

    @property
    def interval(self) -> float:
        """Seconds between two by default."""
        from harness.runner.safe_points import COST_FACTOR, DEFAULT_SECONDS

        return max(DEFAULT_SECONDS, COST_FACTOR * self.seconds)

    @property
    def share(self) -> float:
        """Of the time at the default interval."""
        return self.seconds / self.interval

    @property
    def share_of_long_run(self) -> float:
        """Of a run of :data:`LONG_RUN` timesteps, with the checkpoint at its end."""
        training = LONG_RUN / self.steps_per_second
        return self.seconds * (math.floor(training / self.interval) + 1) / training


def measure(
    name: str, rollouts: int, threads: int, directory: Path, case: Callable[[int], RunSpec] | None = None
) -> Cost:
    """Train for so many rollouts with a checkpoint before each.

    Args:
        name: key of :data:`CASES`.
        rollouts: at least 1.
        threads: of torch and of the environments.
        directory: a new run is made in it; on the disk in question.
        case: gives the run instead.

    Raises:
        BenchError: the run failed.
    """
    from harness.runner.checkpoint import checkpoint_directories
    from harness.runner.options import Options
    from harness.runner.stop import StopFlag
    from harness.runner.train import run

    record = RunRecord(directory / name)
    record.create((case or CASES[name].spec)(rollouts).to_json(), None)
    run(record, StopFlag(), Options(num_threads=threads, checkpoint_seconds=0.0))
    status = record.status()
    if status["state"] != "done":
        raise BenchError(f"{name}: {status['error']}")
    (newest,) = checkpoint_directories(record.checkpoints_directory)
    spent = float(status["checkpoint_seconds"])
    return Cost(
        name,
        sum(path.stat().st_size for path in newest.iterdir()) / 1e6,
        spent / (rollouts + 1),
        status["timesteps"] / (float(status["training_seconds"]) - spent),
    )
