"""The paper's complete programme on clusters of 8, 64 and 512 GPUs, simulated.

    python tests/benchmarks/sim_schedule.py

The sweep files are expanded, packed into jobs and split into arrays by the code that submits them, under the
profile ``slurm/gpu.yaml``; the assumed rates are known to it, save in one row. Time is simulated: a GPU takes
the next job of the queue, in the order in which they came, as far as its array's parallelism lets it; a job
runs its share, some runs at a time, until it is done or its walltime is near. Then its runs write
checkpoints, and it goes back to the end of the queue.

What a run takes is its timesteps over an assumed rate (:data:`RATES`), times the factors of ``--speeds``.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.spec import RunSpec
from harness.sweep.expand import load_sweep
from harness.sweep.slurm.backend import DEFAULT_MAX_ARRAY_SIZE
from harness.sweep.slurm.packing import START_SECONDS, pack
from harness.sweep.slurm.profile import Profile, load_profile

ROOT = Path(__file__).resolve().parents[2]
PROGRAMME = (
    *("atari6", "atari6_50m", "atari44", "atlantis", "mujoco8", "mujoco8_30m", "pixels3", "critic_norm"),
    *("batch_size", "openai_baselines", "gauss_newton", "kl", "throughput", "grid_atari", "grid_mujoco"),
)
RATES = {
    ("atari", "acktr"): 763.0,
    ("atari", "a2c"): 736.0,
    ("atari", "trpo"): 138.0,
    ("mujoco", "acktr"): 6096.0,
    ("mujoco", "a2c"): 7218.0,
    ("mujoco", "trpo"): 4147.0,
    ("mujoco-pixels", "acktr"): 400.0,
    ("mujoco-pixels", "a2c"): 400.0,
}
"""Timesteps per second of one run: measured earlier on 2 CPU cores, those from pixels a guess."""

CHECKPOINT_MB = {"atari": 40.0, "mujoco": 0.5, "mujoco-pixels": 40.0}
"""ACKTR's, from docs/resume.md; that from pixels is taken to be as large as an Atari game's."""

HEARTBEAT_SECONDS = 2.0
CHECKPOINT_SECONDS = 600.0
HOLD_SECONDS = 120.0
"""Slurm holds a job back that was put back."""


@dataclass
class Job:
    """One job: seconds that each run of its share still needs, and the array it belongs to."""

    array: int
    left: list[float]
    starts: int = 0


@dataclass
class Schedule:
    """What came out.

    Attributes:
        wall: seconds until the last run ended.
        gpu_seconds: that jobs held their GPUs.
        run_seconds: that runs trained.
        jobs, starts: how many, and how often jobs were started.
        most_runs: at the same time.
    """

    wall: float = 0.0
    gpu_seconds: float = 0.0
    run_seconds: float = 0.0
    jobs: int = 0
    starts: int = 0
    most_runs: int = 0
    _changes: list[tuple[float, int]] = field(default_factory=list)


def simulate(jobs: Sequence[Job], profile: Profile, gpus: int) -> Schedule:
    """Run ``jobs``, queued in this order, on ``gpus`` GPUs; what the jobs still need is used up."""
    found = Schedule(jobs=len(jobs), run_seconds=sum(sum(job.left) for job in jobs))
    order = itertools.count()
    queue: list[tuple[int, Job]] = [(next(order), job) for job in jobs]
    events: list[tuple[float, int, str, Job]] = []
    free, now = gpus // profile.gpus_per_job, 0.0
    running: dict[int, int] = {}
    while queue or events:
        held = []
        for place, job in queue:
            if free and running.get(job.array, 0) < profile.array_parallelism:
                free -= 1
                running[job.array] = running.get(job.array, 0) + 1
                seconds = _run(job, profile, now, found)
                heapq.heappush(events, (now + seconds, next(order), "end", job))
            else:
                held.append((place, job))
        queue = held
        now, _, kind, job = heapq.heappop(events)
        if kind == "back":
            queue.append((next(order), job))
            continue
        free += 1
        running[job.array] -= 1
        if job.left:
            heapq.heappush(events, (now + HOLD_SECONDS, next(order), "back", job))
        else:
            found.wall = max(found.wall, now)
    level = 0
    for _, change in sorted(found._changes):
        level += change
        found.most_runs = max(found.most_runs, level)
    return found


def _run(job: Job, profile: Profile, now: float, found: Schedule) -> float:
    """One start of ``job``: how long it holds its GPU; what its runs still need afterwards stays in it."""
    until = profile.walltime * 60.0 - profile.signal_seconds
    places = [0.0] * profile.at_once
    left = []
    for need in job.left:
        begin = heapq.heappop(places)
        if begin >= until:
            heapq.heappush(places, begin)
            left.append(need)
            continue
        end = min(begin + START_SECONDS + need, until)
        heapq.heappush(places, end)
        found._changes += [(now + begin, 1), (now + end, -1)]
        rest = begin + START_SECONDS + need - end
        if rest > 0:
            left.append(min(rest, need))
    seconds = max(places)
    job.left = left
    job.starts += 1
    found.starts += 1
    found.gpu_seconds += seconds * profile.gpus_per_job
    return seconds


def seconds_of(run: RunSpec, speed: float) -> float:
    """Seconds of training."""
    return run.n_timesteps / (RATES[run.protocol.name, run.algo] * speed)


def submit(
    sweeps: Sequence[tuple[RunSpec, ...]], profile: Profile, speed: float, *, known: bool = True
) -> Iterator[tuple[Job, tuple[RunSpec, ...]]]:
    """Pack sweep by sweep, that with the longest run first, into jobs of numbered arrays.

    Args:
        sweeps: the runs of each.
        profile: of the cluster.
        speed: factor of the assumed rates.
        known: whether the rates are known when the runs are packed.
    """
    array = itertools.count()
    longest_first = sorted(sweeps, key=lambda runs: -max(seconds_of(run, speed) for run in runs))
    for runs in longest_first:
        seconds = (lambda run: seconds_of(run, speed)) if known else None
        for jobs in pack(runs, profile, DEFAULT_MAX_ARRAY_SIZE, seconds=seconds).arrays:
            number = next(array)
            for job in jobs:
                yield Job(number, [seconds_of(run, speed) for run in job.runs]), job.runs


def print_programme(sweeps: dict[str, tuple[RunSpec, ...]]) -> None:
    print("sweep               runs   timesteps   hours of runs at 1x   longest run")
    for name, runs in sweeps.items():
        hours = [seconds_of(run, 1.0) / 3600 for run in runs]
        steps = sum(run.n_timesteps for run in runs)
        print(f"{name:<18} {len(runs):5} {steps / 1e6:9,.0f} M {sum(hours):17,.0f} h {max(hours):11.1f} h")
    everything = [run for runs in sweeps.values() for run in runs]
    steps = sum(run.n_timesteps for run in everything)
    hours = sum(seconds_of(run, 1.0) for run in everything) / 3600
    print(f"{'all':<18} {len(everything):5} {steps / 1e6:9,.0f} M {hours:17,.0f} h")


def print_schedules(
    sweeps: dict[str, tuple[RunSpec, ...]], profile: Profile, clusters: Sequence[int], speeds: Sequence[float]
) -> None:
    together = profile.at_once
    one_wave = profile.model_copy(update={"runs_per_job": together})
    alone = profile.model_copy(update={"runs_per_job": 1, "runs_per_gpu": 1})
    variants = {
        f"{profile.share} runs a job, {together} a GPU": (profile, True),
        "the same, rates unknown": (profile, False),
        f"{together} runs a job, {together} a GPU": (one_wave, True),
        "1 run a job and GPU": (alone, True),
    }
    print(
        "\nspeed  packing                    GPUs   jobs arrays  put back  GPU-hours   used   wall-clock"
        "   runs at once  heartbeats/s  checkpoints MB/s"
    )
    for speed in speeds:
        for name, (variant, known) in variants.items():
            for gpus in clusters:
                submitted = list(submit(list(sweeps.values()), variant, speed, known=known))
                jobs = [job for job, _ in submitted]
                arrays = len({job.array for job in jobs})
                found = simulate(jobs, variant, gpus)
                used = found.run_seconds * variant.gpus_per_job / (found.gpu_seconds * variant.at_once)
                size = max(CHECKPOINT_MB[run.protocol.name] for _, share in submitted for run in share)
                print(
                    f"{speed:4g}x  {name:<24} {gpus:6} {found.jobs:6} {arrays:6} "
                    f"{found.starts - found.jobs:9} {found.gpu_seconds / 3600:10,.0f} {used:6.0%} "
                    f"{found.wall / 3600:10.1f} h {found.most_runs:14,} "
                    f"{found.most_runs / HEARTBEAT_SECONDS:13,.0f} "
                    f"{found.most_runs * size / CHECKPOINT_SECONDS:17,.0f}",
                    flush=True,
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--profile", type=Path, default=ROOT / "slurm" / "gpu.yaml")
    parser.add_argument("--gpus", type=int, nargs="+", default=[8, 64, 512])
    parser.add_argument("--speeds", type=float, nargs="+", default=[1.0, 4.0])
    arguments = parser.parse_args()
    profile = load_profile(str(arguments.profile))
    sweeps = {name: load_sweep(ROOT / "sweeps" / f"{name}.yaml").runs for name in PROGRAMME}
    print_programme(sweeps)
    print_schedules(sweeps, profile, arguments.gpus, arguments.speeds)


if __name__ == "__main__":
    main()
