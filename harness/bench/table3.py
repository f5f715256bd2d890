"""Table 3: timesteps per second by agent and batch size, beside the paper's, and as ratios to A2C."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from analysis.paper.cells import paper_speeds
from harness.bench.measure import Sample, median_speed, time_case
from harness.envs.names import is_atari, is_mujoco
from harness.spec import RunSpec, SpecError

BASELINE = "a2c"


@dataclass(frozen=True)
class Row:
    """One agent at one batch size on one environment.

    Attributes:
        env_id: the environment.
        batch_size: timesteps of a rollout.
        algo: the agent.
        steps_per_second: median over the rounds.
        cpu_ms: smallest CPU time of a round, in milliseconds per timestep.
        ratio: its speed over A2C's of the same environment and batch; None without that run.
        paper: the paper's timesteps per second; None where it has none.
        paper_ratio: the paper's speed over its A2C's.
    """

    env_id: str
    batch_size: int
    algo: str
    steps_per_second: float
    cpu_ms: float
    ratio: float | None
    paper: float | None
    paper_ratio: float | None


def measure_table(
    runs: Sequence[RunSpec],
    rounds: int,
    threads: int,
    scale: float = 1.0,
    on_sample: Callable[[str, Sample], None] = lambda name, sample: None,
) -> list[Row]:
    """Time every setting ``rounds`` times, each in a fresh process; those of a table's row follow each other.

    Args:
        runs: on-policy runs, of whose seeds the first is timed; one rollout warms up, then the budget is
            timed in whole rollouts.
        rounds: how often.
        threads: torch and environment threads of each process.
        scale: factor on the runs' budgets.
        on_sample: told of each finished process.

    Raises:
        SpecError: a run has no batch, or two settings of an agent have the same.
        harness.bench.measure.BenchError: a run failed.
    """
    first: dict[tuple[str, int, str], RunSpec] = {}
    for run in runs:
        timed = first.setdefault((run.env_id, _batch(run), run.algo), run)
        if (run.label, run.hyperparameters) != (timed.label, timed.hyperparameters):
            raise SpecError(
                f"{timed.label} and {run.label} on {run.env_id}: expected one setting of an agent "
                "at a batch size"
            )
    samples: dict[tuple[str, int, str], list[Sample]] = {}
    for _ in range(rounds):
        for (env_id, batch, algo), run in sorted(first.items(), key=lambda item: item[0][:2]):
            sample = time_case(run, threads, scale)
            on_sample(f"{algo}, {env_id}, batch {batch}", sample)
            samples.setdefault((env_id, batch, algo), []).append(sample)
    return table(samples)


def table(samples: dict[tuple[str, int, str], list[Sample]]) -> list[Row]:
    """Rows by environment and batch size, from the samples of (environment, batch size, algo)."""
    paper, rows = paper_speeds(), []
    for (env_id, batch, algo), group in sorted(samples.items(), key=lambda item: item[0][:2]):
        domain = "atari" if is_atari(env_id) else "mujoco" if is_mujoco(env_id) else "gym"
        speed = median_speed(group)
        base = samples.get((env_id, batch, BASELINE))
        printed, printed_base = (paper.get((name, domain, batch)) for name in (algo, BASELINE))
        rows.append(
            Row(
                env_id=env_id,
                batch_size=batch,
                algo=algo,
                steps_per_second=speed,
                cpu_ms=min(sample.cpu_ms for sample in group),
                ratio=speed / median_speed(base) if base else None,
                paper=printed,
                paper_ratio=printed / printed_base if printed and printed_base else None,
            )
        )
    return rows


def _batch(run: RunSpec) -> int:
    try:
        return int(run.hyperparameters["n_envs"]) * int(run.hyperparameters["n_steps"])
    except KeyError as missing:
        raise SpecError(f"{run.label}: has no {missing.args[0]}; expected on-policy agents") from None
