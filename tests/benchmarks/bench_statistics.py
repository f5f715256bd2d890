"""What the statistics cost.

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_statistics.py speed
    OMP_NUM_THREADS=1 python tests/benchmarks/bench_statistics.py load --runs 10000 --dir /scratch

``speed``: seconds of processor time for 50,000 replications of 3 algorithms x 6 tasks x 5 runs.
``load``: a fabricated sweep, read and reported without and with its cache.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from analysis.report import report
from analysis.statistics.aggregates import IQM, aggregate
from analysis.statistics.improvement import probability_of_improvement
from analysis.statistics.resampling import RunScores
from harness.records import RunRecord, run_directory


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
    load = commands.add_parser("load")
    load.add_argument("--runs", type=int, default=10_000)
    load.add_argument("--episodes", type=int, default=5_000)
    load.add_argument("--dir", type=Path)
    arguments = parser.parse_args()
    if arguments.command == "speed":
        print_speed()
    else:
        print_load(arguments.runs, arguments.episodes, arguments.dir)


if __name__ == "__main__":
    main()
