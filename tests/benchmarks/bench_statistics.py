"""What the statistics cost, and what their intervals cover.

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_statistics.py speed
    OMP_NUM_THREADS=1 python tests/benchmarks/bench_statistics.py coverage --trials 2000
    OMP_NUM_THREADS=1 python tests/benchmarks/bench_statistics.py load --runs 10000 --dir /scratch

``speed``: seconds of processor time for 50,000 replications of 3 algorithms x 6 tasks x 5 runs.
``coverage``: how often a 95 % interval holds the true value, for aggregates over tasks (the median's, which
reports do not print, as well) and for the ratio of restricted mean times on one environment.
``load``: a fabricated sweep, read and reported without and with its cache.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from analysis.report import report
from analysis.statistics.aggregates import (
    IQM,
    MEAN,
    MEDIAN,
    OPTIMALITY_GAP,
    Statistic,
    aggregate,
    point_estimate,
    probability_of_improvement,
)
from analysis.statistics.resampling import RunScores
from analysis.statistics.survival import Times, common_horizon, ratio_of_restricted_means
from harness.records import RunRecord, run_directory

FloatArray = npt.NDArray[np.float64]
Draw = Callable[[np.random.Generator, tuple[int, ...]], FloatArray]


def gaussian(generator: np.random.Generator, shape: tuple[int, ...]) -> FloatArray:
    """Standard deviation 0.35 of the mean."""
    return generator.normal(1.0, 0.35, shape)


def skewed(generator: np.random.Generator, shape: tuple[int, ...]) -> FloatArray:
    """Log-normal: mean 1, standard deviation 0.66."""
    return generator.lognormal(-0.18, 0.6, shape)


def bimodal(generator: np.random.Generator, shape: tuple[int, ...]) -> FloatArray:
    """Half of the runs fail: 0.3 or 1.2."""
    return np.where(generator.random(shape) < 0.5, 0.3, 1.2) + generator.normal(0.0, 0.1, shape)


DISTRIBUTIONS: dict[str, Draw] = {"Gaussian": gaussian, "skewed": skewed, "bimodal": bimodal}
STATISTICS = (IQM, MEAN, OPTIMALITY_GAP, replace(MEDIAN, no_interval=""))


def coverage(
    draw: Draw,
    tasks: int,
    runs: int,
    trials: int,
    *,
    statistics: Sequence[Statistic] = STATISTICS,
    replications: int = 1000,
    seed: int = 0,
) -> list[float]:
    """Fraction of the 95 % intervals given that hold the true value, per statistic (NaN where none is).

    The tasks differ by a factor between 0.6 and 1.4. The truth is the statistic of 20,000 runs per task.
    """
    generator = np.random.default_rng(seed)
    factors = generator.uniform(0.6, 1.4, tasks)

    def sample(size: int) -> RunScores:
        values = draw(generator, (tasks, size)) * factors[:, None]
        return RunScores.of({str(task): row for task, row in enumerate(values)})

    population = sample(20_000)
    truth = [point_estimate(population, statistic) for statistic in statistics]
    held, given = np.zeros(len(statistics)), np.zeros(len(statistics))
    for trial in range(trials):
        found = aggregate(sample(runs), statistics, replications=replications, seed=trial)
        for number, ((interval,), true) in enumerate(zip(found, truth, strict=True)):
            if interval.low is not None and interval.high is not None:
                given[number] += 1
                held[number] += interval.low <= true <= interval.high
    return [h / g if g else float("nan") for h, g in zip(held, given, strict=True)]


def improvement_coverage(
    draw: Draw, tasks: int, runs: int, trials: int, *, replications: int = 1000, seed: int = 0
) -> float:
    """As :func:`coverage`, for the probability of improvement of an agent that scores 1.2 times the other."""
    generator = np.random.default_rng(seed)
    large = 1.2 * draw(generator, (4000,)), draw(generator, (4000,))
    truth = float((large[0][:, None] > large[1]).mean())
    held = given = 0
    for trial in range(trials):
        agents = [
            RunScores.of({str(task): scale * draw(generator, (runs,)) for task in range(tasks)})
            for scale in (1.2, 1.0)
        ]
        interval = probability_of_improvement(*agents, replications=replications, seed=trial)
        if interval.low is not None and interval.high is not None:
            given += 1
            held += interval.low <= truth <= interval.high
    return held / given if given else float("nan")


def ratio_coverage(censored: float, runs: int, trials: int, seed: int = 0) -> tuple[float, float]:
    """Of the ratio of restricted mean times, log-normal and one twice the other.

    Args:
        censored: fraction of the slower agent's runs that do not reach the level in the budget.
        runs, trials, seed: as above.

    Returns:
        Fraction of the intervals given that hold the true ratio, and fraction of trials with an interval.
    """
    generator = np.random.default_rng(seed)
    large = [scale * generator.lognormal(0, 0.5, 200_000) for scale in (2.0, 1.0)]
    budget = float(np.quantile(large[0], 1 - censored)) if censored else 1e9
    means = [np.minimum(times, budget).mean() for times in large]

    def sample(scale: float) -> Times:
        times = scale * generator.lognormal(0, 0.5, runs)
        return Times(np.minimum(times, budget), times <= budget)

    held = given = 0
    for _ in range(trials):
        x, y = sample(2.0), sample(1.0)
        interval = ratio_of_restricted_means(x, y)
        if interval.low is not None and interval.high is not None:
            true = means[0] / means[1] if common_horizon((x, y)) == budget else 2.0
            given += 1
            held += interval.low <= true <= interval.high
    return (held / given if given else float("nan")), given / trials


def print_coverage(trials: int) -> None:
    print(f"{trials} trials, 1,000 resamples each; fraction of 95 % intervals that hold the true value")
    print(
        "tasks  runs  distribution   "
        + "".join(f"{name:>9}" for name in ("IQM", "mean", "gap", "median", "P(X>Y)"))
    )
    for tasks, counts in ((6, (3, 5, 10)), (4, (3, 5, 10)), (1, (18,))):
        for runs in counts:
            for name, draw in DISTRIBUTIONS.items():
                found = coverage(draw, tasks, runs, trials)
                found.append(improvement_coverage(draw, tasks, runs, trials))
                print(f"{tasks:5}  {runs:4}  {name:<13}" + "".join(f"{c:9.1%}" for c in found), flush=True)
    print("ratio of restricted mean times, one environment")
    print(" runs  censored   covered   with an interval")
    for runs in (3, 5, 10):
        for censored in (0.0, 0.3):
            held, given = ratio_coverage(censored, runs, trials)
            print(f"{runs:5}  {censored:8.0%}  {held:8.1%}  {given:8.1%}", flush=True)


def print_speed() -> None:
    generator = np.random.default_rng(0)
    agents = [RunScores.of({str(task): generator.normal(1, 0.4, 5) for task in range(6)}) for _ in range(3)]
    curves = [
        RunScores.of({str(task): generator.normal(1, 0.4, (5, 100)) for task in range(6)}) for _ in range(3)
    ]
    cases: dict[str, Callable[[], object]] = {
        "IQM, median, mean, optimality gap": lambda: [aggregate(agent) for agent in agents],
        "IQM": lambda: [aggregate(agent, [IQM]) for agent in agents],
        "probability of improvement, one pair": lambda: probability_of_improvement(*agents[:2]),
        "IQM curve, 100 points": lambda: [aggregate(agent, [IQM]) for agent in curves],
    }
    for name, case in cases.items():
        times = []
        for _ in range(3):
            start = time.process_time()
            case()
            times.append(time.process_time() - start)
        print(f"{name:<40} {min(times):7.3f} s", flush=True)


def fabricate(root: Path, runs: int, episodes: int) -> None:
    """A sweep of ``runs`` runs: 10 agents on 10 environments, with one of 97 texts each."""
    generator = np.random.default_rng(0)
    texts = [_episodes_text(generator, episodes) for _ in range(97)]
    cells = [(f"agent{i}", f"Env{j}-v0") for i in range(10) for j in range(10)]
    for number in range(runs):
        agent, env_id = cells[number % len(cells)]
        directory = run_directory(root, "large", agent, env_id, "aaaaaaaa", number // len(cells))
        record = RunRecord(directory)
        spec = {
            "algo": agent,
            "label": agent,
            "env_id": env_id,
            "protocol": {"name": "gym", "version": 1},
            "n_timesteps": 500 * episodes,
            "hyperparameters": {"n_envs": 16, "n_steps": 5},
            "seed": number // len(cells),
        }
        directory.mkdir(parents=True)
        record.run_file.write_text(json.dumps({"record_version": 1, "spec": spec, "attempts": []}))
        status = {"state": "done", "heartbeat": 0.0, "timesteps": 500 * episodes}
        record.status_file.write_text(json.dumps(status))
        record.episodes_file.write_text(texts[number % len(texts)])


def _episodes_text(generator: np.random.Generator, episodes: int) -> str:
    ends = np.cumsum(generator.integers(300, 700, episodes))
    returns = np.round(generator.normal(np.linspace(0, generator.normal(400, 80), episodes), 50))
    rows = (
        f"{i + 1},{ends[i]},{i % 16},{returns[i]!s},{500 + i % 300},{0.7 * i:.3f}\n" for i in range(episodes)
    )
    return "episode,timestep,env_index,return,length,wall_time\n" + "".join(rows)


def print_load(runs: int, episodes: int, parent: Path | None) -> None:
    with tempfile.TemporaryDirectory(dir=parent) as directory:
        root = Path(directory)
        fabricate(root, runs, episodes)
        for name in ("without a cache", "with a cache"):
            start, start_cpu = time.perf_counter(), _cpu_seconds()
            report(root, ["large"], baseline="agent0").write(root / "out")
            seconds = time.perf_counter() - start
            peak = sum(
                resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
            )
            print(
                f"{runs} runs x {episodes} episodes, {name}: {seconds:.1f} s, "
                f"{_cpu_seconds() - start_cpu:.1f} s of processor time, {peak / 1e6:.2f} GB at most",
                flush=True,
            )


def _cpu_seconds() -> float:
    found = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("speed")
    commands.add_parser("coverage").add_argument("--trials", type=int, default=2000)
    load = commands.add_parser("load")
    load.add_argument("--runs", type=int, default=10_000)
    load.add_argument("--episodes", type=int, default=5_000)
    load.add_argument("--dir", type=Path)
    arguments = parser.parse_args()
    if arguments.command == "speed":
        print_speed()
    elif arguments.command == "coverage":
        print_coverage(arguments.trials)
    else:
        print_load(arguments.runs, arguments.episodes, arguments.dir)


if __name__ == "__main__":
    main()
