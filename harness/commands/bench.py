"""``harness bench``: throughput and memory, beside stock SB3 and the paper's Table 3; cost of checkpoints."""

from __future__ import annotations

import functools
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from harness.bench import checkpoint as checkpoints
from harness.bench.cases import CASES, ENVS, TRAIN, Pair
from harness.bench.measure import BenchError, Comparison, Sample, compare
from harness.bench.table3 import Row, measure_table
from harness.commands.output import Json, print_json, print_table

Rounds = Annotated[int, typer.Option(min=1, help="Processes of each case, in turn.")]
Threads = Annotated[int, typer.Option(min=1, help="Threads of each process.")]
Scale = Annotated[float, typer.Option(min=0.01, help="Factor on the timed timesteps.")]
Only = Annotated[list[str] | None, typer.Option(help="Time this case only; may be repeated.", metavar="CASE")]

bench = typer.Typer(
    help="Time training and environments beside stock Stable-Baselines3, one process at a time.",
    no_args_is_help=True,
)


def _failures(command: Callable[..., None]) -> Callable[..., None]:
    """A case that fails is one line and exit code 1."""

    @functools.wraps(command)
    def wrapped(*arguments: Any, **options: Any) -> None:
        try:
            command(*arguments, **options)
        except BenchError as error:
            typer.echo(f"harness bench: {error}", err=True)
            raise typer.Exit(1) from None

    return wrapped


@bench.command()
@_failures
def envs(
    rounds: Rounds = 3, threads: Threads = 2, scale: Scale = 1.0, only: Only = None, as_json: Json = False
) -> None:
    """Step environments with random actions, here and with stock SB3."""
    _report(compare(_chosen(ENVS, only), rounds, threads, scale, _progress), rounds, threads, as_json)


@bench.command()
@_failures
def train(
    rounds: Rounds = 3, threads: Threads = 2, scale: Scale = 1.0, only: Only = None, as_json: Json = False
) -> None:
    """Train A2C and ACKTR here, and stock SB3's A2C."""
    _report(compare(_chosen(TRAIN, only), rounds, threads, scale, _progress), rounds, threads, as_json)


@bench.command()
@_failures
def table3(
    file: Annotated[Path, typer.Argument(help="The sweep whose runs are timed.")] = Path(
        "sweeps/throughput.yaml"
    ),
    rounds: Rounds = 1,
    threads: Threads = 2,
    scale: Scale = 1.0,
    as_json: Json = False,
) -> None:
    """Timesteps per second by agent and batch size, beside the paper's Table 3."""
    from harness.sweep.expand import load_sweep

    rows = measure_table(load_sweep(file).runs, rounds, threads, scale, _progress)
    if as_json:
        print_json([asdict(row) for row in rows])
        return
    columns = ["environment", "batch", "algo", "timesteps/s", "of A2C", "paper", "paper, of A2C", "CPU ms"]
    print_table(columns, [_table3_cells(row) for row in rows], right=columns[3:])
    typer.echo(
        f"medians of {rounds} round(s), {threads} thread(s) a process; the paper's are means over games and "
        "tasks on its authors' machine"
    )


@bench.command()
@_failures
def checkpoint(
    rollouts: Annotated[int, typer.Option(min=1, help="Checkpoints of each case, one before each.")] = 10,
    threads: Threads = 1,
    directory: Annotated[
        Path | None, typer.Option("--dir", help="On the disk in question. [default: the system's own]")
    ] = None,
    only: Only = None,
    as_json: Json = False,
) -> None:
    """Write checkpoints of MuJoCo, Atari and pixel runs: what one costs, and its share of a run's time."""
    _check(only, list(checkpoints.CASES))
    if directory is not None and not (directory.is_dir() and os.access(directory, os.W_OK)):
        raise typer.BadParameter(f"{directory}: expected a writable directory", param_hint="--dir")
    names = [name for name in checkpoints.CASES if not only or name in only]
    with tempfile.TemporaryDirectory(dir=directory) as new:
        costs = []
        for name in names:
            costs.append(checkpoints.measure(name, rollouts, threads, Path(new)))
            typer.echo(f"{name}: {costs[-1].seconds:.3f} s a checkpoint", err=True)
    if as_json:
        shares = ({"share": cost.share, "share_of_long_run": cost.share_of_long_run} for cost in costs)
        print_json([{**asdict(cost), **share} for cost, share in zip(costs, shares, strict=True)])
        return
    columns = ["case", "size", "cost of one", "timesteps/s", "share by default", "share of 1M timesteps"]
    print_table(columns, [_cost_cells(cost) for cost in costs], right=columns[1:])
    typer.echo(f"means of {rollouts + 1} checkpoints, {threads} thread(s); the last with the one at the end")


def _cost_cells(cost: checkpoints.Cost) -> list[str]:
    return [
        checkpoints.CASES[cost.case].about,
        f"{cost.megabytes:.1f} MB",
        f"{cost.seconds:.2f} s",
        f"{cost.steps_per_second:,.0f}",
        f"{cost.share:.3%}",
        f"{cost.share_of_long_run:.3%}",
    ]


def _chosen(pairs: Sequence[Pair], only: list[str] | None) -> list[Pair]:
    _check(only, list(dict.fromkeys(pair.case for pair in pairs)))
    return [pair for pair in pairs if not only or pair.case in only]


def _check(only: list[str] | None, names: Sequence[str]) -> None:
    unknown = sorted(set(only or ()) - set(names))
    if unknown:
        raise typer.BadParameter(
            f"{', '.join(unknown)}: expected one of: {', '.join(names)}", param_hint="--only"
        )


def _progress(case: str, sample: Sample) -> None:
    typer.echo(
        f"{case}: {sample.steps_per_second:,.0f} timesteps/s, {sample.cpu_ms:.2f} ms of CPU each, "
        f"{sample.peak_mb:,.0f} MB",
        err=True,
    )


def _report(results: list[Comparison], rounds: int, threads: int, as_json: bool) -> None:
    if as_json:
        print_json([_row(result) for result in results])
        return
    columns = ["case", "reference", "timesteps/s", "reference's", "ratio", "goal", "CPU ratio", "peak memory"]
    print_table(columns, [_cells(result) for result in results], right=columns[2:])
    typer.echo(f"medians of {rounds} round(s) and range, {threads} thread(s) a process")


def _row(result: Comparison) -> dict[str, Any]:
    return {
        **asdict(result.pair),
        "about": CASES[result.pair.case].about,
        "reference_about": CASES[result.pair.reference].about,
        "timesteps_per_second": result.speed,
        "reference_timesteps_per_second": result.reference_speed,
        "speed_ratio": result.speed_ratio,
        "speed_ratios": result.ratios,
        "cpu_ratio": result.cpu_ratio,
        "peak_mb": result.peak_mb,
        "samples": [asdict(sample) for sample in result.samples],
        "reference_samples": [asdict(sample) for sample in result.reference_samples],
    }


def _cells(result: Comparison) -> list[str]:
    pair, ratios = result.pair, result.ratios
    return [
        CASES[pair.case].about,
        CASES[pair.reference].about,
        f"{result.speed:,.0f}",
        f"{result.reference_speed:,.0f}",
        f"{result.speed_ratio:.2f} [{min(ratios):.2f}, {max(ratios):.2f}]",
        "" if pair.goal is None else f"{pair.goal:g}",
        f"{result.cpu_ratio:.2f}",
        f"{result.peak_mb:,.0f} MB",
    ]


def _table3_cells(row: Row) -> list[str]:
    return [
        row.env_id,
        str(row.batch_size),
        row.algo,
        f"{row.steps_per_second:,.0f}",
        "" if row.ratio is None else f"{row.ratio:.2f}",
        "" if row.paper is None else f"{row.paper:,.0f}",
        "" if row.paper_ratio is None else f"{row.paper_ratio:.2f}",
        f"{row.cpu_ms:.2f}",
    ]
